"""Cohorts, growth and habit against people counted one by one."""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from datetime import date, datetime

import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load
from sinks.clickhouse import journey
from sinks.clickhouse.board import journeys, overview
from sinks.clickhouse.board.scope import Scope
from streams.board.pages.journeys import curve, triangle
from streams.board.subject import Subject
from tests.streams.board.conftest import SAAS

INSIDE = {"user": ["activation", "engagement", "adoption", "retention"],
          "account": ["consideration", "conversion", "onboarding", "adoption", "retention", "advocacy"]}  # fmt: skip


@pytest.fixture(scope="module")
def scope(company: Client) -> Scope:
    now = journey.newest_event(company)
    assert now is not None
    return Scope(now)


def paths(company: Client, kind: str) -> dict[str, list[tuple[datetime, bool]]]:
    """{entity: its steps as (at, whether that is a stage between the first and an ending)}, in order."""
    found: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    for entity, at, to in company.query(
        "SELECT entity, at, to_state FROM transitions FINAL WHERE kind = {kind:String} AND machine = 'stage' AND valid ORDER BY at, seq",
        parameters={"kind": kind},
    ).result_rows:
        found[entity].append((at, to in INSIDE[kind]))
    return found


def later(moment: datetime, months: int) -> datetime:
    """So many months later, the last day of a shorter month at most."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


@pytest.mark.parametrize("kind", ["user", "account"])
def test_cohorts_are_who_was_there_so_many_months_after_the_own_start(company: Client, scope: Scope, kind: str) -> None:
    now = company.query("SELECT max(at) FROM events").result_rows[0][0]
    started: Counter[date] = Counter()
    here: Counter[tuple[date, int]] = Counter()
    for steps in paths(company, kind).values():
        start = next((at for at, inside in steps if inside), None)
        if start is None:
            continue
        cohort = start.date().replace(day=1)
        started[cohort] += 1
        for month in range(13):
            here[cohort, month] += [inside for at, inside in steps if at <= later(start, month)][-1]
    found = journeys.cohorts(company, scope, kind, 12)
    assert {(row["cohort"], row["started"]) for row in found} == {
        (cohort, n) for cohort, n in started.items() if later(now.replace(day=1), -12).date() <= cohort
    }
    for row in found:
        assert row["here"] == here[row["cohort"], row["month"]], row
    lived = [row for row in found if row["month"]]
    assert all(later(datetime.combine(row["cohort"], datetime.min.time()), 1 + row["month"]) <= now for row in lived)
    assert lived
    assert kind == "account" or any(row["here"] < row["started"] for row in found)


def test_the_curve_of_all_cohorts_counts_each_start_the_same_and_ends_with_the_oldest() -> None:
    """Two months' starts: four people of whom one stays two months, and one who stays; the second month has lived less."""
    rows = [
        {"cohort": date(2024, 1, 1), "started": 4, "month": 0, "here": 4},
        {"cohort": date(2024, 1, 1), "started": 4, "month": 1, "here": 2},
        {"cohort": date(2024, 1, 1), "started": 4, "month": 2, "here": 1},
        {"cohort": date(2024, 2, 1), "started": 1, "month": 0, "here": 1},
        {"cohort": date(2024, 2, 1), "started": 1, "month": 1, "here": 1},
    ]
    assert [(line.name, line.values) for line in curve(triangle(rows))] == [
        ("Jan 2024", [100, 50, 25]),
        ("Feb 2024", [100, 100, None]),
        ("all cohorts", [100, 60, 25]),
    ]
    assert curve([]) == []


@pytest.mark.parametrize("kind", ["user", "account"])
def test_growth_is_new_came_back_and_went(company: Client, scope: Scope, kind: str) -> None:
    expected: dict[date, Counter[str]] = defaultdict(Counter)
    for steps in paths(company, kind).values():
        inside, ever = False, False
        for at, now_inside in steps:
            if now_inside != inside:
                what = "lost" if inside else "returned" if ever else "new"
                expected[at.date().replace(day=1)][what] += 1
                inside, ever = now_inside, True
    found = journeys.growth(company, scope, kind)
    assert {row["month"]: {k: row[k] for k in ("new", "returned", "lost") if row[k]} for row in found} == expected
    standing = sum(
        row["entities"] for row in overview.standing(company, scope, kind)
        if row["machine"] == "stage" and row["state"] in INSIDE[kind]
    )  # fmt: skip
    assert sum(row["new"] + row["returned"] - row["lost"] for row in found) == standing


def test_habit_counts_people_by_active_days(company: Client, scope: Scope) -> None:
    now = company.query("SELECT max(at) FROM events").result_rows[0][0]
    days: dict[str, set[date]] = defaultdict(set)
    for entity, at in company.query(
        "SELECT entity, at FROM events FINAL WHERE actor = 'user' AND place = 'product' AND type IN ('track', 'page', 'screen')"
    ).result_rows:
        if (now.date() - at.date()).days < 28:
            days[entity].add(at.date())
    found = journeys.habit(company, scope, Subject.of(load(SAAS)).seen)
    assert {row["active_days"]: row["users"] for row in found} == Counter(len(acts) for acts in days.values())
    assert max(row["active_days"] for row in found) <= 28
