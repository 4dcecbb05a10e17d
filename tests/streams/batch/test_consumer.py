"""The consumer fetches as its app says."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.batch.app import BatchApp
from streams.batch.consumer import BatchConsumerThread, Fetching
from tests.streams.cluster import Cluster

MUCH = Fetching(min_bytes=1024 * 1024, max_wait_ms=400)


def test_the_broker_waits_for_as_much_and_as_long_as_the_app_says(cluster: Cluster) -> None:
    cluster.append("raw", [(b"key", b"little")])

    async def first() -> float:
        app = BatchApp("fetching", broker=f"kafka://{cluster.bootstrap}", consumer_auto_offset_reset="earliest")
        app.fetching = MUCH
        thread = BatchConsumerThread(app.consumer, loop=asyncio.get_running_loop())
        consumer: AIOKafkaConsumer = thread._create_worker_consumer(app.transport)
        await consumer.start()
        try:
            began = time.monotonic()
            consumer.assign([TopicPartition(f"{cluster.prefix}raw", 0)])
            assert (await asyncio.wait_for(consumer.getone(), 30)).value == b"little"
            return time.monotonic() - began
        finally:
            await consumer.stop()

    assert asyncio.run(first()) >= MUCH.max_wait_ms / 1000
