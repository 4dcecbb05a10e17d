"""What the sink does in one assignment and between two: late writes, gaps, bounds, what is counted, where it starts."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete
from faust.types import TP

from schemas.deadletter import dead_letter_id
from schemas.definition.parse import load
from sinks.clickhouse.batcher import DeadRecord
from sinks.clickhouse.retry import Unavailable
from sinks.clickhouse.rows import Row, stage_rows
from sinks.memory import MemoryWriter
from streams.batch.fetch import BATCH_BYTES, Batch
from streams.delivery.contracts import Drop, Record
from streams.journey.users import Decoder
from streams.metrics import Metrics
from streams.settings import SHIPPED
from streams.sink import Sink
from streams.sink_app import collect, events_of
from streams.sink_assignment import MOST, MOST_BYTES, SMALLEST, Assignment, Tools
from tests.sinks.clickhouse.test_rows import AT, TRANSITION

DEFINITION = load(SHIPPED / "community.yaml")
STAGES = stage_rows(DEFINITION, AT)
TOPIC = "transitions.user"
ALL = TP(TOPIC, 0)


def record(offset: int, value: bytes = orjson.dumps(TRANSITION), topic: str = TOPIC) -> Record:
    return Record(topic, 0, offset, AT, b"u1", value)


def batch(begin: int, end: int, records: int | None = None, generation: int = 1) -> Batch:
    """Offsets [begin, end), of which the first `records` hold one."""
    count = end - begin if records is None else records
    return Batch(TOPIC, 0, begin, end, end, generation, [record(begin + n) for n in range(count)])


class Bench:
    """An assignment over a writer, and what it told."""

    def __init__(self, writer: Any, stages: Sequence[Row] = STAGES, partitions: int = 1) -> None:
        self.durable: list[tuple[TP, int]] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        tools = Tools({TOPIC: TOPIC}, {}, stages, lambda: writer, self._bury, self.counts)
        self.assignment = Assignment(tools, partitions, lambda tp, offset: self.durable.append((tp, offset)))

    async def _bury(self, found: Sequence[DeadRecord[Record]]) -> None:
        self.counts["buried", ""] += len(found)

    def put(self, *batches: Batch) -> None:
        for each in batches:
            self.assignment.fetched(each)
            self.assignment.put(each)


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 10))


class Hanging(MemoryWriter):
    """Writes when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if table != "stages":
            self.begun.set()
            self.go.wait(10)
        super().write(table, rows)
        if table != "stages":
            self.ended.set()


def test_the_states_of_the_definition_are_written_before_any_record() -> None:
    class Ordered(MemoryWriter):
        tables: list[str] = []  # noqa: RUF012  # of this test alone

        def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
            self.tables.append(table)
            super().write(table, rows)

    async def test() -> None:
        writer = Ordered()
        bench = Bench(writer)
        bench.put(batch(0, 3))
        working = asyncio.create_task(bench.assignment.run())
        await until(lambda: bool(bench.durable))
        bench.assignment.close()
        await working
        assert writer.tables == ["stages", "transitions"]
        assert writer.raw("stages") == [row.values for row in STAGES]

    run(test)


def test_a_write_that_ends_after_its_partitions_are_gone_is_told_to_nobody() -> None:
    async def test() -> None:
        writer = Hanging()
        bench = Bench(writer)
        working = asyncio.create_task(bench.assignment.run())
        bench.put(batch(0, 3))
        await until(writer.begun.is_set)
        bench.assignment.close()
        working.cancel()
        await asyncio.wait([working])
        assert working.cancelled()
        writer.go.set()
        await until(writer.ended.is_set)
        await asyncio.sleep(0.05)
        assert bench.durable == []

    run(test)


def test_what_is_collected_is_stored_when_partitions_go() -> None:
    async def test() -> None:
        bench = Bench(MemoryWriter())
        working = asyncio.create_task(bench.assignment.run())
        await until(lambda: not bench.assignment._batches)  # it has begun
        bench.put(batch(0, 3))
        await until(lambda: bench.assignment.rows == 3)
        bench.assignment.close()
        await working
        assert bench.durable == [(ALL, 3)]

    run(test)


def test_a_write_that_fails_is_not_tried_again_once_partitions_go() -> None:
    async def test() -> None:
        bench = Bench(MemoryWriter(fail=lambda table, rows: Unavailable("away", "network")))
        working = asyncio.create_task(bench.assignment.run())
        await until(lambda: bench.counts["failure", "Unavailable"] > 0)
        bench.assignment.close()
        _, late = await asyncio.wait([working], timeout=1)
        assert not late
        assert type(working.exception()).__name__ == "Stopped"

    run(test)


def test_offsets_without_records_are_committed_too() -> None:
    async def test() -> None:
        bench = Bench(MemoryWriter())
        working = asyncio.create_task(bench.assignment.run())
        bench.put(batch(0, 5, records=3))
        await until(lambda: bench.durable == [(ALL, 5)])
        bench.put(batch(5, 7, records=0))
        await until(lambda: bench.durable == [(ALL, 5), (ALL, 7)])
        bench.assignment.close()
        await working

    run(test)


def test_what_waits_is_bounded_over_all_partitions() -> None:
    async def test() -> None:
        many = 200
        bench = Bench(MemoryWriter(), partitions=many)
        taken = 0
        for partition in range(many):
            if bench.assignment.held(TP(TOPIC, partition)):
                break
            count = bench.assignment.limit
            bench.assignment.fetched(Batch(TOPIC, partition, 0, count, count, 1, [None] * count))
            taken += count
        assert taken <= MOST
        assert bench.assignment.limit == SMALLEST
        few = Bench(MemoryWriter(), partitions=2)
        assert few.assignment.limit == 4_000

    run(test)


def test_what_waits_is_bounded_by_what_it_weighs_too() -> None:
    async def test() -> None:
        bench, weighed = Bench(MemoryWriter(), partitions=200), 0
        heavy = [Batch(TOPIC, p, 0, 4, 4, 1, [record(n) for n in range(4)], BATCH_BYTES) for p in range(200)]
        for each in heavy:
            if bench.assignment.held(TP(TOPIC, each.partition)):
                break
            bench.assignment.fetched(each)
            weighed += each.weight
        assert MOST_BYTES <= weighed < MOST_BYTES + BATCH_BYTES
        bench.assignment.leave(heavy[0])
        assert not bench.assignment.held(TP(TOPIC, 150))

    run(test)


def test_a_sink_says_what_it_waits_for_while_writes_fail_and_no_longer() -> None:
    class Failing(MemoryWriter):
        fails = True

        def close(self) -> None:
            pass  # it is given out again

        def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
            if self.fails:
                raise Unavailable("it is away", "network")
            super().write(table, rows)

    async def test() -> None:
        writer = Failing()
        bench = Bench(writer)
        assert bench.assignment.waits == ""
        bench.put(batch(0, 3))
        working = asyncio.create_task(bench.assignment.run())
        await until(lambda: bool(bench.assignment.waits))
        assert bench.assignment.waits == "ClickHouse does not take what is written"
        writer.fails = False
        await until(lambda: not bench.assignment.waits)
        bench.assignment.close()
        await working

    run(test)


class App:
    """What a sink asks of its app."""

    def __init__(
        self, committed: Mapping[TP, int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self.sought: list[Mapping[TP, int]] = []
        self.batch_consumer = self
        self._committed, self._options = dict(committed or {}), dict(options or {})

    async def seek_batches(self, offsets: Mapping[TP, int]) -> None:
        self.sought.append(offsets)

    async def committed(self) -> dict[TP, int | None]:
        return self._committed

    def group_options(self) -> dict[str, Any]:
        return self._options

    def progress(self, tp: TP) -> tuple[int, int]:
        return 300, 0

    def fail(self, error: BaseException) -> None:
        raise error


def sink_of(app: Any, topic: str = TOPIC) -> Sink:
    return Sink(app, {topic: TOPIC}, {}, STAGES, MemoryWriter, "")


def owned(app: App) -> Sink:
    """A sink that has taken one partition over at offset 100."""
    sink = sink_of(app)
    sink._ledger.assign(1, {ALL: 100})
    sink._mine = {ALL}
    sink._assignment = Assignment(sink._tools, 1, lambda tp, offset: None)
    return sink


def test_a_gap_is_asked_for_again_and_left_only_if_it_comes_back_the_same() -> None:
    async def test() -> None:
        app = App()
        sink = owned(app)
        for begin, end in ((200, 210), (210, 220)):  # the first was lost on the way, the second was already behind it
            sink.fetched(batch(begin, end))
            sink.hand_over(batch(begin, end))
        await asyncio.sleep(0)
        assert app.sought == [{ALL: 100}, {ALL: 100}]
        assert sink.start_of(ALL) == 100
        sink.fetched(batch(210, 220))
        sink.hand_over(batch(210, 220))
        assert sink.start_of(ALL) == 220, "nothing is left before 210: reading goes on"
        assert sink.counts["deleted_unread", TOPIC] == 110
        sink.fetched(batch(150, 160))
        sink.hand_over(batch(150, 160))
        assert sink.start_of(ALL) == 220, "what was read is not read again"

    run(test)


def test_reading_begins_within_what_the_topic_holds(kafka: str) -> None:
    async def test() -> None:
        topic = f"starts{os.getpid()}"
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 4, 1)])
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            for partition in range(4):
                for _ in range(20):
                    await producer.send(topic, b"x", partition=partition)
            await producer.flush()
        await admin.delete_records({TP(topic, p): RecordsToDelete(before_offset=10) for p in range(4)})
        await admin.close()
        committed: dict[TP, int | None] = {TP(topic, p): at for p, at in enumerate((None, 5, 15, 99))}
        sink = sink_of(App(committed, {"bootstrap_servers": kafka}), topic)
        assert await sink._starts() == {TP(topic, p): at for p, at in enumerate((10, 10, 15, 10))}
        assert sink.counts["deleted_unread", topic] == 5

    run(test)


def test_a_dead_letter_of_the_sink_has_another_id_than_the_engines() -> None:
    sink = sink_of(App())
    sink._identities = {TOPIC: f"{TOPIC}~1"}
    letter = sink._letter(DeadRecord(record(7), 0, "refused", "too long"))
    assert dict(letter.headers)["id"].decode() == dead_letter_id(f"{TOPIC}~1/sink", 0, 7, 0)
    assert letter.value == record(7).value


def test_a_source_record_that_is_no_event_is_counted_and_no_row() -> None:
    read = events_of(Decoder(DEFINITION, "canonical"))
    found = read(record(0, b"{ no event", "source"))
    assert found == [Drop("undecodable:not_json")]
    assert read(record(0, b'{"type": "watermark", "at": 1714564800}', "source")) == []


def test_all_that_a_sink_counts_reaches_the_metrics_once() -> None:
    sink, metrics = owned(App()), Metrics()
    sink.counts.update(
        {("read", TOPIC): 5, ("rows", "transitions"): 4, ("dead", "refused"): 1, ("failure", "Unavailable"): 2,
         ("dropped", "excluded:staff"): 3}
    )  # fmt: skip
    for _ in range(2):
        collect(sink, metrics)
    value = metrics.registry.get_sample_value
    assert value("journeys_records_total", {"outcome": "read", "topic": TOPIC}) == 5
    assert value("journeys_sink_rows_total", {"table": "transitions"}) == 4
    assert value("journeys_dead_letters_total", {"reason": "refused"}) == 1
    assert value("journeys_sink_failures_total", {"kind": "Unavailable"}) == 2
    assert value("journeys_dropped_total", {"reason": "excluded:staff"}) == 3
    assert value("journeys_committed_lag_records", {"topic": TOPIC, "partition": "0"}) == 300
