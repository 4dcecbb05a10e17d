"""The feeder: what is played arrives whole, between two promises of the time to every partition."""

from __future__ import annotations

import asyncio
import time
import uuid

import orjson

from deploy.demo.feed import Due, Feeder, handfuls
from tests.deploy.test_kafka import create
from tests.integration.live import read_all

BEGIN, END = 1_700_000_000_000, 1_700_000_100_000


def test_every_partition_knows_the_time_before_a_record_is_read_and_at_the_end(kafka: str) -> None:
    topics = {source: f"test-{uuid.uuid4().hex[:8]}" for source in ("shop", "desk")}

    async def work() -> dict[tuple[str, int], list[bytes]]:
        for topic in topics.values():
            await create(kafka, topic, 3)
        async with Feeder(kafka, topics, 3) as feeder:
            told = [Due("shop", BEGIN + n, b"one key", b"%d" % n) for n in range(5)]
            await feeder.play(told, END, lambda n, seconds: 1_000.0)
        found: dict[tuple[str, int], list[bytes]] = {}
        for record in await read_all(kafka, list(topics.values())):
            found.setdefault((record.topic, record.partition), []).append(record.value)
        return found

    found = asyncio.run(asyncio.wait_for(work(), 60))
    assert len(found) == 6
    promised = [(orjson.loads(values[0])["at"], orjson.loads(values[-1])["at"]) for values in found.values()]
    assert promised == [(BEGIN / 1_000, END / 1_000)] * 6
    assert sorted(len(values) for values in found.values()) == [2] * 5 + [7]


def test_handfuls_give_each_number_once_in_order_and_none_before_it_is_due() -> None:
    began, rate = time.time() + 0.05, 1_000
    taken: list[tuple[int, float]] = []

    async def take() -> None:
        async for numbers in handfuls(150, rate, began):
            taken.extend((n, time.time()) for n in numbers)

    asyncio.run(take())
    assert [n for n, _ in taken] == list(range(150))
    assert all(at >= began + n / rate for n, at in taken)
