"""The feeder: plays records into a source topic, at a pace, keyed by their entity, with the time promised to every partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer

from schemas.sources import canonical

PROMISE_EVERY = 500
"""Records between two promises of the time: a partition that happens to be quiet must not hold the others back."""


@dataclass
class Fed:
    """How far the feed has come. `at` is event time in ms."""

    records: int = 0
    at: int = 0
    done: bool = False


class Feeder:
    """Feeds one topic. `rate(n, seconds)` says how many records a second to send after n records and so many seconds."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=5, enable_idempotence=True, max_batch_size=256 * 1024
        )
        self._topic = topic
        self._partitions = partitions
        self.fed = Fed()

    async def __aenter__(self) -> Feeder:
        await self._producer.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._producer.stop()

    async def play(self, lines: Iterable[bytes], until: int, rate: Callable[[int, float], float]) -> Fed:
        """All lines, then the end of time: nothing earlier than `until` follows."""
        began, allowance, last = time.monotonic(), 0.0, time.monotonic()
        for line in lines:
            told = orjson.loads(line)
            key = told.get("user") or told.get("anonymous") or told.get("account") or told["id"]
            await self.send(str(key).encode(), line)
            self._count(told)
            if self.fed.records % PROMISE_EVERY == 0:
                await self.promise(self.fed.at)
            allowance -= 1
            if allowance < 0:
                now = time.monotonic()
                speed = rate(self.fed.records, now - began)
                allowance += (now - last) * speed
                last = now
                await asyncio.sleep(max(0.0, -allowance / speed))
        await self.promise(until)
        await self._producer.flush()
        self.fed.done = True
        return self.fed

    def _count(self, told: dict[str, object]) -> None:
        at = told["at"]
        self.fed.records += 1
        if isinstance(at, (int, float)):
            self.fed.at = max(self.fed.at, round(at * 1000))

    async def send(self, key: bytes | None, value: bytes, partition: int | None = None) -> None:
        await self._producer.send(self._topic, value=value, key=key, partition=partition)

    async def promise(self, at: int) -> None:
        """Tell every partition that nothing earlier than `at` (ms) follows."""
        for partition in range(self._partitions):
            await self.send(None, canonical.watermark(at), partition)
