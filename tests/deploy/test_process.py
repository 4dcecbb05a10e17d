"""A guarded process never outlives the one that started it, whichever way that one ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from deploy.local.process import PORTS, Guarded, free_port, listens

pytestmark = pytest.mark.xdist_group("processes")

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
PATIENCE_S = 20.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain until {what}"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def alive(pid: int) -> bool:
    """Running, and not merely waiting for somebody to read its exit status."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def started(tmp_path: Path, command: list[str] = SLEEPER) -> tuple[Guarded, int]:
    log = tmp_path / "log"
    guarded = Guarded(command, log)
    wait_until(lambda: "up" in log.read_text(), "the command runs")
    return guarded, children(guarded.pid)[0]


def test_kill_returns_when_the_command_is_gone(tmp_path: Path) -> None:
    guarded, command = started(tmp_path)
    guarded.kill()
    assert not alive(command)
    assert guarded.ended() == 128 + signal.SIGKILL


def test_stop_lets_the_command_finish_its_work(tmp_path: Path) -> None:
    program = """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: (print("tidied", flush=True), sys.exit(3)))
        print("up", flush=True)
        signal.pause()
    """
    guarded, _ = started(tmp_path, [sys.executable, "-c", textwrap.dedent(program)])
    guarded.stop()
    assert guarded.ended() == 3
    assert "tidied" in (tmp_path / "log").read_text()


def test_a_command_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    guarded = Guarded([sys.executable, "-c", "raise SystemExit(7)"], tmp_path / "log")
    wait_until(lambda: guarded.ended() == 7, "its status is known")
    guarded.kill()  # nothing left to kill, and no complaint


def test_the_command_dies_when_its_guard_is_killed(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the kernel offers this on Linux only")
    guarded, command = started(tmp_path)
    os.kill(guarded.pid, signal.SIGKILL)
    wait_until(lambda: not alive(command), "the command is gone")


PARENT = """
    import os, sys, time
    from pathlib import Path
    from deploy.local.process import Guarded
    folder = Path(sys.argv[1])
    (folder / "data").mkdir()
    guarded = Guarded([sys.executable, "-c", "import time; time.sleep(600)"], folder / "log", leftovers=folder / "data")
    if sys.argv[2] == "fork" and os.fork() == 0:
        time.sleep(600)  # a child of the parent that holds the other end of the guard's pipe
    print(guarded.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_a_killed_parent_leaves_neither_process_nor_folder(tmp_path: Path, how: str) -> None:
    arguments = [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path), how]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout is not None
    guard = int(parent.stdout.readline())
    wait_until(lambda: bool(children(guard)), "the command runs")
    command = children(guard)[0]
    try:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not alive(command) and not alive(guard), "both are gone")
        wait_until(lambda: not (tmp_path / "data").exists(), "the folder is gone")
    finally:
        if how == "fork":
            os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


def test_a_free_port_lies_below_the_ports_of_outgoing_connections() -> None:
    port = free_port()
    assert port in PORTS
    assert not listens("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)):
        assert listens("127.0.0.1", port)
