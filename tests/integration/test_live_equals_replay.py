"""The same input through `replay` and through Kafka, Faust and ClickHouse gives the same transitions, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.demo.engine import Process
from deploy.demo.watch import Groups
from schemas.definition.parse import load
from schemas.time import parse_time
from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect
from streams.delivery.contracts import Drop, Record
from streams.journey.users import Decoder
from streams.replay.run import Replay
from tests.integration.company_run import SAAS, Finished, company
from tests.integration.live import Live, gapless, same, truth

DIGEST = Path(__file__).with_name("company.digest")


@cache
def decoder() -> Decoder:
    return Decoder(load(SAAS), "canonical")


def is_excluded(line: bytes) -> bool:
    """Whether the definition's declared exclusions leave this record out."""
    outcomes = decoder().route(Record("s", 0, 0, 0, None, line))
    return any(isinstance(outcome, Drop) and outcome.reason.startswith("excluded") for outcome in outcomes)


@cache
def expected() -> dict[str, dict[str, Any]]:
    """The truth according to a replay."""
    lines, until = company()
    found: list[dict[str, Any]] = []
    Replay(
        load(SAAS), "canonical", lambda o: found.append(orjson.loads(o.value)) if o.topic.startswith("tr") else None
    ).run(lines, until)
    return truth(found)


def digest(of: dict[str, dict[str, Any]]) -> str:
    return sha256("\n".join(sorted(of)).encode()).hexdigest()


def test_the_expected_set_is_the_one_that_was_checked_in() -> None:
    """Change it on purpose only: write the digest that the message shows, and say in the commit what changed and why."""
    assert digest(expected()) == DIGEST.read_text().strip()


def test_the_expected_set_covers_all_states_and_has_timers() -> None:
    accounts = [t for t in expected().values() if t["kind"] == "account"]
    assert len(accounts) >= 1000
    states = set(load(SAAS).account.machines[0].states)  # type: ignore[union-attr]
    assert {t["to"] for t in accounts if t["machine"] == "stage"} >= states
    assert Counter("timer" in t["cause"] for t in accounts)[True] >= 100


def test_live_with_two_workers_equals_replay(company_live: Finished) -> None:
    same(expected(), truth(company_live.transitions))
    gapless(company_live.transitions)


def test_clickhouse_holds_the_same_set_and_the_stock_is_right(company_live: Finished) -> None:
    client = company_live.client
    rows = client.query("SELECT lower(hex(id)) FROM transitions FINAL WHERE valid").result_rows
    assert {row[0] for row in rows} == set(expected())
    for line in queries.stock_check(client):
        assert line["stock"] == line["living"], line
        assert not line["broken"], line


def test_every_source_record_has_one_outcome_in_the_events_table(company_live: Finished) -> None:
    lines, _ = company()
    ids = {orjson.loads(line)["id"] for line in lines}
    held = {row[0] for row in company_live.client.query("SELECT event_id FROM events FINAL").result_rows}
    excluded = {orjson.loads(line)["id"] for line in lines if is_excluded(line)}
    assert held == ids - excluded
    assert excluded, "the company has staff and test traffic, or this proves nothing"


@pytest.mark.parametrize("seed", [20261124])
def test_killed_five_times_the_result_is_the_same(kafka: str, clickhouse: Any, seed: int) -> None:
    """kill -9 at five random points between 10 % and 90 % of the feed, each with records in flight."""
    lines, until = company()
    points = sorted(random.Random(seed).uniform(0.1, 0.9) for _ in range(5))
    print(f"seed {seed}: kills at {[f'{point:.0%}' for point in points]}")

    async def run() -> None:
        async with Live(kafka, clickhouse.url, SAAS) as live:
            feeding = asyncio.create_task(live.feed(lines, until, lambda n, s: 6000.0))
            try:
                for point in points:
                    await _consumed(live, point * len(lines))
                    assert await live.lag() > 0, "nothing was in flight"
                    live.workers[0].kill()
                    live.workers[0].start()
                await feeding
            finally:
                feeding.cancel()
            await live.drained()
            transitions = await live.transitions()
            same(expected(), truth(transitions))
            gapless(transitions)
            client = connect(clickhouse.url, live.plan.database)
            assert client.query("SELECT count(), uniqExact(id) FROM valid_transitions").result_rows[0] == (
                len(expected()), len(expected()),
            )  # fmt: skip

    asyncio.run(run())


def test_a_worker_that_joins_and_leaves_and_one_that_is_asked_to_stop_change_nothing(
    kafka: str, clickhouse: Any
) -> None:
    lines, until = company()

    async def run() -> None:
        async with Live(kafka, clickhouse.url, SAAS, sink=False) as live:
            feeding = asyncio.create_task(live.feed(lines, until, lambda n, s: 6000.0))
            try:
                await _consumed(live, 0.2 * len(lines))
                second = live.add_worker()
                await _joined(second)
                await _consumed(live, 0.45 * len(lines))
                second.stop()
                live.workers.remove(second)
                assert second.ended() == 0, second.tail(60)
                await _consumed(live, 0.7 * len(lines))
                live.workers[0].stop()
                assert live.workers[0].ended() == 0, live.workers[0].tail(60)
                live.workers[0].start()
                await feeding
            finally:
                feeding.cancel()
            await live.drained()
            transitions = await live.transitions()
            same(expected(), truth(transitions))
            gapless(transitions)

    asyncio.run(run())


def shuffled(lines: list[bytes], seed: int, by_ms: int) -> list[bytes]:
    """The records in another order, each up to so much of event time later than its turn; one in fifty comes twice."""
    chance = random.Random(seed)
    turns = [((parse_time(orjson.loads(line)["at"]) or 0) + chance.randrange(by_ms), n) for n, line in enumerate(lines)]
    turns += [(at + chance.randrange(by_ms), n) for at, n in turns[::50]]
    return [lines[n] for _, n in sorted(turns)]


def test_shuffled_late_and_repeated_within_the_grace_period_the_result_is_the_same(kafka: str, clickhouse: Any) -> None:
    """Each record comes up to 25 minutes late, twice as many where it comes twice; the grace period is an hour."""
    lines, until = company()
    mixed = shuffled(lines, 20261125, 25 * 60_000)
    late = sum(a > b for a, b in pairwise(parse_time(orjson.loads(line)["at"]) or 0 for line in mixed))
    assert late > len(lines) / 20, "hardly anything is out of order"

    async def run() -> None:
        async with Live(kafka, clickhouse.url, SAAS, workers=2, sink=False) as live:
            await live.feed(mixed, until)
            await live.drained()
            transitions = await live.transitions()
            assert any(t["origin"] == "correction" for t in transitions), "nothing had to be corrected"
            same(expected(), truth(transitions))
            gapless(transitions)

    asyncio.run(run())


async def _joined(worker: Process) -> None:
    """Until it has partitions: one that is told to end while it still imports has not begun, and does not say 0."""
    for _ in range(1200):
        if "partitions_taken" in worker.tail():
            return
        assert worker.ended() is None, worker.tail()
        await asyncio.sleep(0.05)
    raise AssertionError(f"it did not join within 60 s: {worker.tail()}")


async def _consumed(live: Live, records: float) -> None:
    """Until the engine has committed so many source records."""
    async with Groups(live.plan.kafka) as groups:
        topics = [live.plan.source_topic]
        for _ in range(1200):
            live.alive()
            ends = await groups.ends(topics)
            if ends and ends - await groups.lag(f"{live.plan.prefix}engine", topics) >= records:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"the engine did not commit {records:.0f} records within 60 s")
