"""The consumer fetches as its app says."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.batch.app import BatchApp
from streams.batch.consumer import AT_ONCE, BatchConsumerThread, Fetching
from tests.streams.cluster import Cluster

MUCH = Fetching(min_bytes=1024 * 1024, max_wait_ms=400)


async def waited(consumer: AIOKafkaConsumer) -> float:
    """Seconds until a record came."""
    began = time.monotonic()
    assert (await asyncio.wait_for(consumer.getone(), 30)).value == b"little"
    return time.monotonic() - began


def test_the_broker_waits_for_as_much_and_as_long_as_the_app_says_and_then_as_it_is_asked_to(cluster: Cluster) -> None:
    cluster.append("raw", [(b"key", b"little")])

    async def waits() -> tuple[float, float]:
        app = BatchApp("fetching", broker=f"kafka://{cluster.bootstrap}", consumer_auto_offset_reset="earliest")
        app.fetching = MUCH
        thread = BatchConsumerThread(app.consumer, loop=asyncio.get_running_loop())
        consumer: AIOKafkaConsumer = thread._create_worker_consumer(app.transport)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(f"{cluster.prefix}raw", 0)])
            much = await waited(consumer)
            thread._consumer = consumer
            thread.ask(AT_ONCE)
            await asyncio.sleep(2 * MUCH.max_wait_ms / 1000)  # the fetch that was under way has ended by then
            await asyncio.to_thread(cluster.append, "raw", [(b"key", b"little")])
            return much, await waited(consumer)
        finally:
            await consumer.stop()

    much, at_once = asyncio.run(waits())
    assert much >= MUCH.max_wait_ms / 1000 > at_once
