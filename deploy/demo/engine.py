"""One engine and one sink as processes of their own, with settings written for them; used by the demo, the tests and the bench."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.local.process import Guarded

ONE = "source"
"""The name of the source where there is one alone."""


class Plan(NamedTuple):
    """What a run needs to know. `definition` is a path; `sources` {name: source} where there are several topics."""

    folder: Path
    prefix: str
    kafka: str
    clickhouse: str
    database: str
    definition: Path
    source: str = "canonical"
    keyed_by: str | None = None
    partitions: int = 4
    metrics_port: int = 0
    topic: str | None = None
    sources: Mapping[str, str] | None = None

    @property
    def source_topic(self) -> str:
        return self.topic or f"{self.prefix}source"

    @property
    def topics(self) -> dict[str, str]:
        """{name of a source: its topic}."""
        if self.sources is None:
            return {ONE: self.source_topic}
        return {name: f"{self.prefix}raw-{name}" for name in self.sources}

    def write(self, name: str = "settings.toml") -> Path:
        """The settings file of this run."""
        keyed = f'keyed_by = "{self.keyed_by}"\n' if self.keyed_by else ""
        sources = self.sources or {ONE: self.source}
        catch_up = "exact" if len(sources) > 1 else "fast"  # several systems tell of the same people
        listed = "\n".join(
            f'[[sources]]\ntopic = "{topic}"\nsource = "{sources[name]}"\n{keyed}'
            for name, topic in self.topics.items()
        )
        path = self.folder / name
        path.write_text(
            f'''# Written for one run of the demo or of a test.
bootstrap = "{self.kafka}"
prefix = "{self.prefix}"
group = "{self.prefix}engine"
partitions = {self.partitions}
replication = 1
definition = "{self.definition}"
metrics_port = {self.metrics_port}

[clock]
wall = "off"
catch_up = "{catch_up}"

{listed}
[clickhouse]
url = "{self.clickhouse}"
database = "{self.database}"
'''
        )
        return path


class Process:
    """`journeys worker`, `journeys sink` or another role as a process that ends with ours."""

    def __init__(
        self, role: str, settings: Path, log: Path, env: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> None:
        self.role = role
        self.log = log
        self._settings = settings
        self._env = dict(env or {})
        self._options = options
        self._guarded: Guarded | None = None

    def start(self) -> Process:
        command = [sys.executable, "-m", "streams.cli", self.role, "--settings", str(self._settings), *self._options]
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._guarded = Guarded(command, self.log, env={"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **self._env})
        return self

    @property
    def pid(self) -> int:
        """Of the guard, whose only child it is."""
        assert self._guarded is not None, "start() comes first"
        return self._guarded.pid

    def ended(self) -> int | None:
        """Its exit status, None while it runs or before it was started."""
        return None if self._guarded is None else self._guarded.ended()

    def stop(self) -> None:
        """SIGTERM, then wait."""
        if self._guarded is not None:
            self._guarded.stop()

    def kill(self) -> None:
        """SIGKILL."""
        if self._guarded is not None:
            self._guarded.kill()

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def board(settings: Path, log: Path, port: int, token: str) -> Process:
    """`journeys board` on a port, with its token; not started yet."""
    return Process("board", settings, log, {"JOURNEYS_BOARD_TOKEN": token}, ["--port", str(port)])
