"""The company of the demo played once through two workers and a sink, for all tests that look at the result."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from clickhouse_connect.driver.client import Client

from deploy.demo.company import Company
from sinks.clickhouse.connect import connect
from tests.integration.live import Live

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"


class Finished(NamedTuple):
    """What a finished run left behind."""

    transitions: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    client: Client


@cache
def company() -> tuple[list[bytes], int]:
    """(its lines in event-time order, the end of its time in ms)."""
    made = Company()
    return [made.line(event) for event in made.events()], made.until


def play_company(kafka: str, clickhouse: str) -> Finished:
    """Feed it, wait until everything has arrived, read it back."""

    async def run() -> Finished:
        lines, until = company()
        async with Live(kafka, clickhouse, SAAS, workers=2) as live:
            await live.feed(lines, until)
            await live.drained()
            alerts = [orjson.loads(record.value) for record in await live.read("alerts")]
            return Finished(await live.transitions(), alerts, connect(clickhouse, live.plan.database))

    return asyncio.run(run())
