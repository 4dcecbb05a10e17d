"""Engine: owns partitions. Takes them over, hands batches to lanes, gives them up; what may be committed.

Implements `streams.batch.owner.Owner` for the engine app. Nothing here knows a journey: the graph says which topics
there are, and which logic reads them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import structlog
from faust.types import TP

from streams.batch.app import BatchApp
from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.copies import Copies
from streams.batch.fetch import Batch
from streams.batch.topic_ids import Topic
from streams.copier import Copier
from streams.dead_limit import DeadLimit
from streams.delivery.decode_task import DecodeTask
from streams.delivery.ledger import Ledger, Take
from streams.delivery.task import Fenced, InputTruncated, Task
from streams.graph import Graph, Stage
from streams.health import Standing
from streams.lanes import NOT_FETCHED, Lane, Reading, Way
from streams.memory import look_at_new, uncollected
from streams.pace import Pace
from streams.skew import Skew
from streams.takeover import Key, Takeover, check_together

log = structlog.get_logger("journeys.engine")

AHEAD = 2
"""Batches of one partition that wait for their lane: one to work on, one to go on with."""

FAR_AHEAD = 4
"""... or so many, for one long slice (`LONG_RECORDS` in `streams/lanes.py`), where no more than this wait in all of them:"""

AHEAD_IN_ALL = 32
"""128 MiB, as a batch has at most four."""

TICK_S = 0.05
"""How often time passes for a quiet partition."""

DRAIN_S = 10.0
"""Within this a lane ends what it began when its partition is taken away: a long slice is three seconds (`BEHIND_S` in
`streams/lanes.py`), and writing what it touched another one or two. Well within any session timeout."""

HEARTBEATS = 2.0
"""Heartbeats after which a worker that has lost its place in the group knows it."""

MOST_SEEKS = 3
"""Seeks to one offset after which its records are taken for gone: deleted by retention while the partition waited."""

MOST_FENCED = 10
"""How often a worker takes partitions again that somebody wrote to; after that something is wrong with more than one."""


class StateLost(Exception):
    """Inputs were read and committed, and the state that this made is not there."""


def is_enough(here: int, in_all: Iterable[int]) -> bool:
    """Whether nothing more is to be fetched of a partition of which so many batches wait. `in_all`: of each one."""
    return here >= FAR_AHEAD or (here >= AHEAD and sum(in_all) >= AHEAD_IN_ALL)


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


class Engine:
    """All tasks of one worker. `limit`: most records of a fetched batch of one partition; `copies`: of tables, on disk."""

    def __init__(self, app: BatchApp, graph: Graph, limit: int = 16_000, copies: Copies | None = None) -> None:
        self.limit = limit
        self.graph = graph
        self.batched = frozenset(graph.inputs)
        self.counts: Counter[tuple[str, str]] = Counter() if copies is None else copies.counts
        self.recovered: dict[str, float] = {}
        self.topics: dict[str, Topic] = {}
        self._app = app
        self._ledger = Ledger()
        self._tasks: dict[Key, Task[Any] | DecodeTask] = {}
        self._lanes: dict[Key, Lane] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._by_input: dict[TP, Lane] = {}
        self._committed: dict[TP, int] = {}
        self._has_commits: set[TP] = set()
        self._sought: Counter[tuple[TP, int]] = Counter()
        self._fenced = 0
        self._skew = Skew(
            graph.max_skew,
            graph.is_source,
            lambda topic, p: app.batch_consumer.progress(TP(topic, p))[0],
            graph.exact,
            self.counts,
        )
        self._long = asyncio.Lock()
        self._dead_limit = DeadLimit(graph.dead_letters, graph.is_source)
        self._open = False
        self._appender: Appender | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._copies = copies
        self._copier = None if copies is None else Copier(copies, lambda: self._tasks, self._changelog, self._is_behind)

    # --- what the consumer asks --------------------------------------------------------------------------------------

    def held(self, tp: TP) -> bool:
        lane = self._by_input.get(tp)
        if not self._open or lane is None:
            return True
        in_all = (reading.waiting for each in self._lanes.values() for reading in each.readings.values())
        return is_enough(lane.readings[tp.topic].waiting, in_all)

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
        if expected is not None and batch.begin != expected and not self._is_gone(tp, expected, batch.begin):
            self._seek_back(lane, tp, expected)
        elif isinstance(self._ledger.take(batch.generation, tp, batch.begin, batch.end), Take):
            lane.put(batch)

    def _is_gone(self, tp: TP, expected: int, begin: int) -> bool:
        """Whether the records before this batch are not there any more: asked for again and again, they do not come."""
        if begin < expected:
            return False
        self._sought[tp, expected] += 1
        if self._sought[tp, expected] <= MOST_SEEKS:
            return False
        self.counts["gone_before_read", tp.topic] += begin - expected
        log.error("records_gone", topic=tp.topic, partition=tp.partition, expected=expected, first=begin)
        return True

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
        if self._copier is not None:
            self._copier.settle()  # what was drained is durable

    async def _drain(self, key: Key) -> bool:
        running = self._running[key]
        try:
            async with asyncio.timeout(DRAIN_S):
                await running
                await self._lanes[key].drain()
            return True
        except TimeoutError:
            log.warning("partition_abandoned", task=key[0], partition=key[1], seconds=DRAIN_S)
        except Fenced as error:  # nothing of it was published; the next owner finds all there is in the changelog
            log.warning("partition_fenced", reason=str(error))
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
        self._fenced = 0
        if self._lanes:  # a rebalance that began while the last one was still being taken over
            await self.give_up(assigned)
            self.gave_up()
        appender = await self._learn()
        stages = {
            (stage.table, tp.partition): stage
            for stage in self.graph.stages for tp in assigned if tp.topic == stage.changelog
        }  # fmt: skip
        check_together(stages, assigned)
        sources = {(tp.topic, tp.partition): tp for tp in assigned if tp.topic in self.graph.routes}
        self._tasks = {key: task for key, task in self._tasks.items() if key in stages or key in sources}
        async with BulkReader(self._app.group_options()) as reader:
            takeover = Takeover(self.graph, self.topics, appender, reader, self._copies)
            self._committed = await self._starts(reader)
            await self._renew(takeover, stages, generation)
            await self._restore(takeover, {key: s for key, s in stages.items() if key not in self._tasks}, generation)
            for key, tp in sources.items():
                if key not in self._tasks:
                    self._tasks[key] = await takeover.decode(tp, self._committed[tp])
        self._start(generation)
        self.recovered = takeover.figures() | {"seconds": time.monotonic() - began}
        log.info("partitions_taken", generation=generation, tasks=len(self._lanes), **_rounded(self.recovered))

    async def _learn(self) -> Appender:
        """Partition counts and ids of all topics; once."""
        if self._appender is None:
            self.topics.update(await self._app.batch_producer.describe(self.graph.topics))
            missing = sorted(self.graph.topics - self.topics.keys())
            if missing:
                raise RuntimeError(f"no such topic: {', '.join(missing)}; make ours with `journeys topics --apply`")
            self.graph.partitioner.learn({name: topic.partitions for name, topic in self.topics.items()})
            self._appender = Appender(self._app.batch_producer, self.graph.partitioner, self.graph.prefix)
        return self._appender

    async def _starts(self, reader: BulkReader) -> dict[TP, int]:
        """Where each input partition goes on by its commit; where there is none, its first record."""
        commits = {
            tp: at for tp, at in (await self._app.batch_consumer.committed()).items() if tp.topic in self.batched
        }
        first, ends = await reader.begins(list(commits)), await reader.ends(list(commits))
        self._has_commits = {tp for tp, at in commits.items() if at}
        for tp, at in commits.items():
            if at is not None and at > ends[tp]:
                raise InputTruncated(
                    f"{tp.topic}, partition {tp.partition}, ends at {ends[tp]}, but group {self._app.conf.id} committed "
                    f"{at}: it was deleted and created again. Give it another name, or reset the group's offsets"
                )
        for tp in [tp for tp, at in commits.items() if at is not None and at < first[tp]]:
            self.counts["gone_before_read", tp.topic] += first[tp] - (commits[tp] or 0)
            log.error("records_gone", topic=tp.topic, partition=tp.partition, committed=commits[tp], first=first[tp])
        return {tp: max(at or 0, first[tp]) for tp, at in commits.items()}

    async def _renew(self, takeover: Takeover, stages: Mapping[Key, Stage], generation: int) -> None:
        for key, stage in stages.items():
            task = self._tasks.get(key)
            if isinstance(task, Task) and not await takeover.renew(task, stage, key[1], generation):
                del self._tasks[key]

    async def _restore(self, takeover: Takeover, stages: Mapping[Key, Stage], generation: int) -> None:
        ends = await self._app.batch_consumer.highwaters(*(TP(t, p) for (_, p), s in stages.items() for t in s.inputs))
        with uncollected():
            for key, task in (await takeover.recover(stages, generation)).items():
                await self._lane(key, task, {}).do(task.restored())
                self._check_state(key, task, stages[key])
                task.check_inputs({topic: ends[TP(topic, key[1])] for topic in stages[key].inputs})
                self._tasks[key] = task
        if self._copier is not None:
            self._copier.took(stages, takeover.copied)

    def _check_state(self, key: Key, task: Task[Any], stage: Stage) -> None:
        """Inputs that were read, and no state of them: somebody deleted the changelog."""
        read = [topic for topic in stage.inputs if TP(topic, key[1]) in self._has_commits]
        if read and not task.positions:
            raise StateLost(
                f"{stage.changelog}, partition {key[1]}, has no state, but {', '.join(read)} was read: the changelog was "
                f"deleted. To build the state again, reset the offsets of group {self._app.conf.id} to the beginning"
            )

    async def _retake(self, key: Key, generation: int) -> None:
        """Somebody else wrote to our changelog. If the group still says that the partition is ours, take it again."""
        self._close(key)
        await asyncio.sleep(self._app.conf.broker_heartbeat_interval * HEARTBEATS)
        stage = self.graph.stage(key[0])
        if not self._open or generation != self._ledger.generation or self._app.rebalancing or stage is None:
            return
        async with BulkReader(self._app.group_options()) as reader:
            await self._restore(
                Takeover(self.graph, self.topics, await self._learn(), reader, self._copies), {key: stage}, generation
            )
        if self._open and generation == self._ledger.generation:
            log.warning("partition_retaken", task=key[0], partition=key[1])
            begin = self._begin(key)
            self._ledger.assign(generation, dict.fromkeys(self._by_input) | begin)
            self._open_lane(key, begin)
            await self._app.batch_consumer.seek_batches(begin)

    def _close(self, key: Key) -> None:
        """Forget a task and its lane; nothing is fetched for it any more."""
        self._lanes.pop(key).abandon()
        self._running.pop(key, None)
        self._tasks.pop(key, None)
        gone = {TP(topic, key[1]) for topic in self.graph.inputs_of(key[0])}
        self._ledger.revoke(set(gone))
        self._by_input = {tp: lane for tp, lane in self._by_input.items() if tp not in gone}

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _start(self, generation: int) -> None:
        begins = {key: self._begin(key) for key in self._tasks}
        self._ledger.assign(generation, {tp: offset for begin in begins.values() for tp, offset in begin.items()})
        self._open = True
        for key, begin in begins.items():
            self._open_lane(key, begin)
        if self._ticker is None:
            self._ticker = self._spawn(self._tick())
            if self._copier is not None:
                self._spawn(self._copier.run())

    def _begin(self, key: Key) -> dict[TP, int]:
        """Where a task goes on reading: by its own state, which is never behind a commit; by the commit without one."""
        task = self._tasks[key]
        known = task.positions if isinstance(task, Task) else {}
        inputs = ((topic, TP(topic, key[1])) for topic in self.graph.inputs_of(key[0]))
        return {tp: known.get(topic, self._committed[tp]) for topic, tp in inputs}

    def _open_lane(self, key: Key, begin: Mapping[TP, int]) -> None:
        lane = self._lane(key, self._tasks[key], {tp.topic: Reading(offset) for tp, offset in begin.items()})
        self._lanes[key] = lane
        self._by_input.update(dict.fromkeys(begin, lane))
        self._skew.watch(self._lanes)
        generation = self._ledger.generation
        running = self._running[key] = asyncio.create_task(lane.run())
        running.add_done_callback(lambda task: self._lane_ended(key, lane, generation, task))

    def _lane_ended(self, key: Key, lane: Lane, generation: int, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if not isinstance(error, Fenced) or self._fenced >= MOST_FENCED:
            self._ended(task)
        elif self._open and self._lanes.get(key) is lane:  # else it is being given up, and `_drain` sees to it
            self._fenced += 1
            log.warning("partition_fenced", reason=str(error))
            self._spawn(self._retake(key, generation))

    def _lane(self, key: Key, task: Task[Any] | DecodeTask, readings: dict[str, Reading]) -> Lane:
        name, partition = key
        stage = self.graph.stage(name)
        assert self._appender is not None
        own = None if stage is None else (stage.changelog, partition)
        sources = [topic for topic in readings if self.graph.is_source(topic)]
        until = {topic: self.graph.until for topic in sources if self.graph.until}
        way = Way(
            self._appender, own, self._durable(partition), self._progress(partition), until,
            dict.fromkeys(sources if self.graph.exact else (), self.graph.max_skew),
            self._skew.hold, self._skew.moved, after=self._skew.after, judge=self._dead_limit.look, long=self._long,
        )  # fmt: skip
        return Lane(f"{name}/{partition}", task, readings, way)

    def _durable(self, partition: int) -> Callable[[str, int], None]:
        ledger, generation = self._ledger, self._ledger.generation

        def durable(topic: str, end: int) -> None:
            ledger.durable(generation, TP(topic, partition), end)

        return durable

    def _progress(self, partition: int) -> Callable[[str], tuple[int, int]]:
        return lambda topic: self._app.batch_consumer.progress(TP(topic, partition)) if self._open else NOT_FETCHED

    def _changelog(self, table: str) -> tuple[str, str]:
        """A table's changelog and that topic's id."""
        stage = self.graph.stage(table)
        assert stage is not None
        return stage.changelog, self.topics[stage.changelog].id

    def _is_behind(self) -> bool:
        return any(lane.behind for lane in self._lanes.values())

    async def _tick(self) -> None:
        pace = Pace()
        while True:
            await asyncio.sleep(TICK_S)
            self._app.batch_consumer.ask(pace.look())
            look_at_new()
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

    def standing(self) -> Iterator[Standing]:
        """By what the group has taken from us. A partition that waits for others which are behind has nothing to do."""
        consumer = self._app.batch_consumer
        for tp, lane in self._by_input.items():
            end, _ = consumer.progress(tp)
            at = consumer.committed_to(tp)
            commit = self._committed.get(tp, 0) if at is None else at
            yield tp.topic, tp.partition, commit, 0 if lane.is_held else max(0, end - commit)

    @property
    def ready(self) -> bool:
        """Whether partitions are taken, be they none."""
        return self._open

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
