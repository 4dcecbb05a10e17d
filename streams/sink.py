"""Sink: owns partitions of published and source topics, and stores what they hold. Implements `streams.batch.owner.Owner`.

Batches are read into rows in slices; rows are written by a thread, one flush at a time; what is stored is committed.
While ClickHouse is away the flush under way is tried again and again, the next one fills, then every partition is held
back: the group membership stays, memory is bounded, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from faust.types import TP

from schemas.event import Event
from sinks.clickhouse.batcher import DeadRecord, Flush, SinkCore
from sinks.clickhouse.deliver import Stopped, deliver
from sinks.clickhouse.retry import SinkError
from sinks.clickhouse.writer import Writer
from streams.batch.app import BatchApp
from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.fetch import Batch
from streams.batch.partition import Partitioner
from streams.delivery.contracts import Dead, Record
from streams.delivery.dead import TOPIC as DEAD_LETTERS
from streams.delivery.dead import dead_letter
from streams.delivery.ledger import Ledger, Take
from streams.graph import identity
from streams.lanes import wall_ms

log = structlog.get_logger("journeys.sink")

SLICE = 500
"""Records read into rows in one go: about 10 ms for source records, which are decoded again."""

WAITING = 2
"""Batches of one partition that wait to be read."""

FLUSH_S = 5.0
"""Within this what is collected is stored when partitions are taken away; else it is read again."""

Read = Callable[[Record], list[Event]]
"""The events of a source record, as far as they go into the events table."""


class Sink:
    """All partitions of one sink worker.

    topics  {Kafka's name: logical name} of published topics
    reads   {source topic: how its events are read}
    connect makes a Writer; called in the writing thread, again after it failed
    """

    limit = 4_000

    def __init__(
        self,
        app: BatchApp,
        topics: Mapping[str, str],
        reads: Mapping[str, Read],
        connect: Callable[[], Writer],
        prefix: str,
    ) -> None:
        self.batched = frozenset(topics) | frozenset(reads)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.flush_seconds = 0.0
        self._app = app
        self._reads = reads
        self._prefix = prefix
        self._core: SinkCore[Record] = SinkCore(topics=topics)
        self._ledger = Ledger()
        self._mine: set[TP] = set()
        self._committed: dict[TP, int] = {}
        self._waiting: Counter[TP] = Counter()
        self._inbox: deque[Batch] = deque()
        self._wake = asyncio.Event()
        self._open = False
        self._working: asyncio.Task[None] | None = None
        self._identities: dict[str, str] = {}
        self._appender: Appender | None = None
        self._writing = Writing(connect, self._told)

    # --- what the consumer asks --------------------------------------------------------------------------------------

    def held(self, tp: TP) -> bool:
        return not self._open or tp not in self._mine or self._waiting[tp] >= WAITING or self._core.full()

    def fetched(self, batch: Batch) -> None:
        if batch.generation == self._ledger.generation:
            self._waiting[TP(batch.topic, batch.partition)] += 1

    def start_of(self, tp: TP) -> int | None:
        return self._ledger.next_offset(tp)

    def committable(self) -> Mapping[TP, int]:
        found = ((tp, self._ledger.committable(tp)) for tp in self._mine)
        return {tp: offset for tp, offset in found if offset is not None}

    def changelog_end(self, tp: TP) -> int | None:
        return None

    def hand_over(self, batch: Batch) -> None:
        """A batch has come through Faust."""
        tp = TP(batch.topic, batch.partition)
        if tp not in self._mine or not self._open or batch.generation != self._ledger.generation:
            return
        expected = self._ledger.next_offset(tp)
        if expected is not None and batch.begin != expected:
            self._waiting[tp] -= 1
            self._spawn(self._app.batch_consumer.seek_batches({tp: expected}))
        elif isinstance(self._ledger.take(batch.generation, tp, batch.begin, batch.end), Take):
            self._inbox.append(batch)
            self._wake.set()

    # --- partitions come and go --------------------------------------------------------------------------------------

    async def take_over(self, assigned: Collection[TP], generation: int) -> None:
        consumer = self._app.batch_consumer
        if self._appender is None:
            await self._learn()
        committed = {tp: at for tp, at in (await consumer.committed()).items() if tp.topic in self.batched}
        async with BulkReader(self._app.group_options()) as reader:
            first = await reader.begins([tp for tp, at in committed.items() if at is None])
        starts = {tp: first[tp] if at is None else at for tp, at in committed.items()}
        self._ledger.assign(generation, dict(starts))
        self._mine, self._waiting, self._committed = set(starts), Counter(), starts
        self._inbox.clear()
        self._core.reset()
        self._open = True
        self._writing.go_on()
        self._working = self._spawn(self._work(generation))
        log.info("partitions_taken", generation=generation, partitions=len(starts))

    async def _learn(self) -> None:
        names = self.batched | {self._prefix + DEAD_LETTERS}
        topics = await self._app.batch_producer.describe(names)
        missing = sorted(names - topics.keys())
        if missing:
            raise RuntimeError(f"no such topic: {', '.join(missing)}; make ours with `journeys topics --apply`")
        self._identities = {name: identity(name, topics) for name in topics}
        counts = {name: topic.partitions for name, topic in topics.items()}
        self._appender = Appender(self._app.batch_producer, Partitioner(counts), self._prefix)

    async def give_up(self, revoked: Collection[TP]) -> None:
        """Store what is collected if ClickHouse answers soon; forget it otherwise."""
        self._open = False
        self._inbox.clear()
        self._wake.set()
        if self._working is None:
            return
        _, late = await asyncio.wait([self._working], timeout=FLUSH_S)
        self._writing.stop()
        for task in late:
            task.cancel()
        self._working = None

    def gave_up(self) -> None:
        self._core.reset()
        self._ledger.revoke(set(self._mine))
        self._mine = set()

    # --- work --------------------------------------------------------------------------------------------------------

    async def _work(self, generation: int) -> None:
        """Read batches into rows and flush them, until partitions are taken away; then flush a last time."""
        flushing: asyncio.Task[None] | None = None
        while self._open or flushing is not None:
            now = wall_ms()
            if flushing is not None and flushing.done():
                await flushing
                flushing = None
            if flushing is None and self._core.due(now):
                flushing = self._spawn(self._flush(generation))
                flushing.add_done_callback(lambda _: self._wake.set())
            elif self._inbox and not self._core.full():
                await self._read(self._inbox.popleft())
            else:
                await self._pause(now)
        if self._core.next_due() is not None:
            await self._flush(generation)

    async def _pause(self, now: int) -> None:
        due = self._core.next_due()
        self._wake.clear()
        try:
            async with asyncio.timeout(None if due is None else max(0.001, (due - now) / 1000)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _read(self, batch: Batch) -> None:
        """Every record into rows."""
        read = self._reads.get(batch.topic)
        for start in range(0, len(batch.records), SLICE):
            now = wall_ms()
            for record in batch.records[start : start + SLICE]:
                if read is None:
                    self._core.add(record, now)
                else:
                    self._core.add_events(record, read(record), now)
            await asyncio.sleep(0)
            if not self._open:
                return
        self.counts["read", batch.topic] += len(batch.records)
        self._waiting[TP(batch.topic, batch.partition)] -= 1

    async def _flush(self, generation: int) -> None:
        """Store one flush, send what did not fit to the dead letters, then it may be committed."""
        flush = self._core.take()
        began = time.monotonic()
        await self._writing.write(flush)
        if flush.dead and self._appender is not None:
            await self._appender.publish([self._letter(found) for found in flush.dead])
        for table, batch in flush.tables.items():
            self.counts["rows", table] += len(batch.rows)
        for (topic, partition), offset in self._core.done(flush).items():
            self._ledger.durable(generation, (topic, partition), offset)
        self.flush_seconds = time.monotonic() - began

    def _letter(self, found: DeadRecord[Record]) -> Any:
        record = found.record
        self.counts["dead", found.reason] += 1
        return dead_letter(record, self._identities[record.topic], found.item, Dead(found.reason, found.detail))

    def _told(self, problem: SinkError, attempt: int) -> None:
        """From the writing thread: a write failed."""
        self.counts["failure", type(problem).__name__] += 1
        if attempt in (0, 3) or attempt % 20 == 0:
            log.warning("write_failed", reason=str(problem), attempt=attempt)

    @property
    def waiting_rows(self) -> int:
        """Rows collected and not on their way yet."""
        return self._core.rows

    def lags(self) -> Iterator[tuple[str, int, int]]:
        """(topic, partition, records between commit and end) of every partition whose end is known."""
        for tp in self._mine:
            end, _ = self._app.batch_consumer.progress(tp)
            done = self._ledger.committable(tp)
            if end >= 0:
                yield tp.topic, tp.partition, end - (self._committed.get(tp, 0) if done is None else done)

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Stopped):
            self._open = False
            log.critical("sink_failed", reason=f"{type(error).__name__}: {error}")
            self._app.fail(error)


class Writing:
    """The thread that writes. A client does one call at a time, and blocks."""

    def __init__(self, connect: Callable[[], Writer], told: Callable[[SinkError, int], None]) -> None:
        self._writer = Connecting(connect)
        self._told = told
        self._stopped = threading.Event()
        self._thread = ThreadPoolExecutor(1, "clickhouse")

    async def write(self, flush: Flush[Record]) -> None:
        """Returns when every row is stored or set aside, however long that takes. Raises Stopped, Refused."""
        await asyncio.get_running_loop().run_in_executor(self._thread, partial(self._write, flush, self._stopped))

    def _write(self, flush: Flush[Record], stopped: threading.Event) -> None:
        for table, batch in flush.tables.items():
            for bad in deliver(self._writer, table, batch.rows, lambda s: not stopped.wait(s), self._told):
                flush.refused(table, bad.row, bad.detail)

    def stop(self) -> None:
        """Ends waiting for ClickHouse; a write under way is let go on."""
        self._stopped.set()

    def go_on(self) -> None:
        self._stopped = threading.Event()


class Connecting:
    """A writer that connects when it is needed, and anew after it failed."""

    def __init__(self, connect: Callable[[], Writer]) -> None:
        self._connect = connect
        self._writer: Writer | None = None

    def write(self, table: str, rows: Any) -> None:
        if self._writer is None:
            self._writer = self._connect()
        self._writer.write(table, rows)

    def ping(self) -> None:
        if self._writer is not None:
            self._writer.ping()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
