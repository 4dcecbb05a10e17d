"""Latency at a steady pace: from the moment a record was due to be produced to its transition on Kafka and its row in ClickHouse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import quantiles
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from deploy.demo.engine import ONE
from deploy.demo.feed import Feeder, handfuls

SECONDS = 20
RATE = 500
PREFIX = "steady-"


class Latency:
    """Event id -> when it was due, and when its first transition was seen on Kafka. Wall clock, ms."""

    def __init__(self) -> None:
        self.due: dict[str, int] = {}
        self.seen: dict[str, int] = {}

    def take(self, record: dict[str, Any], timestamp: int) -> None:
        event = record["cause"].get("event")
        if event is not None and event in self.due:
            self.seen.setdefault(event, timestamp)


async def steady(
    feeder: Feeder, latency: Latency, client: Client, at: int, alive: Callable[[], None]
) -> list[tuple[str, float, float, int]]:
    """Feed new users at a fixed pace after instant `at` (ms); [(what, p50, p95, how many)], in ms.

    The clock starts when a record was due, not when it was sent: a feeder that stalls does not hide the wait.
    """
    began = time.time()
    async for numbers in handfuls(SECONDS * RATE, RATE, began):
        for n in numbers:
            event = f"{PREFIX}{n}"
            latency.due[event] = int((began + n / RATE) * 1000)
            user = f"{PREFIX}user-{n}"
            told = {"id": event, "event": "Signed Up", "user": user, "at": (at + n * 2 + 1) / 1000}
            await feeder.send(ONE, user.encode(), orjson.dumps(told))
    await feeder.promise(at + SECONDS * 1000 + 1)
    await _until_stored(client, alive)
    rows = client.query(
        "SELECT JSONExtractString(cause, 'event') AS event, min(toUnixTimestamp64Milli(inserted_at))"
        " FROM transitions WHERE startsWith(event, {prefix:String}) GROUP BY event",
        parameters={"prefix": PREFIX},
    ).result_rows
    kafka = [seen - latency.due[event] for event, seen in latency.seen.items()]
    stored = [at - latency.due[event] for event, at in rows if event in latency.due]
    return [("transition", *_percentiles(kafka)), ("ClickHouse row", *_percentiles(stored))]


async def _until_stored(client: Client, alive: Callable[[], None]) -> None:
    """Until ClickHouse has a transition of every steady user."""
    for _ in range(240):
        alive()
        found = client.query(
            "SELECT uniqExact(entity) FROM transitions WHERE startsWith(entity, {prefix:String})",
            parameters={"prefix": PREFIX},
        ).result_rows[0][0]
        if found >= SECONDS * RATE:
            return
        await asyncio.sleep(0.25)
    raise TimeoutError(f"after 60 s ClickHouse has transitions of {found:,} of the {SECONDS * RATE:,} steady users")


def _percentiles(values: list[int]) -> tuple[float, float, int]:
    if len(values) < 2:
        return float("nan"), float("nan"), len(values)
    cuts = quantiles(values, n=20)
    return cuts[9], cuts[18], len(values)
