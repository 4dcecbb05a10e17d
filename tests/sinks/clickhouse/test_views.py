"""The views against a naive model: right without merges, after duplicates, in any order of insert."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect
from sinks.clickhouse.erase import counts, delete, names_of
from sinks.clickhouse.rows import TOPICS, Row, rows_of
from sinks.clickhouse.tables import TRANSITIONS
from sinks.clickhouse.writer import ClickHouseWriter
from streams.delivery.contracts import Output, Record
from streams.journey.erasure import request
from streams.replay.run import Replay
from tests.sinks.clickhouse.naive import DAY, STAGES, START, Story, rows, story
from tests.sinks.conftest import prepared
from tests.streams import linked


def pour(client: Client, found: list[Row], rng: random.Random) -> None:
    """Insert rows in random order and in many small inserts, a third of them twice."""
    writer = ClickHouseWriter(client)
    shuffled = rng.sample(found, len(found))
    for start in range(0, len(shuffled), 97):
        piece = shuffled[start : start + 97]
        for _ in range(2 if rng.random() < 0.33 else 1):
            tables: dict[str, list[Any]] = defaultdict(list)
            for row in piece:
                tables[row.table].append(row.values)
            for table, values in tables.items():
                writer.write(table, values)


@pytest.fixture(scope="module", params=[1, 2])
def town(request: pytest.FixtureRequest, engine: Path) -> Iterator[tuple[Client, Story]]:
    """A story, poured into ClickHouse in disorder. Tests may write the same rows again, and nothing else."""
    told = story(request.param)
    client = prepared(connect(f"chdb://{engine}"))
    pour(client, rows(told), random.Random(request.param))
    yield client, told
    client.close()


@pytest.fixture
def told(town: tuple[Client, Story]) -> Story:
    return town[1]


@pytest.fixture
def full(town: tuple[Client, Story]) -> Client:
    return town[0]


def test_the_story_holds_corrections_and_ends(told: Story) -> None:
    assert told.corrections >= 10
    assert sum(steps[-1].to is None for steps in told.truth.values()) >= 5


def test_valid_transitions_are_the_true_chains(full: Client, told: Story) -> None:
    found = full.query("SELECT kind, entity, machine, from_state, to_state, at FROM valid_transitions").result_rows
    true = [
        (*chain, step.was, step.to, datetime.fromtimestamp(step.at / 1000, UTC).replace(tzinfo=None))
        for chain, steps in told.truth.items()
        for step in steps
    ]
    assert Counter(found) == Counter(true)


def test_stock_is_entries_minus_exits_and_sums_to_the_living(full: Client, told: Story) -> None:
    now = Counter((kind, machine, steps[-1].to) for (kind, _, machine), steps in told.truth.items() if steps[-1].to)
    found = full.query("SELECT kind, machine, state, entities, entries, exits FROM stage_stock").result_rows
    assert {row[:3]: row[3] for row in found if row[3]} == now
    assert all(row[3] == row[4] - row[5] for row in found)
    living = Counter(kind for (kind, _), standing in told.standing.items() if standing is not None)
    for row in queries.stock_check(full):
        expected = {"stock": living[row["kind"]], "living": living[row["kind"]], "broken": 0}
        assert {name: row[name] for name in expected} == expected
        assert row["snapshots"] == living[row["kind"]]


@pytest.mark.parametrize("seed", range(2))
def test_stocks_sum_to_the_living_after_merges_and_forgetting(client: Client, seed: int) -> None:
    outputs: list[Output] = []
    replay = Replay(linked.definition(), "canonical", outputs.append)
    replay.run(linked.crowd(seed), linked.BEGIN + 200 * linked.DAY)
    made = [row for n, output in enumerate(outputs) for row in sunk(n, output)]
    ends = Counter(row.values[TRANSITIONS.names.index("label")] for row in made if row.table == "transitions")
    assert ends["merged"] > 10
    assert ends["forgotten"] > 2
    pour(client, made, random.Random(seed))
    standing = [orjson.loads(line) for line in replay.standing()]
    living = Counter(one["kind"] for one in standing)
    where = Counter((one["kind"], machine, at["state"]) for one in standing for machine, at in one["machines"].items())
    found = client.query("SELECT kind, machine, state, entities, entries, exits FROM stage_stock").result_rows
    assert {row[:3]: row[3] for row in found if row[3]} == where
    assert all(row[3] == row[4] - row[5] for row in found)
    for line in queries.stock_check(client):
        expected = {
            "stock": living[line["kind"]],
            "living": living[line["kind"]],
            "broken": 0,
            "snapshots": living[line["kind"]],
        }
        assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize("seed", range(2))
def test_stocks_sum_to_the_living_after_erasures_and_when_the_erased_are_deleted(client: Client, seed: int) -> None:
    outputs: list[Output] = []
    replay = Replay(linked.definition(), "canonical", outputs.append)
    lines = linked.crowd(seed)
    now = round(orjson.loads(lines[150])["at"] * 1000)
    replay.run(lines[:150], now)
    erased = {"user": ["u1", "u2", "u5-anon", "u9"], "account": ["a0", "a3"]}
    forget(replay, outputs, erased, now)
    replay.run(lines[150:], linked.BEGIN + 200 * linked.DAY)
    made = [row for n, output in enumerate(outputs) if output.topic in TOPICS for row in sunk(n, output)]
    ends = Counter(row.values[TRANSITIONS.names.index("label")] for row in made if row.table == "transitions")
    assert ends["erased"] >= 5
    pour(client, made, random.Random(seed))
    standing = Counter(orjson.loads(line)["kind"] for line in replay.standing())
    for line in queries.stock_check(client):
        assert (line["stock"], line["living"], line["broken"]) == (standing[line["kind"]], standing[line["kind"]], 0)
        assert line["snapshots"] == standing[line["kind"]]
    client.command("SYSTEM START MERGES")  # a deletion is a mutation, which is a merge
    assert sum(sum(counts(client, kind, names).values()) for kind, names in erased.items()) > 10
    for kind, names in erased.items():
        for name in names:
            known = names_of(client, kind, name)
            delete(client, kind, known)
            assert sum(counts(client, kind, known).values()) == 0
    for line in queries.stock_check(client):
        assert (line["stock"], line["broken"]) == (line["living"], 0)
        assert line["snapshots"] == line["living"] < standing[line["kind"]], "some of them had begun afresh"


def forget(replay: Replay, outputs: list[Output], erased: dict[str, list[str]], now: int) -> None:
    """Requests for all of these, and what accounts tell their members then."""
    asked = {kind: [request(f"r-{n}", now, n).to_json() for n in names] for kind, names in erased.items()}
    users = [Output("events", n.encode(), v) for n, v in zip(erased["user"], asked["user"], strict=True)]
    accounts = [Output("members", n.encode(), v) for n, v in zip(erased["account"], asked["account"], strict=True)]
    replay._turn([ok for o in users for ok in replay._heard(replay.users, o)], accounts, now)
    released = [ok for o in outputs if o.topic == "events" for ok in replay._heard(replay.users, o)]
    assert released, "the accounts had members"
    replay._turn(released, [], now)


def test_whoever_was_never_merged_is_nobody_elses_name(client: Client) -> None:
    outputs: list[Output] = []
    Replay(linked.definition(), "canonical", outputs.append).run(linked.crowd(3), linked.BEGIN + 200 * linked.DAY)
    made = [row for n, output in enumerate(outputs) if output.topic in TOPICS for row in sunk(n, output)]
    pour(client, made, random.Random(3))
    for person in range(6):
        names = names_of(client, "user", f"u{person}")
        assert {name.partition("-")[0].partition("@")[0] for name in names} == {f"u{person}"}, names


def sunk(offset: int, output: Output) -> list[Row]:
    """The rows of a published record."""
    found = rows_of(output.topic, Record(output.topic, 0, offset, START, output.key, output.value))
    assert isinstance(found, list), found
    return found


def test_a_lost_transition_shows_in_the_stock_check(client: Client) -> None:
    made = rows(story(4))
    lost = next(row for row in made if row.table == "transitions" and row.values[5] is None)
    pour(client, [row for row in made if row.values[0] != lost.values[0]], random.Random(4))
    assert sum(row["broken"] for row in queries.stock_check(client)) == 1


def test_entity_states_say_who_is_where_since_when(full: Client, told: Story) -> None:
    found = full.query("SELECT kind, entity, machine, state, since FROM entity_states").result_rows
    true = {
        (*chain, steps[-1].to, datetime.fromtimestamp(steps[-1].at / 1000, UTC).replace(tzinfo=None))
        for chain, steps in told.truth.items()
        if steps[-1].to is not None
    }
    assert set(found) == true
    assert len(found) == len(true)


def test_stock_over_time_is_the_state_at_the_end_of_each_day(full: Client, told: Story) -> None:
    found = full.query("SELECT kind, machine, state, day, entities FROM stage_stock_daily").result_rows
    assert {row[:4]: row[4] for row in found if row[4]} == stock_by_day(told)
    days = defaultdict(list)
    for kind, machine, state, day, _ in found:
        days[kind, machine, state].append(day)
    last = max(date_of(step.at) for steps in told.truth.values() for step in steps)
    for listed in days.values():
        assert sorted(listed) == [min(listed) + timedelta(n) for n in range((last - min(listed)).days + 1)]


def stock_by_day(told: Story) -> Counter[tuple[str, str, str, date]]:
    """Who stood where at each midnight, counted one by one."""
    last = max(step.at for steps in told.truth.values() for step in steps) // DAY
    counted: Counter[tuple[str, str, str, date]] = Counter()
    for (kind, _, machine), steps in told.truth.items():
        for day in range(START // DAY, last + 1):
            until = [step for step in steps if step.at < (day + 1) * DAY]
            if until and until[-1].to is not None:
                counted[kind, machine, until[-1].to, date_of(day * DAY)] += 1
    return counted


def date_of(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def test_flow_counts_each_move_once(full: Client, told: Story) -> None:
    found = full.query("SELECT kind, machine, day, from_state, to_state, transitions FROM stage_flow_daily").result_rows
    true = Counter(
        (kind, machine, date_of(step.at), step.was, step.to)
        for (kind, _, machine), steps in told.truth.items()
        for step in steps
    )
    assert {row[:5]: row[5] for row in found} == true
    assert sum(row["transitions"] for row in queries.flow(full, "user")) == sum(
        n for key, n in true.items() if key[:2] == ("user", "stage")
    )


def test_dwell_is_over_the_visits_that_ended(full: Client, told: Story) -> None:
    visits: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for (kind, _, machine), steps in told.truth.items():
        for entered, left in pairwise(steps):
            visits[kind, machine, entered.to or ""].append((left.at - entered.at) / 1000)
    found = full.query("SELECT kind, machine, state, visits, p50_s, p90_s FROM stage_dwell").result_rows
    assert {row[:3] for row in found} == set(visits)
    for *key, n, p50, p90 in found:
        seconds = sorted(visits[tuple(key)])
        assert (n, p50, p90) == (len(seconds), exact(seconds, 0.5), exact(seconds, 0.9))


def exact(seconds: list[float], level: float) -> float:
    return seconds[min(int(level * len(seconds)), len(seconds) - 1)]


def register(client: Client, lost: str = "churn") -> None:
    """Write the order of the states, as the sink does when it starts."""
    values = [
        ("saas", 1, "d", kind, "stage", state, n, state == lost, START)
        for kind, states in STAGES.items()
        for n, state in enumerate(states)
    ]
    ClickHouseWriter(client).write("stages", values)


def test_the_funnel_counts_who_came_this_far_or_further(full: Client, told: Story) -> None:
    register(full)
    for kind in ("user", "account"):
        ladder = STAGES[kind][:-1]
        climbs = [
            (max(ladder.index(step.to) for step in steps if step.to in ladder), steps[-1].to)
            for (k, _, machine), steps in told.truth.items()
            if k == kind and machine == "stage"
        ]
        found = queries.funnel(full, kind)
        assert [row["state"] for row in found] == ladder
        for rung, row in enumerate(found):
            here = [now for furthest, now in climbs if furthest == rung]
            reached = sum(furthest >= rung for furthest, _ in climbs)
            before = sum(furthest >= rung - 1 for furthest, _ in climbs)
            assert row["reached"] == reached
            assert row["drop_off"] == len(here)
            assert row["lost"] == sum(now in (None, "churn") for now in here)
            assert row["now"] == sum(now == row["state"] for _, now in climbs)
            assert row["of_first"] == pytest.approx(reached / len(climbs))
            if rung:
                assert row["of_previous"] == pytest.approx(reached / before)


def test_a_stage_that_nobody_reached_is_in_the_funnel_with_zero(client: Client) -> None:
    register(client)
    assert [(row["state"], row["reached"], row["now"]) for row in queries.funnel(client, "user")] == [
        (state, 0, 0) for state in STAGES["user"][:-1]
    ]


def test_a_later_definition_replaces_the_order_of_the_earlier_one(client: Client) -> None:
    register(client)
    writer = ClickHouseWriter(client)
    writer.write("stages", [("saas", 2, "e", "user", "stage", "trial", 0, False, START + 1)])
    assert [row["state"] for row in queries.funnel(client, "user")] == ["trial"]


def test_accounts_at_risk_come_with_the_reason_and_who_owns_them(full: Client, told: Story) -> None:
    true = {
        entity: standing
        for (kind, entity), standing in told.standing.items()
        if kind == "account" and standing is not None and standing["machines"]["risk"]["state"] == "at_risk"
    }
    found = {row["account"]: row for row in queries.at_risk(full)}
    assert set(found) == set(true)
    assert found
    for account, row in found.items():
        carry = true[account]["carry"]
        assert (row["name"], row["owner"], row["mrr"]) == (carry["name"], carry["owner"], carry["mrr"])
        assert row["renews_at"] == datetime.fromtimestamp((START + 300 * DAY) / 1000, UTC).replace(tzinfo=None)
        assert row["reason"] == ", ".join(true[account]["signals"]).replace("_", " ")
        assert row["stage"] == true[account]["machines"]["stage"]["state"]


def test_engagement_reads_the_latest_snapshot_and_leaves_unpublished_measures_null(full: Client, told: Story) -> None:
    found = {row["account"]: row for row in queries.engagement(full, 1000)}
    true = {e: s for (kind, e), s in told.standing.items() if kind == "account" and s is not None}
    assert set(found) == set(true)
    for account, row in found.items():
        assert row["weekly"] == true[account]["measures"]["weekly"]
        assert row["managers_28"] == true[account]["measures"]["managers_28"]
        assert row["executives_30"] is None


def test_account_days_keep_one_row_a_day(full: Client, told: Story) -> None:
    published = {(row.values[0], row.values[1]): row.values[2] for row in rows(told) if row.table == "account_days"}
    found = full.query("SELECT account, toUInt16(day), toUnixTimestamp64Milli(as_of) FROM engagement_daily").result_rows
    assert {(account, day): as_of for account, day, as_of in found} == published
    assert len(found) == len(published)


def test_a_timeline_tells_one_entity_in_order(full: Client, told: Story) -> None:
    found = queries.timeline(full, "account", "account-3")
    steps = [step for (k, e, _), steps in told.truth.items() if (k, e) == ("account", "account-3") for step in steps]
    assert [row["at"] for row in found] == sorted(row["at"] for row in found)
    assert Counter(row["change"] for row in found) == Counter(
        f"{step.was or '(new)'} -> {step.to or '(ended)'}" for step in steps
    )


def everything(client: Client) -> dict[str, Counter[str]]:
    """What every view shows, but for the time of insert."""
    views = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
    return {
        view: Counter(
            repr([pair for pair in row.items() if pair[0] != "inserted_at"])
            for row in queries.ask(client, f"SELECT * FROM {view}")
        )
        for (view,) in views.result_rows
    }


def test_neither_the_same_rows_again_nor_merges_change_any_view(full: Client, told: Story) -> None:
    register(full)
    before, raw = everything(full), queries.counts(full)["transitions"].raw
    assert len(before) >= 14
    pour(full, rows(told), random.Random(99))
    assert queries.counts(full)["transitions"].raw > raw
    assert everything(full) == before
    merge(full)
    assert everything(full) == before


def merge(client: Client) -> None:
    """Merge every table to the end, then stop merges again."""
    client.command("SYSTEM START MERGES")
    for name, held in queries.counts(client).items():
        client.command(f"OPTIMIZE TABLE {name} FINAL")
        assert queries.counts(client)[name].final == held.final
    client.command("SYSTEM STOP MERGES")
