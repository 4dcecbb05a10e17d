"""Lanes: one partition of one task each; a lane computes works in order and does them in order.

Batches wait in a lane first in, first out. Computing pauses after some ms and lets the loop turn, so that all lanes and
their sends go on. While one work is being done (changelog, outputs, acknowledgement, in this order), the next one is
computed; it is begun when the one before is done.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from types import MappingProxyType
from typing import Any, NamedTuple

from streams.batch.append import Appender
from streams.batch.fetch import Batch
from streams.delivery.contracts import NOTHING_YET, Output, Record, Work
from streams.delivery.decode_task import DecodeTask
from streams.delivery.task import Task
from streams.memory import uncollected

TURN_S = 0.010
"""Computing for longer than this keeps sends and heartbeats of other lanes waiting."""

BEHIND_S = 3.0
"""A slice takes one turn of computing; of a partition that is behind, as many as this allows: each slice costs a dozen sends
and a record of each entity that it touches, whatever is in it, and nobody waits for its first record any more. A worker that
is told to give its partitions up ends the slices that it has begun, so only one lane at a time computes one of those."""

SLICE_RECORDS = 4_000
"""Records of a slice, however cheap they are: what it publishes should not wait for more."""

LONG_RECORDS = 48_000
"""... or this many, where a partition is behind by more than those and they move time by little (`DENSE_MS`): of 25,000
users 0.91 are touched a record in a slice of 4,000, 0.71 in one of 16,000, and 0.44 in one of these (docs/performance.md).
What waits for a slice is bounded too (`FAR_AHEAD` in `streams/engine.py`)."""

DENSE_MS = 43_200_000
"""Event time of a slice up to which the next one may be that long. What one partition is ahead of others is kept open."""

LINGER_S = 3.0
"""So long records of a hop may wait for more of them while a source of this worker is behind: slices of 2,000 members'
facts write half the bytes that slices of 230 do (docs/performance.md)."""

STEP = 200
"""Records or entities between two looks at the clock: some ms, where each folds a few inputs."""

FRESH_MS = 2_000
"""An end of topic that the broker told us longer ago than this is not known to be the end any more."""

NOT_FETCHED = (-1, 0)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Reading:
    """One input partition of a lane. end: offset up to which it is computed; waiting: batches fetched, not computed."""

    __slots__ = ("end", "waiting")

    def __init__(self, end: int) -> None:
        self.end = end
        self.waiting = 0


class Way(NamedTuple):
    """What a lane needs of the world.

    changelog  (topic, partition); None for a task without state
    durable    (input topic, offset): all before it is durable and published
    progress   input topic -> (its end, when the broker said so in ms); (-1, 0) when it has not
    hold       (lane, topic) -> whether its next batch must wait; the lane is woken when that may have changed
    moved      this lane has computed a slice
    until      {source topic: time (ms) that it is to end at once it has been read to its end}
    span       {source topic: most event time (ms) of a slice}: between two of them others have their turn
    after      topic -> whether it is a hop, and a source of this worker is behind: then nobody waits for it either
    judge      (topic, records, what came of them) -> raises where a source has too many dead letters
    long       whoever computes a slice of many turns holds it; one for all lanes of a worker
    """

    appender: Appender
    changelog: tuple[str, int] | None
    durable: Callable[[str, int], None]
    progress: Callable[[str], tuple[int, int]]
    until: Mapping[str, int] = MappingProxyType({})
    span: Mapping[str, int] = MappingProxyType({})
    hold: Callable[[Lane, str], bool] = lambda lane, topic: False
    moved: Callable[[Lane], None] = lambda lane: None
    after: Callable[[str], bool] = lambda topic: False
    now: Callable[[], int] = wall_ms
    judge: Callable[[str, Sequence[Record], Sequence[Output]], None] = lambda topic, records, outputs: None
    long: AbstractAsyncContextManager[object] = nullcontext()


class Lane:
    """Drives one task. `run` until it is closed; whatever `run` raises ends the process."""

    def __init__(self, name: str, task: Task[Any] | DecodeTask, readings: dict[str, Reading], way: Way) -> None:
        self.name = name
        self.task = task
        self.readings = readings
        self.works = 0
        self._way = way
        self._inbox: dict[str, deque[Batch]] = {topic: deque() for topic in readings}
        self._taken = dict.fromkeys(readings, 0)  # records of each topic's first batch that are computed
        self._durable = {topic: reading.end for topic, reading in readings.items()}
        self._gaps: dict[str, deque[tuple[int, int]]] = {topic: deque() for topic in readings}
        # Records computed in one go; adapts to what a record costs and, where a slice has a span, how far it goes.
        self.slice = 1 if way.span else 100
        self.behind: set[str] = set()  # inputs that are, as of the last slice of each
        self._sliced_at = dict.fromkeys(readings, 0.0)
        self.longest = 0.0  # seconds that the longest computing in one go took; whoever reports it sets it back
        self._wake = asyncio.Event()
        self._held = False  # all that waits here waits for partitions that are behind
        self._tick_due = False
        self._closing = False
        self._doing: asyncio.Task[None] | None = None

    # --- called from outside -----------------------------------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        self._inbox[batch.topic].append(batch)
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something to do."""
        self._held = False
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Batches that are not computed yet."""
        return sum(map(len, self._inbox.values()))

    @property
    def is_held(self) -> bool:
        """Whether all that waits here waits for partitions that are behind."""
        return self._held

    def nudge(self) -> None:
        """Time has passed."""
        self._tick_due = True
        self.wake()

    def close(self) -> None:
        """Compute nothing more. Batches that wait are read again by the next owner."""
        self._closing = True
        self._wake.set()

    def abandon(self) -> None:
        """It takes too long: what is being done may or may not happen. The partition has to be recovered."""
        self.close()
        if self._doing is not None:
            self._doing.cancel()

    async def run(self) -> None:
        """Works until `close`; returns when the last of them is done."""
        while (work := await self._next()) is not None:
            await self._finish_doing()
            self._begin(work)
            await asyncio.sleep(0)
        await self._finish_doing()

    async def drain(self) -> None:
        """After `run` has returned: write everything, so that all that was read can be committed."""
        if isinstance(self.task, Task):
            await self.do(self.task.drain(self._way.now()))

    # --- doing -------------------------------------------------------------------------------------------------------

    async def do(self, work: Work) -> None:
        """State first, then what follows from it, then that it is so, then what need not be read again."""
        if work.changelog and self._way.changelog is not None and isinstance(self.task, Task):
            topic, partition = self._way.changelog
            for base_offset, count in await self._way.appender.append(topic, partition, work.changelog):
                self.task.appended(base_offset, count)
        if work.outputs:
            await self._way.appender.publish(work.outputs, self._written())
        self.task.acknowledged(work)
        self.works += 1
        for topic, offset in (work.commit or {}).items():
            self._tell(topic, offset)

    def _written(self) -> int | None:
        """When the state that our outputs follow from became durable: with this work, or, where they are sent again, before
        our claim."""
        return None if self._way.changelog is None else self._way.appender.written.get(self._way.changelog)

    def _tell(self, topic: str, offset: int) -> None:
        """All before `offset` is durable, and so is what follows as far as it holds no records (a transaction's marker)."""
        gaps = self._gaps.get(topic)
        while gaps and gaps[0][0] <= offset:
            offset = max(offset, gaps.popleft()[1])
        self._durable[topic] = max(offset, self._durable.get(topic, offset))
        self._way.durable(topic, offset)

    def _begin(self, work: Work) -> None:
        self._doing = asyncio.create_task(self.do(work), name=self.name)
        self._doing.add_done_callback(lambda _: self._wake.set())

    async def _finish_doing(self) -> None:
        if self._doing is not None:
            doing, self._doing = self._doing, None
            await doing

    # --- computing ---------------------------------------------------------------------------------------------------

    async def _next(self) -> Work | None:
        """The next work, as soon as there is something to do; None when the lane is closed."""
        while not self._closing:
            self._wake.clear()
            if self._doing is not None and self._doing.done():
                await self._finish_doing()  # a failure must not wait for the next work
            work = await self._compute()
            if work is not None:
                return work
            await self._wake.wait()
        return None

    async def _compute(self) -> Work | None:
        if isinstance(self.task, Task) and self.task.backlog:
            return self._tick()
        topic = None if self._held else self._next_topic()
        if topic is not None:
            work = await self._process(topic)
            self._way.moved(self)
            return work
        if self._tick_due:
            self._tick_due = False
            return self._tick()
        return None

    def _next_topic(self) -> str | None:
        """An input with a batch that may be computed, each in its turn."""
        waiting = [topic for topic, batches in self._inbox.items() if batches]
        for topic in waiting:
            if not self._way.hold(self, topic) and not self._lingers(topic):
                self._inbox[topic] = self._inbox.pop(topic)  # to the end of the line
                return topic
        self._held = bool(waiting)
        return None

    def _lingers(self, topic: str) -> bool:
        """Whether to wait for more of this hop, so that a slice is worth its while."""
        if not self._way.after(topic) or time.monotonic() - self._sliced_at[topic] >= LINGER_S:
            return False
        return sum(len(batch.records) for batch in self._inbox[topic]) < min(self.slice, SLICE_RECORDS)

    async def _process(self, topic: str) -> Work | None:
        """One slice, when it is its turn."""
        if not self._in_no_hurry(topic):
            return await self._slice(topic)
        async with self._way.long:
            with uncollected():
                return None if self._closing else await self._slice(topic)

    async def _slice(self, topic: str) -> Work | None:
        """One slice of what waits of this input."""
        records, whole, highwater = self._gather(topic)
        if not records:
            self._end_batches(whole)
            self.behind.discard(topic)
            self._wake.set()  # an empty batch is no work, but another one may follow it
            return None
        before = self.task.time_of(topic)
        work, seconds = await self._in_turns(topic, records, self._is_all(topic, whole))
        self._end_batches(whole)
        self._way.judge(topic, records, work.outputs)
        moved = self.task.time_of(topic) - before if before > NOTHING_YET else None
        if highwater - records[-1].offset > SLICE_RECORDS:
            self.behind.add(topic)
        else:
            self.behind.discard(topic)
        self._adapt(len(records), seconds, moved, self._in_no_hurry(topic))
        self._sliced_at[topic] = time.monotonic()
        if moved is not None and topic in self._way.span:
            self._narrow(len(records), moved, self._way.span[topic])
        return work

    def _gather(self, topic: str) -> tuple[list[Record], list[Batch], int]:
        """(records of one slice, the batches that end in it, the topic's end as the last of its batches was told)."""
        records: list[Record] = []
        whole: list[Batch] = []
        highwater = 0
        for batch in self._inbox[topic]:
            taken, room = self._taken[topic], self.slice - len(records)
            if room <= 0:
                break
            records += batch.records[taken : taken + room]
            highwater = batch.highwater
            if taken + room < len(batch.records):
                self._taken[topic] += room
                break
            self._taken[topic] = 0
            whole.append(batch)
        return records, whole, highwater

    async def _in_turns(self, topic: str, records: Sequence[Record], caught_up: bool) -> tuple[Work, float]:
        """(work, seconds of computing it): a turn of computing, then the others', and so on."""
        spent, began = 0.0, time.perf_counter()
        for work in self.task.steps(topic, records, self._way.now(), caught_up, STEP):
            if work is not None:
                return work, spent + self._took(began)
            if time.perf_counter() - began >= TURN_S:
                spent += self._took(began)
                await asyncio.sleep(0)
                began = time.perf_counter()
        raise AssertionError("steps end with a work")

    def _is_all(self, topic: str, whole: list[Batch]) -> bool:
        """Whether the topic ends with these, for now."""
        return self.readings[topic].waiting == len(whole) > 0 and whole[-1].end >= whole[-1].highwater

    def _end_batches(self, whole: list[Batch]) -> None:
        """They are computed."""
        for batch in whole:
            self._inbox[batch.topic].popleft()
            reading = self.readings[batch.topic]
            reading.end = batch.end
            reading.waiting -= 1
            last = batch.records[-1].offset + 1 if batch.records else batch.begin
            if last < batch.end:
                self._gaps[batch.topic].append((last, batch.end))
                if last <= self._durable[batch.topic]:  # else when the records before it are
                    self._tell(batch.topic, self._durable[batch.topic])

    def _in_no_hurry(self, topic: str) -> bool:
        """Whether nobody waits for its next record: it is behind, or what it follows is."""
        return topic in self.behind or self._way.after(topic)

    def _adapt(self, records: int, seconds: float, moved: int | None, in_no_hurry: bool) -> None:
        """How long the next slice may be, by what this one took (s), and how far it moved time (ms), if that is known."""
        fit = int(records * (BEHIND_S if in_no_hurry else TURN_S) / max(seconds, 1e-6))
        dense = in_no_hurry and moved is not None and moved <= DENSE_MS
        self.slice = max(1, min(LONG_RECORDS if dense else SLICE_RECORDS, fit, self.slice * 2))

    def _narrow(self, records: int, moved: int, span: int) -> None:
        """What was read in one go has moved time by so much (ms): by no more than a span the next time, as far as one knows."""
        if moved > span // 2:
            self.slice = max(1, min(self.slice, records * span // moved))

    def _took(self, began: float) -> float:
        """Seconds of computing since then; everything else of this worker has waited as long."""
        seconds = time.perf_counter() - began
        self.longest = max(self.longest, seconds)
        return seconds

    def _tick(self) -> Work | None:
        began, now = time.perf_counter(), self._way.now()
        caught_up = {topic for topic, reading in self.readings.items() if self._caught_up(topic, reading, now)}
        empty = {topic for topic in caught_up if self._way.progress(topic)[0] == 0}
        for topic in caught_up & self._way.until.keys():
            self.task.promise(topic, self._way.until[topic])
        task = self.task
        work = (
            task.tick(now, caught_up, empty) if isinstance(task, Task) else task.tick(now, bool(caught_up), bool(empty))
        )
        self._took(began)
        return work

    def _caught_up(self, topic: str, reading: Reading, now: int) -> bool:
        end, told_at = self._way.progress(topic)
        return reading.waiting == 0 and 0 <= end <= reading.end and now - told_at < FRESH_MS
