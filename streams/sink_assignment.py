"""Assignment: what one assignment of partitions brings to the sink, from taking over to giving up.

Batches are read into rows in slices; rows are written by a thread, one flush at a time; what is stored is durable.
While ClickHouse is away the flush under way is tried again and again, the next one fills, then every partition is held
back: the group membership stays, memory is bounded, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import structlog
from faust.types import TP

from schemas.event import Event
from sinks.clickhouse.batcher import Bounds, DeadRecord, SinkCore
from sinks.clickhouse.deliver import Bad
from sinks.clickhouse.retry import BadData, Refused, SinkError
from sinks.clickhouse.rows import Row
from sinks.clickhouse.writer import Writer
from streams.batch.fetch import Batch
from streams.delivery.contracts import Drop, Record
from streams.sink_writing import Rows, Writing

log = structlog.get_logger("journeys.sink")

SLICE = 500
"""Records read into rows in one go: about 10 ms for source records, which are decoded again."""

WAITING = 2
"""Batches of one partition that wait to be read."""

MOST = 20_000
"""Records of all partitions that wait to be read. As many rows may be collected and as many be on their way: with the
2 KB that a row and its record take, 120 MB in all."""

MOST_BYTES = 64 * 1024 * 1024
"""... and of their values, for records that are larger; batches of every partition may come on top (`fetch.BATCH_BYTES`)."""

FAILING_S = 120.0
"""A write that fails is tried again within half a minute, and fails again within a minute more: after that it hangs."""

LARGEST, SMALLEST = 4_000, 100
"""Records of one batch: below the smallest, handing it over costs more than reading it."""

BOUNDS = Bounds(rows=20_000)
"""What half a second brings at full speed; larger inserts are no faster."""

Read = Callable[[Record], Sequence[Event | Drop]]
"""The events of a source record that go into the events table, and why others do not."""


class Tools(NamedTuple):
    """What every assignment works with.

    topics   {Kafka's name: logical name} of published topics
    reads    {source topic: how its events are read}
    stages   the rows of the table `stages`
    connect  makes a Writer; called in the writing thread. Raises a SinkError
    bury     sends dead letters; returns when they are durable
    counts   (name, label) -> how often
    """

    topics: Mapping[str, str]
    reads: Mapping[str, Read]
    stages: Sequence[Row]
    connect: Callable[[], Writer]
    bury: Callable[[Sequence[DeadRecord[Record]]], Awaitable[None]]
    counts: Counter[tuple[str, str]]


class Assignment:
    """`durable(partition, offset)` is told that all before the offset is stored. `partitions`: how many there are."""

    def __init__(self, tools: Tools, partitions: int, durable: Callable[[TP, int], None]) -> None:
        self.flush_seconds = 0.0
        self._tools = tools
        self._partitions = partitions
        self._durable = durable
        self._core: SinkCore[Record] = SinkCore(BOUNDS, tools.topics)
        self._writing = Writing(tools.connect, self._told)
        self._batches: Counter[TP] = Counter()
        self._records = self._bytes = 0
        self._inbox: deque[Batch] = deque()
        self._wake = asyncio.Event()
        self._open = True
        self._away_since: float | None = None
        self._failed_at = 0.0

    # --- batches come ------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        """Most records of one batch, so that one of every partition is not too many."""
        room = (MOST - self._records) // max(1, self._partitions)
        return min(LARGEST, max(SMALLEST, room))

    @property
    def rows(self) -> int:
        """Rows collected and not on their way yet."""
        return self._core.rows

    @property
    def waits(self) -> str:
        """Empty while writes succeed. The longest pause and the client's patience together are shorter than this."""
        tried = self._away_since is not None and time.monotonic() - self._failed_at < FAILING_S
        return "ClickHouse does not take what is written" if tried else ""

    def held(self, tp: TP) -> bool:
        full = self._records >= MOST or self._bytes >= MOST_BYTES or self._core.full()
        return not self._open or self._batches[tp] >= WAITING or full

    def fetched(self, batch: Batch) -> None:
        """It is on its way: `put` or `leave` follows."""
        self._batches[TP(batch.topic, batch.partition)] += 1
        self._records += len(batch.records)
        self._bytes += batch.weight

    def leave(self, batch: Batch) -> None:
        """It waits no more."""
        self._batches[TP(batch.topic, batch.partition)] -= 1
        self._records -= len(batch.records)
        self._bytes -= batch.weight

    def put(self, batch: Batch) -> None:
        self._inbox.append(batch)
        self._wake.set()

    def close(self) -> None:
        """Store what is collected, without trying again, and end; what was not read yet is left alone."""
        self._open = False
        self._inbox.clear()
        self._writing.hurry()
        self._wake.set()

    # --- work --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until closed or cancelled. Raises Refused where no waiting helps, Stopped where it was closed meanwhile."""
        flushing: asyncio.Task[None] | None = None
        try:
            await self._register()
            while self._open or flushing is not None:
                now = _monotonic_ms()
                if flushing is not None and flushing.done():
                    await flushing
                    flushing = None
                if flushing is None and self._core.due(now):
                    flushing = asyncio.create_task(self._flush())
                    flushing.add_done_callback(lambda _: self._wake.set())
                elif self._inbox and not self._core.full():
                    await self._read(self._inbox.popleft())
                else:
                    await self._pause(now)
            if self._core.next_due() is not None:
                await self._flush()
        finally:
            if flushing is not None:
                flushing.cancel()
            self._writing.close()

    async def _register(self) -> None:
        """The states of the definition, before anything that refers to them. Rows of a new assignment are the same."""
        bad = await self._write({"stages": [row.values for row in self._tools.stages]})
        if bad["stages"]:
            raise Refused(f"the states of the definition do not fit table stages: {bad['stages'][0].detail}", "stages")

    async def _pause(self, now: int) -> None:
        due = self._core.next_due()
        self._wake.clear()
        try:
            async with asyncio.timeout(None if due is None else max(0.001, (due - now) / 1000)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _read(self, batch: Batch) -> None:
        """Every record into rows; then all before the batch's end can be committed, records or not."""
        for start in range(0, len(batch.records), SLICE):
            now = _monotonic_ms()
            for record in batch.records[start : start + SLICE]:
                self._add(record, now)
            await asyncio.sleep(0)
            if not self._open:
                return
        self._core.reach((batch.topic, batch.partition), batch.end, _monotonic_ms())
        self._tools.counts["read", batch.topic] += len(batch.records)
        self.leave(batch)

    def _add(self, record: Record, now: int) -> None:
        read = self._tools.reads.get(record.topic)
        if read is None:
            self._core.add(record, now)
            return
        events: list[Event] = []
        for found in read(record):
            if isinstance(found, Drop):
                self._tools.counts["dropped", found.reason] += 1
            else:
                events.append(found)
        self._core.add_events(record, events, now)

    async def _flush(self) -> None:
        """Store one flush, send what did not fit to the dead letters, then it may be committed."""
        flush = self._core.take()
        began = time.monotonic()
        bad = await self._write({table: batch.rows for table, batch in flush.tables.items()})
        for table, found in bad.items():
            self._tools.counts["rows", table] += len(flush.tables[table].rows) - len(found)
            for row, detail in found:
                flush.refused(table, row, detail)
        if flush.dropped:
            self._tools.counts["dropped", "undeliverable"] += flush.dropped
        if flush.dead:
            await self._tools.bury(flush.dead)
        for where, offset in self._core.done(flush).items():
            self._durable(TP(*where), offset)
        self.flush_seconds = time.monotonic() - began

    async def _write(self, tables: Mapping[str, Rows]) -> dict[str, list[Bad]]:
        bad = await self._writing.write(tables)
        if self._away_since is not None:
            log.info("write_succeeded", seconds_away=round(time.monotonic() - self._away_since, 1))
            self._away_since = None
        return bad

    def _told(self, problem: SinkError, attempt: int) -> None:
        """A write failed. Rows that do not fit are told of when they are set aside."""
        self._tools.counts["failure", type(problem).__name__] += 1
        if isinstance(problem, BadData):
            return
        self._failed_at = time.monotonic()
        self._away_since = self._away_since or self._failed_at
        if attempt in (0, 3) or attempt % 20 == 0:
            log.warning("write_failed", reason=str(problem), attempt=attempt)


def _monotonic_ms() -> int:
    """Ages are by this clock: the wall's may be set back."""
    return int(time.monotonic() * 1000)
