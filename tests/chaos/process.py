"""A worker or a sink for the fault suite: the real one, which stops where it is told to, or lacks one protection.

    python -m tests.chaos.process worker|sink --settings FILE

    CHAOS_AT=after-changelog:17       SIGKILL to itself when it comes by that place for the 17th time
    CHAOS_AT=stop@after-apply:5       SIGSTOP instead
    CHAOS_WITHOUT=commit-early,...    the protections that are switched off: see `tests/chaos/without.py`

    CHAOS_CLOCK=-3600000              its clock is an hour slow; `jumps` lets it jump by up to half an hour, again and again
    CHAOS_DISK=full                   every write to a file or to its log fails
    CHAOS_COPIES=yes                  where it keeps copies of its tables, it copies small ones too, and as often as it can

Nothing of this is in the product: what it changes are classes of this process, before the worker is made.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

from streams.delivery.contracts import Work
from streams.lanes import Lane, Way

ENGINE_POINTS = (
    "after-apply", "in-changelog", "after-changelog", "in-outputs", "after-outputs", "before-commit", "after-commit",
)  # fmt: skip
SINK_POINTS = ("before-insert", "in-insert", "after-insert", "sink-before-commit", "sink-after-commit")


class Point:
    """One place at which this process ends."""

    def __init__(self, told: str) -> None:
        kind, _, place = told.rpartition("@")
        self.name, _, number = place.partition(":")
        self._left = int(number or 1)
        self._signal = signal.SIGSTOP if kind == "stop" else signal.SIGKILL
        self._told = told

    def reach(self, name: str) -> None:
        if self.due(name):
            self.end()

    def due(self, name: str) -> bool:
        """Whether it is now."""
        if name != self.name:
            return False
        self._left -= 1
        return self._left == 0

    def end(self) -> None:
        os.write(2, f"reached {self._told}\n".encode())
        os.kill(os.getpid(), self._signal)


class Watched:
    """An appender that can end in the middle of what it is asked for, or right after it."""

    def __init__(self, inner: Any, point: Point) -> None:
        self._inner, self._point, self.written = inner, point, inner.written

    async def append(self, topic: str, partition: int, groups: Any) -> Any:
        if len(groups) > 1 and self._point.due("in-changelog"):
            await self._inner.append(topic, partition, groups[: len(groups) // 2])
            self._point.end()
        appended = await self._inner.append(topic, partition, groups)
        self._point.reach("after-changelog")
        return appended

    async def publish(self, outputs: Any, written: Any = None) -> None:
        if len(outputs) > 1 and self._point.due("in-outputs"):
            await self._inner.publish(outputs[: len(outputs) // 2], written)
            self._point.end()
        await self._inner.publish(outputs, written)
        self._point.reach("after-outputs")


def end_engine_at(point: Point) -> None:
    init, do = Lane.__init__, Lane.do

    def watched(self: Lane, name: str, task: Any, readings: Any, way: Way) -> None:
        def durable(topic: str, offset: int) -> None:
            point.reach("before-commit")
            way.durable(topic, offset)

        init(self, name, task, readings, way._replace(appender=Watched(way.appender, point), durable=durable))  # type: ignore[arg-type]

    async def doing(self: Lane, work: Work) -> None:
        if work.outputs:
            point.reach("after-apply")
        await do(self, work)

    Lane.__init__, Lane.do = watched, doing  # type: ignore[method-assign]
    _after_commits(point, "after-commit")


def end_sink_at(point: Point) -> None:
    from streams import sink_assignment, sink_writing

    write, deliver = sink_writing.Writing.write, sink_writing.deliver
    init = sink_assignment.Assignment.__init__

    async def writing(self: Any, tables: Any) -> Any:
        if "stages" in tables:
            return await write(self, tables)
        point.reach("before-insert")
        bad = await write(self, tables)
        point.reach("after-insert")
        return bad

    def delivering(writer: Any, table: str, *rest: Any) -> Any:
        bad = deliver(writer, table, *rest)
        if table != "stages":
            point.reach("in-insert")
        return bad

    def watched(self: Any, tools: Any, partitions: int, durable: Callable[..., None]) -> None:
        def told(tp: Any, offset: int) -> None:
            point.reach("sink-before-commit")
            durable(tp, offset)

        init(self, tools, partitions, told)

    sink_writing.Writing.write = writing  # type: ignore[method-assign]
    sink_writing.deliver = delivering
    sink_assignment.Assignment.__init__ = watched  # type: ignore[method-assign]
    _after_commits(point, "sink-after-commit")


def _after_commits(point: Point, name: str) -> None:
    from streams.batch.consumer import BatchConsumer

    commit = BatchConsumer._commit

    async def committing(self: Any, offsets: Any) -> Any:
        done = await commit(self, offsets)
        if offsets:
            point.reach(name)
        return done

    BatchConsumer._commit = committing


def set_clock(told: str) -> None:
    """What this process takes for the time, in everything that it computes and stamps."""
    luck = Random(os.getpid())
    offset = [0 if told == "jumps" else int(told), 0]

    def wall_ms() -> int:
        now = time.time_ns() // 1_000_000
        if told == "jumps" and now >= offset[1]:
            offset[:] = luck.randint(-1_800_000, 1_800_000), now + luck.randint(100, 700)
        return now + offset[0]

    class Clock:
        """What `append` knows of the module `time`."""

        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def time() -> float:
            return wall_ms() / 1000

    from streams.batch import append

    init = Lane.__init__

    def skewed(self: Lane, name: str, task: Any, readings: Any, way: Way) -> None:
        init(self, name, task, readings, way._replace(now=wall_ms))

    append.time = Clock  # type: ignore[assignment]
    Lane.__init__ = skewed  # type: ignore[method-assign]


def fill_disk() -> None:
    """No file may grow by a byte, and what goes to stdout and stderr fails as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    os.dup2(full, 2)


def copy_often() -> None:
    """A table of a case has some ten entities, and a worker lives for some seconds."""
    from streams import copier
    from streams.batch.copies import Copies

    Copies.__init__.__defaults__ = (5,)  # type: ignore[misc]  # fewest
    copier.LOOK_S, copier.OLDEST_S, copier.BEHIND = 0.05, 0.5, 1  # type: ignore[misc]


def main() -> None:
    if os.environ.pop("CHAOS_COPIES", ""):
        copy_often()
    clock, disk = os.environ.pop("CHAOS_CLOCK", ""), os.environ.pop("CHAOS_DISK", "")
    if clock:
        set_clock(clock)
    if disk:
        fill_disk()
    told, without = os.environ.pop("CHAOS_AT", ""), os.environ.pop("CHAOS_WITHOUT", "")
    if without:
        from tests.chaos.without import switch_off

        for name in without.split(","):
            switch_off(name)
    if told:
        point = Point(told)
        (end_sink_at if point.name in SINK_POINTS else end_engine_at)(point)
    from streams.cli import main as command

    command()


if __name__ == "__main__":
    sys.argv[0] = "journeys"
    main()
