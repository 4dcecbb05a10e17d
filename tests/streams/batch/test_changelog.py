"""Reading changelogs in bulk: all of it, to its end of now, and how fast."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.types import TP

from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.producer import Closed
from streams.delivery import record as rec
from streams.delivery.partition import Partitioner
from streams.delivery.task import Task
from streams.delivery.wire import RecordBatch
from tests.simulation.toys import CountingUsers

RECORDS = 100_000
PARTITIONS = 4


class Sender:
    """A plain producer, as the appender asks for it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send_batch(self, batch: RecordBatch, topic: str, partition: int) -> Any:
        return await self._producer.send_batch(Closed(batch), topic, partition=partition)


def entity(n: int) -> tuple[bytes, bytes]:
    return rec.entity_key(b"user-%d" % n), rec.encode_entity(1, n + 1, 10**12 + n, [n], bytes(177))


def test_every_record_is_read_once_and_in_order_in_bulk(kafka: str) -> None:
    name = f"bulk{os.getpid()}"
    tasks = {TP(name, p): Task(CountingUsers(), p, ("in",), 1, f"users/{p}", {}) for p in range(PARTITIONS)}
    seen: dict[TP, list[bytes]] = {tp: [] for tp in tasks}

    def restore(tp: TP, records: list[tuple[bytes, bytes | None]]) -> None:
        tasks[tp].restore(records)
        seen[tp] += [key for key, _ in records]

    async def scenario() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
            appender = Appender(Sender(producer), Partitioner())
            for p in range(PARTITIONS):
                await appender.append(name, p, [[entity(n)] for n in range(p, RECORDS, PARTITIONS)])
        async with BulkReader({"bootstrap_servers": kafka}) as reader:
            began = time.perf_counter()
            ends = await reader.read(dict.fromkeys(tasks, 0), restore)
            print(f"recovery: {RECORDS / (time.perf_counter() - began):,.0f} records/s")
            assert ends == {TP(*where): end for where, end in appender.ends.items()}
            assert await reader.read(ends, restore) == ends, "there is nothing after the end"
            last = await reader.last(TP(name, 0), ends[TP(name, 0)])
            assert last is not None
            assert last.key == entity(RECORDS - PARTITIONS)[0]
            assert await reader.last(TP(name, 0), 0) is None

    asyncio.run(scenario())
    for tp, keys in seen.items():
        assert keys == [entity(n)[0] for n in range(tp.partition, RECORDS, PARTITIONS)]
        tasks[tp].claim()
        tasks[tp].restored()
        assert tasks[tp].entities == RECORDS // PARTITIONS
        assert tasks[tp].timers == RECORDS // PARTITIONS
