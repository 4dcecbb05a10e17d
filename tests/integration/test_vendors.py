"""The company's vendors, a topic each of four partitions, on real Kafka: what comes out is what a replay says, id by id.

They are read as fast as they go, so partitions part by days, and what accounts and people tell each other arrives late by as
much. The first weeks of all forty accounts are played here; `tests/simulation` has partitions that are a year apart.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import cache
from typing import Any

import orjson
import pytest

from deploy.demo.company import Company
from deploy.demo.feed import Due
from deploy.demo.script import DAY, START
from deploy.demo.wire.books import Sent
from deploy.demo.wire.company import SOURCES, records
from schemas.definition.parse import load
from schemas.time import parse_time
from streams.replay.run import Replay
from tests.integration.company_run import SAAS
from tests.integration.live import Live, same, truth

UNTIL = START + 45 * DAY

SECOND = 1_000
"""Stripe, Zendesk and Delighted tell whole seconds."""

Truth = dict[str, dict[str, Any]]


@cache
def wire() -> list[Sent]:
    return [record for record in records(Company()) if record.at < UNTIL]


@cache
def replayed() -> Truth:
    found: list[dict[str, Any]] = []
    write = lambda o: found.append(orjson.loads(o.value)) if o.topic.startswith("transitions") else None  # noqa: E731
    Replay(load(SAAS), SOURCES, write).run([(record.source, record.value) for record in wire()], UNTIL)
    return truth(found)


def played(kafka: str, clickhouse: str, workers: int) -> Truth:
    """What comes out of a live run of all that the vendors send."""

    async def run() -> Truth:
        async with Live(kafka, clickhouse, SAAS, workers=workers, sink=False, sources=SOURCES) as live:
            await live.feed([Due(r.source, r.at, r.key, r.value) for r in wire()], UNTIL)
            await live.drained()
            assert await live.read("dead-letters") == []
            return truth(await live.transitions())

    return asyncio.run(run())


@pytest.fixture(scope="module")
def found(kafka: str, clickhouse: Any) -> Truth:
    return played(kafka, clickhouse.url, workers=1)


def test_ids_differ_per_vendor_and_every_transition_of_people_and_accounts_is_a_replays(found: Truth) -> None:
    assert len({record.source for record in wire()}) >= 8
    merged = [t for t in found.values() if t.get("into") is not None]
    assert len({t["entity"] for t in merged if t["kind"] == "account"}) > 50, "accounts go by one name each"
    same(replayed(), found)


def test_every_account_is_on_the_path_that_its_script_wrote_down(found: Truth) -> None:
    taken: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for t in sorted(found.values(), key=lambda t: parse_time(t["at"]) or 0):
        if t["kind"] == "account" and t["machine"] == "stage" and t["from"] is not None and t["to"] is not None:
            taken[t["entity"]].append((t["to"], parse_time(t["at"]) or 0))
    moved = 0
    for account in Company().accounts:
        written = [step for step in account.machine("stage") if step.at_latest + SECOND < UNTIL]
        steps = taken[account.id][: len(written)]
        assert [step.to for step in written] == [to for to, _ in steps], account.id
        assert all(
            step.at_earliest - SECOND <= at <= step.at_latest + SECOND
            for step, (_, at) in zip(written, steps, strict=True)
        ), account.id
        moved += len(written)
    assert moved > 40
