"""Engine: owns partitions. Takes them over, hands batches to lanes, gives them up; what may be committed.

Implements `streams.batch.owner.Owner` for the engine app. Nothing here knows a journey: the graph says which topics
there are, and which logic reads them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import structlog
from faust.types import TP

from streams.batch.app import BatchApp
from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.fetch import Batch
from streams.batch.topic_ids import Topic
from streams.delivery.decode_task import DecodeTask
from streams.delivery.ledger import Ledger, Take
from streams.delivery.task import Fenced, Task
from streams.graph import Graph, Stage
from streams.lanes import NOT_FETCHED, Lane, Reading, Way
from streams.skew import Skew

log = structlog.get_logger("journeys.engine")

AHEAD = 2
"""Batches of one partition that wait for their lane: one to work on, one to go on with."""

TICK_S = 0.05
"""How often time passes for a quiet partition."""

DRAIN_S = 5.0
"""Within this a lane ends what it began when its partition is taken away; well within any session timeout."""

CLAIMS = 20
"""How often we try to take over from a former owner that still writes."""

Key = tuple[str, int]
"""(table or source topic, partition): a task, and its lane."""


class Engine:
    """All tasks of one worker. `limit`: most records of a fetched batch of one partition."""

    def __init__(self, app: BatchApp, graph: Graph, limit: int = 4_000) -> None:
        self.limit = limit
        self.graph = graph
        self.batched = frozenset(graph.inputs)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.recovered: dict[str, float] = {}
        self.topics: dict[str, Topic] = {}
        self._app = app
        self._ledger = Ledger()
        self._tasks: dict[Key, Task[Any] | DecodeTask] = {}
        self._lanes: dict[Key, Lane] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._by_input: dict[TP, Lane] = {}
        self._committed: dict[TP, int] = {}
        self._skew = Skew(
            graph.max_skew, graph.is_source, lambda topic, p: app.batch_consumer.progress(TP(topic, p))[0]
        )
        self._open = False
        self._appender: Appender | None = None
        self._ticker: asyncio.Task[None] | None = None

    # --- what the consumer asks --------------------------------------------------------------------------------------

    def held(self, tp: TP) -> bool:
        lane = self._by_input.get(tp)
        return not self._open or lane is None or lane.readings[tp.topic].waiting >= AHEAD

    def fetched(self, batch: Batch) -> None:
        lane = self._by_input.get(TP(batch.topic, batch.partition))
        if lane is not None and batch.generation == self._ledger.generation:
            lane.readings[batch.topic].waiting += 1

    def start_of(self, tp: TP) -> int | None:
        return self._ledger.next_offset(tp)

    def committable(self) -> dict[TP, int]:
        found = ((tp, self._ledger.committable(tp)) for tp in self._by_input)
        return {tp: offset for tp, offset in found if offset is not None}

    def changelog_end(self, tp: TP) -> int | None:
        ours = any(
            (stage.table, tp.partition) in self._tasks for stage in self.graph.stages if stage.changelog == tp.topic
        )
        return self._appender.ends.get(tp) if ours and self._appender is not None else None

    def hand_over(self, batch: Batch) -> None:
        """A batch has come through Faust: into its lane, if it begins where the last one ended."""
        tp = TP(batch.topic, batch.partition)
        lane = self._by_input.get(tp)
        if lane is None or not self._open or batch.generation != self._ledger.generation:
            return
        expected = self._ledger.next_offset(tp)
        if expected is not None and batch.begin != expected:
            self._seek_back(lane, tp, expected)
        elif isinstance(self._ledger.take(batch.generation, tp, batch.begin, batch.end), Take):
            lane.put(batch)

    def _seek_back(self, lane: Lane, tp: TP, offset: int) -> None:
        lane.readings[tp.topic].waiting -= 1
        self.counts["seek_back", tp.topic] += 1
        self._spawn(self._app.batch_consumer.seek_batches({tp: offset}))

    # --- giving up ---------------------------------------------------------------------------------------------------

    async def give_up(self, revoked: Collection[TP]) -> None:
        """End what was begun in every lane; a lane that cannot loses its memory, and its partition is recovered."""
        self._open = False
        lanes = dict(self._lanes)
        for lane in lanes.values():
            lane.close()
        drained = await asyncio.gather(*(self._drain(key) for key in lanes))
        for key, fine in zip(lanes, drained, strict=True):
            if not fine:
                self._tasks.pop(key, None)
        self._lanes, self._running = {}, {}

    async def _drain(self, key: Key) -> bool:
        running = self._running[key]
        try:
            async with asyncio.timeout(DRAIN_S):
                await running
                await self._lanes[key].drain()
            return True
        except TimeoutError:
            log.warning("partition_abandoned", task=key[0], partition=key[1], seconds=DRAIN_S)
        except Exception as error:
            self._fail(error)
        self._lanes[key].abandon()
        running.cancel()
        return False

    def gave_up(self) -> None:
        """What could be committed has been."""
        self._ledger.revoke(set(self._by_input))
        self._by_input = {}

    # --- taking over -------------------------------------------------------------------------------------------------

    async def take_over(self, assigned: Collection[TP], generation: int) -> None:
        began = time.monotonic()
        consumer = self._app.batch_consumer
        await self._learn()
        stages = {
            (stage.table, tp.partition): stage
            for stage in self.graph.stages for tp in assigned if tp.topic == stage.changelog
        }  # fmt: skip
        self._check_together(stages, assigned)
        committed = {tp: at for tp, at in (await consumer.committed()).items() if tp.topic in self.batched}
        async with BulkReader(self._app.group_options()) as reader:
            first = await reader.begins([tp for tp, at in committed.items() if at is None])
            ends = await reader.ends(list(committed))
            starts = {tp: first[tp] if at is None else at for tp, at in committed.items()}
            self._committed = starts
            await self._take_stages(reader, stages, generation, ends)
            await self._take_sources(reader, starts)
        self._start(generation, starts)
        self.recovered["seconds"] = time.monotonic() - began
        log.info(
            "partitions_taken",
            generation=generation,
            tasks=len(self._lanes),
            seconds=round(self.recovered["seconds"], 3),
        )

    def _check_together(self, stages: Mapping[Key, Stage], assigned: Collection[TP]) -> None:
        for (table, partition), stage in stages.items():
            missing = [topic for topic in stage.inputs if TP(topic, partition) not in assigned]
            if missing:
                raise RuntimeError(
                    f"partition {partition} of {stage.changelog} was assigned without {', '.join(missing)}: {table} "
                    "need topics of one partition count; see `journeys topics`"
                )

    async def _learn(self) -> None:
        """Partition counts and ids of all topics; once."""
        if self._appender is None:
            self.topics.update(await self._app.batch_producer.describe(self.graph.topics))
            missing = sorted(self.graph.topics - self.topics.keys())
            if missing:
                raise RuntimeError(f"no such topic: {', '.join(missing)}; make ours with `journeys topics --apply`")
            self.graph.partitioner.learn({name: topic.partitions for name, topic in self.topics.items()})
            self._appender = Appender(self._app.batch_producer, self.graph.partitioner, self.graph.prefix)

    async def _take_stages(
        self, reader: BulkReader, stages: Mapping[Key, Stage], generation: int, ends: Mapping[TP, int]
    ) -> None:
        self._tasks = {key: task for key, task in self._tasks.items() if isinstance(task, DecodeTask) or key in stages}
        new: dict[Key, Task[Any]] = {}
        for key, stage in stages.items():
            kept = self._tasks.get(key)
            if kept is None or not await self._renew(key, stage, generation):
                self._tasks.pop(key, None)
                new[key] = self.graph.new_task(stage, key[1], generation, self.topics)
        await self._recover(reader, stages, new)
        for key, task in new.items():
            await self._lane(key, task, {}).do(task.restored())
            task.check_inputs({topic: ends[TP(topic, key[1])] for topic in stages[key].inputs})
            self._tasks[key] = task

    async def _renew(self, key: Key, stage: Stage, generation: int) -> bool:
        """Claim a partition that never left us; False if somebody wrote to it all the same."""
        task = self._tasks[key]
        assert isinstance(task, Task)
        task.generation = max(task.generation + 1, generation)
        try:
            for base, count in await self._append(stage, key[1], task.claim().changelog):
                task.appended(base, count)
        except Fenced:
            return False
        return True

    async def _recover(self, reader: BulkReader, stages: Mapping[Key, Stage], new: Mapping[Key, Task[Any]]) -> None:
        """Read and claim until nobody wrote in between."""
        left = {TP(stages[key].changelog, key[1]): (key, task) for key, task in new.items()}
        position = dict.fromkeys(left, 0)
        began, read = time.monotonic(), 0

        def restore(tp: TP, records: list[tuple[bytes, bytes | None]]) -> None:
            nonlocal read
            read += len(records)
            left[tp][1].restore(records)

        for _ in range(CLAIMS):
            position = await reader.read({tp: position[tp] for tp in left}, restore)
            for tp, (key, task) in list(left.items()):
                ((base, _),) = await self._append(stages[key], key[1], task.claim().changelog)
                if task.claimed(base, position[tp]):
                    del left[tp]
            if not left:
                break
        else:
            raise Fenced(f"another worker goes on writing to {', '.join(sorted(tp.topic for tp in left))}")
        self.recovered = {"records": read, "read_seconds": time.monotonic() - began}

    async def _append(self, stage: Stage, partition: int, groups: Any) -> list[tuple[int, int]]:
        assert self._appender is not None
        return await self._appender.append(stage.changelog, partition, groups)

    async def _take_sources(self, reader: BulkReader, starts: Mapping[TP, int]) -> None:
        mine = {tuple(tp): tp for tp in starts if tp.topic in self.graph.routes}
        self._tasks = {key: task for key, task in self._tasks.items() if isinstance(task, Task) or key in mine}
        for key, tp in mine.items():
            if key not in self._tasks:
                task = self.graph.decode_task(tp.topic, tp.partition, self.topics)
                last = await reader.last(tp, starts[tp])
                if last is not None:
                    task.resume(last)
                self._tasks[key] = task

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _start(self, generation: int, starts: Mapping[TP, int]) -> None:
        begin = dict(starts)
        for (_, partition), task in self._tasks.items():
            if isinstance(task, Task):
                begin.update({TP(topic, partition): at for topic, at in task.positions.items()})
        self._ledger.revoke(set(self._by_input))
        self._ledger.assign(generation, dict(begin))
        self._by_input = {}
        for key, task in self._tasks.items():
            topics = self.graph.inputs_of(key[0])
            lane = self._lane(key, task, {topic: Reading(begin[TP(topic, key[1])]) for topic in topics})
            self._lanes[key] = lane
            self._by_input.update({TP(topic, key[1]): lane for topic in topics})
        self._skew.watch(self._lanes)
        self._running = {key: self._spawn(lane.run()) for key, lane in self._lanes.items()}
        self._open = True
        if self._ticker is None:
            self._ticker = self._spawn(self._tick())

    def _lane(self, key: Key, task: Task[Any] | DecodeTask, readings: dict[str, Reading]) -> Lane:
        name, partition = key
        stage = self.graph.stage(name)
        assert self._appender is not None
        own = None if stage is None else (stage.changelog, partition)
        until = {topic: self.graph.until for topic in readings if self.graph.until and self.graph.is_source(topic)}
        way = Way(
            self._appender, own, self._durable(partition), self._progress(partition), until,
            self._skew.hold, self._skew.moved,
        )  # fmt: skip
        return Lane(f"{name}/{partition}", task, readings, way)

    def _durable(self, partition: int) -> Callable[[str, int], None]:
        ledger, generation = self._ledger, self._ledger.generation

        def durable(topic: str, end: int) -> None:
            ledger.durable(generation, TP(topic, partition), end)

        return durable

    def _progress(self, partition: int) -> Callable[[str], tuple[int, int]]:
        return lambda topic: self._app.batch_consumer.progress(TP(topic, partition)) if self._open else NOT_FETCHED

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for lane in self._lanes.values():
                lane.nudge()

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._open = False
        log.critical("engine_failed", reason=f"{type(error).__name__}: {error}")
        self._app.fail(error)

    # --- for tables, metrics and tests -------------------------------------------------------------------------------

    @property
    def tasks(self) -> Mapping[Key, Task[Any] | DecodeTask]:
        return self._tasks

    @property
    def lanes(self) -> Mapping[Key, Lane]:
        return self._lanes

    @property
    def sent(self) -> Mapping[str, int]:
        """Outputs by logical topic."""
        return self._appender.sent if self._appender is not None else {}

    @property
    def changelog_bytes(self) -> int:
        return self._appender.bytes_appended if self._appender is not None else 0

    def lags(self) -> Iterator[tuple[str, int, int]]:
        """(topic, partition, records between commit and end) of every input partition whose end is known."""
        for tp in self._by_input:
            end, _ = self._app.batch_consumer.progress(tp)
            done = self._ledger.committable(tp)
            if end >= 0:
                yield tp.topic, tp.partition, end - (self._committed.get(tp, 0) if done is None else done)

    def entities(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """(key, bytes) of every entity of a table that is on this worker."""
        for (name, _), task in self._tasks.items():
            if name == table and isinstance(task, Task):
                yield from task.payloads()

    def entity(self, table: str, key: bytes) -> bytes | None:
        for (name, _), task in self._tasks.items():
            if name == table and isinstance(task, Task) and (found := task.payload(key)) is not None:
                return found
        return None
