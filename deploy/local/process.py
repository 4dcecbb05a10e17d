"""A server of our own on this machine: started, awaited, killed, restarted on the same data, and never left behind."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Say = Callable[[str], None]
"""Takes one line about progress, for a person."""

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the range from which Linux and macOS take the ports of outgoing connections: a client that keeps knocking at a
dead port of that range can connect to itself, and the server could then not come back to its port."""

START_S = 90.0
"""Seconds a server may take to answer. It takes three; a machine that is compiling something else takes twenty."""
STOP_S = 20.0
"""Seconds between asking a server to end and ending it."""
ATTEMPTS = 5
"""Starts before we give up finding free ports. A second one is rare already."""
LOOK_S = 0.05
"""Seconds between two looks whether it answers."""


class ServiceError(RuntimeError):
    """A local server did not start, or an existing one does not answer. The message says what to do."""


def quiet(line: str) -> None:
    """The `Say` that says nothing."""


def free_port() -> int:
    """A port of this host that nobody listens on now. Somebody may take it before we do: `start` then takes another."""
    # SystemRandom: Hypothesis seeds the module's own generator, and two test runs would draw the same ports.
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ServiceError(f"found no free port between {PORTS.start} and {PORTS.stop} on {HOST}; name one with port=")


def listens(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Does anything take connections there?"""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


class Guarded:
    """A running command under `guard.py`. Ctrl-C does not reach it: whoever started it decides when it ends."""

    def __init__(
        self, command: Sequence[str], log: Path, *, leftovers: Path | None = None, env: Mapping[str, str] | None = None
    ):
        guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*guard, str(os.getpid()), str(leftovers or ""), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        """Of the guard; the command is its only child."""
        return self._process.pid

    def ended(self) -> int | None:
        """The command's exit status, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """kill -9 of the command; returns when it is gone and reaped, so that its port and files are free again."""
        self._order(b"K")
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and after `STOP_S` end it."""
        self._order(b"T")
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _order(self, letter: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended by itself a moment ago
            self._process.stdin.write(letter)


class LocalService:
    """What LocalKafka and LocalClickHouse share. A subclass says how to prepare, run and ask its server.

    `data` is the folder that holds the server's files; without one, a temporary folder that goes with `stop`.
    `port` is kept over restarts; without one, a free port. Use it as a context manager, or call start and stop.
    """

    name = "a server"

    def __init__(self, data: Path | None = None, *, port: int | None = None, say: Say = quiet):
        self.host = HOST
        self._wanted_port = port
        self._port = port
        self._wanted_data = data
        self._folder: Path | None = data
        self._say = say
        self._guarded: Guarded | None = None

    # -- what a subclass says -------------------------------------------------------------------------------------

    def _command(self) -> Sequence[str]:
        """Write what the server needs into `folder`; the command that runs it on `port`."""
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        """Variables it needs beside ours."""
        return {}

    def _answers(self) -> bool:
        """Does it answer a real request? May take a second, and raises nothing."""
        raise NotImplementedError

    # -- what everybody uses --------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port it listens on; known from `start` on, the same after a restart."""
        if self._port is None:
            raise ServiceError(f"{self.name} has no port yet: call start() first")
        return self._port

    @property
    def folder(self) -> Path:
        """The folder with its data, settings and log; known from `start` on."""
        if self._folder is None:
            raise ServiceError(f"{self.name} has no folder yet: call start() first")
        return self._folder

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """Of the guard; the server is its only child."""
        if self._guarded is None:
            raise ServiceError(f"{self.name} does not run: call start() first")
        return self._guarded.pid

    @property
    def running(self) -> bool:
        return self._guarded is not None and self._guarded.ended() is None

    def start(self) -> Self:
        """Start it and wait until it answers. Raises ServiceError with the end of its log when it does not."""
        if self.running:
            return self
        self._make_folder()
        try:
            for _ in range(ATTEMPTS):
                if self._launch():
                    return self
                self._port = self._wanted_port  # somebody was quicker: other ports
            raise ServiceError(f"{self.name} found its ports taken {ATTEMPTS} times; name a free one with port=")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it. Temporary data goes with it, so it is not asked to write anything down first."""
        temporary = self._wanted_data is None
        if self._guarded is not None:
            self._guarded.kill() if temporary else self._guarded.stop()
            self._guarded = None
        if temporary and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder, self._port = None, self._wanted_port

    def kill(self) -> None:
        """kill -9, as a power cut would. Data and port stay for `start` or `restart`."""
        if self._guarded is not None:
            self._guarded.kill()
            self._guarded = None

    def restart(self) -> Self:
        """Start it again on the same data and port, after asking it to end if it still runs."""
        if self._guarded is not None:
            self._guarded.stop()
            self._guarded = None
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- how ------------------------------------------------------------------------------------------------------

    def _make_folder(self) -> None:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"journeys-{type(self).__name__.lower()}-"))
        self._folder.mkdir(parents=True, exist_ok=True)

    def _launch(self) -> bool:
        """One attempt. False: our port was taken between choosing and using it."""
        self._port = self._port or free_port()
        if listens(self.host, self._port):  # asked before: another server of our kind would answer in our place
            raise self._taken()
        leftovers = self.folder if self._wanted_data is None else None
        log_starts = self.log.stat().st_size if self.log.exists() else 0
        self._guarded = Guarded(
            self._command(), self.log, leftovers=leftovers, env={"TZ": "UTC", **self._environment()}
        )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._guarded.ended() is not None:
                return self._explain_end(self._log_since(log_starts))
            if time.monotonic() > deadline:
                raise ServiceError(
                    self._complaint(f"does not answer after {START_S:.0f} s", self._log_since(log_starts))
                )
            time.sleep(LOOK_S)
        return True

    def _explain_end(self, log: str) -> bool:
        taken = "address already in use" in log.lower()
        if taken and (self._wanted_port is None or not listens(self.host, self.port)):
            return False  # in the second case it was a port beside ours, which a new start chooses anew
        if taken:
            raise self._taken()
        raise ServiceError(self._complaint("ended while starting", log))

    def _taken(self) -> ServiceError:
        return ServiceError(f"{self.name} cannot listen on port {self.port}: it is taken; name another, or none")

    def _complaint(self, what: str, log: str) -> str:
        # Without the call stacks of Java, which fill the end of a log and say nothing to the reader.
        told = [line for line in log.splitlines() if line.strip() and not line.startswith(("\tat ", "\t... "))]
        tail = "\n".join(f"  {line[:300]}" for line in told[-20:])
        return f"{self.name} on {self.host}:{self.port} {what}; its log ends:\n{tail or '  (empty)'}"

    def _log_since(self, position: int) -> str:
        with self.log.open("rb") as log:
            log.seek(position)
            return log.read().decode("utf-8", "replace")
