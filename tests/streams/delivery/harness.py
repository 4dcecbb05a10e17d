"""A task with its changelog as a list, driven the way the shell does it, one work at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import Output, Record, Work
from streams.delivery.settings import TaskSettings
from streams.delivery.table import Change
from streams.delivery.task import Task
from tests.simulation.toys import CountingUsers

STILL = ClockSettings(wall=False)
SETTINGS = TaskSettings(heartbeats={"members": 1}, clock=STILL)


def event(offset: int, user: str, at: int, kind: str = "e", topic: str = "direct") -> Record:
    value = f"{user}|acme|{at}|{offset}|{kind}".encode()
    return Record(topic, 0, offset, at, user.encode(), value)


class Driven:
    """A task that has taken over `log`, a changelog of (key, value)."""

    def __init__(
        self,
        log: list[Change] | None = None,
        generation: int = 1,
        settings: TaskSettings = SETTINGS,
        inputs: tuple[str, ...] = ("direct",),
        origins: Mapping[str, Sequence[str]] | None = None,
        logic: Any = None,
    ) -> None:
        self.log: list[Change] = [] if log is None else log
        self.task: Task[Any] = Task(logic or CountingUsers(), 0, inputs, generation, "users/0", origins or {}, settings)
        self.published: list[Output] = []
        self.committed: dict[str, int] = {}
        self.now = 0

    def take_over(self) -> Driven:
        self.task.restore(self.log)
        base = len(self.log)
        self.log += self.task.claim().changelog[0]
        assert self.task.claimed(base, base)
        self.do(self.task.restored())
        return self

    def do(self, work: Work | None) -> None:
        if work is not None:
            self.append(work)
            self.publish(work)

    def append(self, work: Work) -> None:
        for group in work.changelog:
            base = len(self.log)
            self.log += group
            self.task.appended(base, len(group))

    def publish(self, work: Work) -> None:
        self.published += work.outputs
        self.task.acknowledged(work)
        self.committed |= work.commit or {}

    def read(self, *records: Record) -> Work:
        return self.task.process(records[0].topic, records, self.now, False)

    def take(self, *records: Record) -> None:
        self.do(self.read(*records))

    def tick(self, ms: int) -> None:
        self.now += ms
        self.do(self.task.tick(self.now, ("direct",)))

    def values(self, topic: str) -> list[bytes | None]:
        return [output.value for output in self.published if output.topic == topic]
