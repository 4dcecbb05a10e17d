"""Sink: owns partitions of published and source topics, and stores what they hold. Implements `streams.batch.owner.Owner`.

Who owns what, where reading goes on and what may be committed is decided here; `sink_assignment.py` does the work.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import structlog
from faust.types import TP

from sinks.clickhouse.batcher import DeadRecord
from sinks.clickhouse.deliver import Stopped
from sinks.clickhouse.rows import Row
from sinks.clickhouse.writer import Writer
from streams.batch.app import BatchApp
from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.fetch import Batch
from streams.delivery.contracts import Dead, Output, Record
from streams.delivery.dead import TOPIC as DEAD_LETTERS
from streams.delivery.dead import dead_letter
from streams.delivery.ledger import Ledger, Take
from streams.delivery.partition import Partitioner
from streams.graph import identity
from streams.health import Standing
from streams.sink_assignment import LARGEST, Assignment, Read, Tools

log = structlog.get_logger("journeys.sink")

FLUSH_S = 5.0
"""Within this what is collected is stored when partitions are taken away; else it is read again."""


class Sink:
    """All partitions of one sink worker.

    topics  {Kafka's name: logical name} of published topics
    reads   {source topic: how its events are read}
    stages  the rows of the table `stages`, written before anything else
    connect makes a Writer; called in the writing thread, again after it failed
    """

    def __init__(
        self,
        app: BatchApp,
        topics: Mapping[str, str],
        reads: Mapping[str, Read],
        stages: Sequence[Row],
        connect: Callable[[], Writer],
        prefix: str,
    ) -> None:
        self.batched = frozenset(topics) | frozenset(reads)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._app = app
        self._prefix = prefix
        self._tools = Tools(topics, reads, stages, connect, self._bury, self.counts)
        self._ledger = Ledger()
        self._mine: set[TP] = set()
        self._committed: dict[TP, int] = {}
        self._sought: dict[TP, tuple[int, int]] = {}
        self._assignment: Assignment | None = None
        self._working: asyncio.Task[None] | None = None
        self._seeking: set[asyncio.Task[None]] = set()
        self._identities: dict[str, str] = {}
        self._appender: Appender | None = None

    # --- what the consumer asks --------------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        return LARGEST if self._assignment is None else self._assignment.limit

    def held(self, tp: TP) -> bool:
        return self._assignment is None or tp not in self._mine or self._assignment.held(tp)

    def fetched(self, batch: Batch) -> None:
        if self._assignment is not None and batch.generation == self._ledger.generation:
            self._assignment.fetched(batch)

    def start_of(self, tp: TP) -> int | None:
        return self._ledger.next_offset(tp)

    def committable(self) -> Mapping[TP, int]:
        found = ((tp, self._ledger.committable(tp)) for tp in self._mine)
        return {tp: offset for tp, offset in found if offset is not None}

    def changelog_end(self, tp: TP) -> int | None:
        return None

    def hand_over(self, batch: Batch) -> None:
        """A batch has come through Faust: to be read, if it begins where the last one ended."""
        tp = TP(batch.topic, batch.partition)
        if self._assignment is None or tp not in self._mine or batch.generation != self._ledger.generation:
            return
        expected = self._ledger.next_offset(tp)
        if expected is not None and batch.begin != expected and not self._deleted(tp, expected, batch.begin):
            self._assignment.leave(batch)
            self._seek_back(tp, expected, batch.begin)
        elif isinstance(self._ledger.take(batch.generation, tp, batch.begin, batch.end), Take):
            self._assignment.put(batch)

    def _seek_back(self, tp: TP, expected: int, begin: int) -> None:
        self.counts["seek_back", tp.topic] += 1
        self._sought[tp] = expected, begin
        task = self._watched(self._app.batch_consumer.seek_batches({tp: expected}))
        self._seeking.add(task)
        task.add_done_callback(self._seeking.discard)

    def _deleted(self, tp: TP, expected: int, begin: int) -> bool:
        """Whether nothing is left before `begin`: it was asked for, and the very same gap came again."""
        if begin < expected or self._sought.get(tp) != (expected, begin):
            return False
        self._skipped(tp, expected, begin)
        return True

    def _skipped(self, tp: TP, expected: int, begin: int) -> None:
        self.counts["deleted_unread", tp.topic] += max(0, begin - expected)
        log.warning("records_deleted_unread", topic=tp.topic, partition=tp.partition, expected=expected, begin=begin)

    # --- partitions come and go --------------------------------------------------------------------------------------

    async def take_over(self, assigned: Collection[TP], generation: int) -> None:
        if self._appender is None:
            await self._learn()
        starts = await self._starts()
        self._ledger.assign(generation, dict(starts))
        self._mine, self._committed, self._sought = set(starts), starts, {}

        def durable(tp: TP, offset: int) -> None:
            self._ledger.durable(generation, tp, offset)

        self._assignment = Assignment(self._tools, len(starts), durable)
        self._working = self._watched(self._assignment.run())
        log.info("partitions_taken", generation=generation, partitions=len(starts))

    async def _starts(self) -> dict[TP, int]:
        """Where reading begins: at the commit, if the topic still reaches from before it to after it."""
        committed = await self._app.batch_consumer.committed()
        mine = {tp: at for tp, at in committed.items() if tp.topic in self.batched}
        async with BulkReader(self._app.group_options()) as reader:
            begins, ends = await reader.begins(list(mine)), await reader.ends(list(mine))
        starts: dict[TP, int] = {}
        for tp, at in mine.items():
            fits = at is not None and begins[tp] <= at <= ends[tp]
            if at is not None and not fits:
                self._skipped(tp, at, begins[tp])
            starts[tp] = at if at is not None and fits else begins[tp]
        return starts

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
        assignment, working = self._assignment, self._working
        self._assignment = self._working = None
        if assignment is None or working is None:
            return
        assignment.close()
        _, late = await asyncio.wait([working], timeout=FLUSH_S)
        for task in late:
            task.cancel()
            log.warning("flush_abandoned", seconds=FLUSH_S)

    def gave_up(self) -> None:
        self._ledger.revoke(set(self._mine))
        self._mine = set()

    # --- dead letters ------------------------------------------------------------------------------------------------

    async def _bury(self, found: Sequence[DeadRecord[Record]]) -> None:
        """Returns when the dead letters are durable."""
        assert self._appender is not None  # learnt before the first assignment
        await self._appender.publish([self._letter(dead) for dead in found])
        self.counts.update(("dead", dead.reason) for dead in found)
        log.warning("dead_letters", records=len(found), reason=found[0].reason, detail=found[0].detail)

    def _letter(self, found: DeadRecord[Record]) -> Output:
        """Its id is not that of the engine's letter about the same record."""
        name = f"{self._identities[found.record.topic]}/sink"
        return dead_letter(found.record, name, found.item, Dead(found.reason, found.detail))

    # --- figures and failures ----------------------------------------------------------------------------------------

    @property
    def waiting_rows(self) -> int:
        """Rows collected and not on their way yet."""
        return 0 if self._assignment is None else self._assignment.rows

    @property
    def flush_seconds(self) -> float:
        """How long the last flush took."""
        return 0.0 if self._assignment is None else self._assignment.flush_seconds

    def lags(self) -> Iterator[tuple[str, int, int]]:
        """(topic, partition, records between commit and end) of every partition whose end is known."""
        for tp in self._mine:
            end, _ = self._app.batch_consumer.progress(tp)
            done = self._ledger.committable(tp)
            if end >= 0:
                yield tp.topic, tp.partition, end - (self._committed.get(tp, 0) if done is None else done)

    def standing(self) -> Iterator[Standing]:
        """By what the group has taken from us."""
        consumer = self._app.batch_consumer
        for tp in self._mine:
            end, _ = consumer.progress(tp)
            at = consumer.committed_to(tp)
            commit = self._committed.get(tp, 0) if at is None else at
            yield tp.topic, tp.partition, commit, max(0, end - commit)

    @property
    def ready(self) -> bool:
        """Whether partitions are taken, be they none."""
        return self._assignment is not None

    @property
    def waits(self) -> str:
        """What it waits for, while every write fails; a write that neither fails nor succeeds is a hang."""
        return "" if self._assignment is None else self._assignment.waits

    def _watched(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Stopped):
            log.critical("sink_failed", reason=f"{type(error).__name__}: {error}")
            self._app.fail(error)
