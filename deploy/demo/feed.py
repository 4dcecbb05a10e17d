"""The feeder: plays records into source topics, at a pace, with the time promised to every partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from deploy.demo.engine import ONE
from schemas.sources import canonical
from schemas.time import parse_time

PROMISE_EVERY = 500
"""Records between two promises of the time: a partition that happens to be quiet must not hold the others back."""

HANDFUL_S = 0.01
"""How often a steady feeder sends what has become due. One that sleeps for each record takes a quarter of a core at 2,000/s."""


class Due(NamedTuple):
    """A record to be played: its source's name, the time of what happened (ms), its key and its value."""

    source: str
    at: int
    key: bytes | None
    value: bytes


def due(line: bytes) -> Due:
    """A record in our own JSON, keyed by whom it is about."""
    told = orjson.loads(line)
    key = told.get("user") or told.get("anonymous") or told.get("account") or told["id"]
    return Due(ONE, parse_time(told.get("at")) or 0, str(key).encode(), line)


async def handfuls(count: int, rate: int, began: float) -> AsyncIterator[range]:
    """Numbers of the records that have become due since the last time: n is due n / rate s after `began` (s, wall clock)."""
    sent = 0
    while sent < count:
        await asyncio.sleep(max(HANDFUL_S, began - time.time()))
        ready = min(floor((time.time() - began) * rate) + 1, count)
        yield range(sent, ready)
        sent = ready


@dataclass
class Fed:
    """How far the feed has come. `at` is event time in ms."""

    records: int = 0
    at: int = 0
    done: bool = False


class Feeder:
    """Feeds the topics of some sources, {name: topic}. `rate(n, seconds)` says how many records a second to send after n
    records and so many seconds. `patience_s`: how long Kafka may be away before a record is given up, which ends the feed."""

    def __init__(self, bootstrap: str, topics: Mapping[str, str], partitions: int, patience_s: float = 40.0) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=5, enable_idempotence=True, max_batch_size=256 * 1024,
            request_timeout_ms=int(patience_s * 1000),
        )  # fmt: skip
        self._topics = dict(topics)
        self._partitions = partitions
        self.fed = Fed()

    async def __aenter__(self) -> Feeder:
        await self._producer.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._producer.stop()

    async def play(self, records: Iterable[Due], until: int, rate: Callable[[int, float], float]) -> Fed:
        """All records, then the end of time: nothing earlier than `until` follows.

        Every partition has the first record's time before any record is read: nobody waits for one that is empty yet.
        """
        began, allowance, last = time.monotonic(), 0.0, time.monotonic()
        for record in records:
            if not self.fed.records:
                await self.promise(record.at)
                await self._producer.flush()
            await self.send(record.source, record.key, record.value)
            self.fed.records += 1
            self.fed.at = max(self.fed.at, record.at)
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

    async def send(self, source: str, key: bytes | None, value: bytes, partition: int | None = None) -> None:
        await self._producer.send(self._topics[source], value=value, key=key, partition=partition)

    async def promise(self, at: int) -> None:
        """Tell every partition of every topic that nothing earlier than `at` (ms) follows."""
        for source in self._topics:
            for partition in range(self._partitions):
                await self.send(source, None, canonical.watermark(at), partition)
