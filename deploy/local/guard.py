"""Runs one command and lets it outlive nobody: when the process that started this one is gone, so is the command.

Run as a script by `process.py`, with the standard library alone so that it starts in a few milliseconds:

    guard.py PARENT_PID LEFTOVERS COMMAND [ARGUMENT ...]

It obeys bytes on standard input: `T` asks the command to end (SIGTERM), `K` ends it (SIGKILL). End of input, or another
parent than PARENT_PID, means that the parent died: the command is killed and the folder LEFTOVERS (may be empty: none)
is removed. Three ways lead there, because each alone has a hole: the pipe misses a parent whose forked child still
holds the other end, the parent's pid is looked at twice a second only, and PR_SET_PDEATHSIG covers this very process
being killed, but exists on Linux alone and would fire when a mere *thread* of the parent ends.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

LOOK_AT_PARENT_S = 0.5
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command to its end; its exit status, or 128 + signal as a shell says it."""
    parent, leftovers, command = int(arguments[0]), arguments[1], arguments[2:]
    wakeup = _wake_on_signals()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_us())
    orders = {b"T": child.terminate, b"K": child.kill}
    while child.poll() is None:
        if not _obey(orders, wakeup, parent):
            child.kill()
            child.wait()
            if leftovers:
                shutil.rmtree(leftovers, ignore_errors=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _obey(orders: dict[bytes, Callable[[], None]], wakeup: int, parent: int) -> bool:
    """Wait for an order, a signal or the next look at the parent. False: there is no parent any more."""
    readable, _, _ = select.select([0, wakeup], [], [], LOOK_AT_PARENT_S)
    if wakeup in readable:
        os.read(wakeup, 64)
    if 0 in readable:
        order = os.read(0, 1)
        if not order:
            return False
        orders[order]()
    return os.getppid() == parent


def _wake_on_signals() -> int:
    """A descriptor that becomes readable when the command ends. Ctrl-C and SIGTERM are for the parent to act on."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # Handlers that do nothing, and not SIG_IGN: an ignored signal stays ignored in the command itself.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


def _die_with_us() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
