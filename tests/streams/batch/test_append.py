"""Appending: groups stay whole, order is kept, and a failure is the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streams.batch.append import Appender
from streams.batch.owner import SendFailed
from streams.batch.producer import Closed
from streams.delivery.contracts import Output
from streams.delivery.outgoing import BATCH_BYTES, MOST_BYTES, record_batches
from streams.delivery.partition import Partitioner
from streams.delivery.wire import RecordBatch


class FakeSender:
    """Keeps what it is sent; offsets count up per partition. `gate` holds sends back, `fail` refuses them. `clock` is the
    broker's, in ms; -1 where the topic has the producers' time."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, list[tuple[bytes | None, bytes | None]]]] = []
        self.ends: dict[tuple[str, int], int] = {}
        self.gate: asyncio.Event | None = None
        self.fail: Exception | None = None
        self.clock = -1

    async def send_batch(self, batch: RecordBatch, topic: str, partition: int) -> Any:
        if self.gate is not None:
            await self.gate.wait()
        future = asyncio.get_running_loop().create_future()
        if self.fail is not None:
            future.set_exception(self.fail)
            return future
        records = records_of(batch)
        base = self.ends.get((topic, partition), 0)
        self.ends[topic, partition] = base + len(records)
        self.sent.append((topic, partition, records))
        future.set_result(type("Metadata", (), {"offset": base, "timestamp": self.clock}))
        return future


def records_of(batch: RecordBatch) -> list[tuple[bytes | None, bytes | None]]:
    unpacked = MemoryRecords(batch.built(calc_crc32c))
    found: list[tuple[bytes | None, bytes | None]] = []
    while unpacked.has_next():
        found += [(record.key, record.value) for record in unpacked.next_batch()]
    return found


def test_append_tells_base_offsets_and_remembers_the_end() -> None:
    async def scenario() -> None:
        appender = Appender(FakeSender(), Partitioner())
        assert await appender.append("log", 1, [[(b"a", b"1")], [(b"b", b"2"), (b"c", None)]]) == [(0, 3)]
        assert await appender.append("log", 1, [[(b"d", b"4")]]) == [(3, 1)]
        assert appender.ends == {("log", 1): 4}

    asyncio.run(scenario())


def test_a_state_beyond_all_bounds_ends_the_append_and_says_whose_it_is() -> None:
    whale = [[(b"e:whale", bytes(MOST_BYTES + 1))]]
    with pytest.raises(SendFailed, match=r"changelog log, partition 1: .*e:whale.*lower the caps"):
        asyncio.run(Appender(FakeSender(), Partitioner()).append("log", 1, whale))


def test_more_outputs_than_fit_a_batch_go_out_in_as_many_as_it_takes_in_order() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        values = [b"%d" % n + bytes(BATCH_BYTES // 3) for n in range(7)]
        await Appender(sender, Partitioner({"out": 1})).publish([Output("out", b"k", value) for value in values])
        assert [len(records) for _, _, records in sender.sent] == [2, 2, 2, 1]
        assert [value for _, _, records in sender.sent for _, value in records] == values

    asyncio.run(scenario())


def test_outputs_that_come_while_a_batch_is_in_flight_share_the_next_one() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        sender.gate = asyncio.Event()
        appender = Appender(sender, Partitioner({"p.out": 1}), "p.")
        first = asyncio.create_task(appender.publish([Output("out", b"k", b"1")]))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(appender.publish([Output("out", b"k", b"%d" % n)])) for n in range(2, 5)]
        await asyncio.sleep(0)
        sender.gate.set()
        await asyncio.gather(first, *rest)
        assert [[value for _, value in records] for _, _, records in sender.sent] == [[b"1"], [b"2", b"3", b"4"]]

    asyncio.run(scenario())


def test_a_heartbeat_has_neither_key_nor_value_and_goes_where_it_is_sent() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        await Appender(sender, Partitioner({"members": 4})).publish([Output("members", None, None, (("o", b"x"),), 3)])
        assert sender.sent == [("members", 3, [(None, None)])]

    asyncio.run(scenario())


def test_after_a_failed_send_nothing_more_goes_to_that_partition() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        appender = Appender(sender, Partitioner({"out": 1}))
        sender.fail = KafkaError("no leader")
        with pytest.raises(SendFailed, match=r"out, partition 0.*no leader"):
            await appender.publish([Output("out", b"k", b"1")])
        sender.fail = None
        with pytest.raises(SendFailed):
            await appender.publish([Output("out", b"k", b"2")])
        assert sender.sent == []

    asyncio.run(scenario())


def test_a_key_goes_where_kafkas_own_clients_put_it() -> None:
    partitioner = Partitioner({"out": 6})
    assert partitioner.of("out", b"foobar") == (-790332482 & 0x7FFFFFFF) % 6
    assert {partitioner.of("out", None) for _ in range(6)} == set(range(6))


def test_an_append_says_when_it_was_by_the_brokers_clock() -> None:
    sender = FakeSender()
    appender = Appender(sender, Partitioner({}))

    async def append() -> int | None:
        await appender.append("changelog", 0, [[(b"e:a", b"1")]])
        return appender.written["changelog", 0]

    assert asyncio.run(append()) is None  # the topic has not the broker's time
    sender.clock = 1_700_000_000_000
    assert asyncio.run(append()) == 1_700_000_000_000


def test_a_batch_that_is_sent_again_is_the_same_with_the_same_sequence() -> None:
    (batch,) = record_batches([[(b"e:a", b"1"), (b"e:b", None)]], 1_700_000_000_000)
    closed = Closed(batch)
    closed._set_producer_state(7, 1, 40)
    first = closed._build()
    assert closed._build() is first
    assert first == batch.built(calc_crc32c, 7, 1, 40)
    assert (closed.record_count(), closed.size(), closed.closed()) == (2, len(first), True)
    assert closed.append(timestamp=0, key=b"k", value=b"v", headers=[]) is None
