"""Journeys: where people stop and how long they stay, cohorts month by month, growth, and how often people act."""

from __future__ import annotations

from typing import Any

from sinks.clickhouse.board import journeys, overview
from streams.board.address import Address
from streams.board.app import Board, Page, Sheet, moment
from streams.board.charts import Line
from streams.board.pages.overview import rungs
from streams.board.store import together

MONTHS = 12


async def page(board: Board, at: Address, _match: dict[str, str]) -> Page:
    now, ask = await board.now(), board.store.ask
    kind = "account" if at.get("kind") == "account" else "user"
    scope = board.scope(at, now)
    choices, order, standing, furthest, dwell, cohorts, growth, habit = await together(
        board.choices(),
        ask(overview.order),
        ask(overview.standing, scope, kind),
        ask(overview.funnel, scope, kind),
        ask(journeys.dwell, scope, kind),
        ask(journeys.cohorts, scope, kind, MONTHS),
        ask(journeys.growth, scope, kind),
        ask(journeys.habit, scope, board.subject.seen),
    )
    states = [row for row in order if row["kind"] == kind and row["machine"] == "stage"]
    here = {(row["machine"], row["state"]): row["entities"] for row in standing}
    table = triangle(cohorts)
    return Page(
        "Journeys",
        "journeys.html",
        {
            "now": moment(now), "choices": choices, "kind": kind, "cohorts": table, "curve": curve(table),
            "rungs": rungs(states, here, {row["state"]: row["furthest"] for row in furthest}),
            "dwell": {row["state"]: row for row in dwell}, "growth": [row for row in growth if row["month"]][-24:],
            "habit": habit_of(habit), "months": MONTHS, "days": scope.days,
            "lived": max((len(one["shares"]) for one in table), default=0),
        },
    )  # fmt: skip


async def sheet(board: Board, at: Address, _match: dict[str, str]) -> Sheet:
    kind = "account" if at.get("kind") == "account" else "user"
    rows = await board.store.ask(journeys.cohorts, board.scope(at, await board.now()), kind, MONTHS)
    columns = ["cohort", "month", "started", "here"]
    return Sheet("cohorts", columns, [[row[name] for name in columns] for row in rows])


def triangle(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """[{cohort, started, shares}]: the share that was still there after 0, 1, 2 … months."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(row["cohort"], {"cohort": row["cohort"], "started": row["started"], "here": []})
        one["here"].append(row["here"])
    for one in found.values():
        one["shares"] = [here / one["started"] for here in one["here"]]
    return list(found.values())


def curve(cohorts: list[dict[str, Any]]) -> list[Line]:
    """A faint line a cohort, and the mean of all, each start counting the same."""
    lines = [Line(f"{one['cohort']:%b %Y}", [100 * share for share in one["shares"]], "faint") for one in cohorts]
    longest = max((len(one["shares"]) for one in cohorts), default=0)
    mean: list[float | None] = []
    for month in range(longest):
        lived = [one for one in cohorts if len(one["here"]) > month]
        mean.append(100 * sum(one["here"][month] for one in lived) / sum(one["started"] for one in lived))
    padded = [Line(line.name, [*line.values, *[None] * (longest - len(line.values))], line.kind) for line in lines]
    return [*padded, Line("all cohorts", mean, "a")] if longest else []


def habit_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """{counts by active days 1 to 28, total, often: the share active on 20 days and more}."""
    by_day = {row["active_days"]: row["users"] for row in rows}
    counts = [by_day.get(n, 0) for n in range(1, 29)]
    total = sum(counts)
    return {"counts": counts, "total": total, "half": sum(counts[13:]) / total if total else None}
