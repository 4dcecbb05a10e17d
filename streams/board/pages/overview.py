"""Overview: who stands where, how they moved, what is at risk and what happened last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from sinks.clickhouse.board import accounts, overview
from streams.board import show
from streams.board.address import Address
from streams.board.app import EXPORTED, Board, Page, Sheet, moment
from streams.board.charts import Flow
from streams.board.pages.accounts import reason
from streams.board.store import together

KINDS = ("account", "user")
WORST = 6
"""Accounts at risk on the overview, the largest; the list has all."""

TREND = 730
"""Days of the line of accounts at risk at most: a longer one has more points than a screen."""


class Rung(NamedTuple):
    """A stage of the funnel: who stands here now, who came this far or further, and what share that is."""

    state: str
    now: int
    reached: int | None
    of_first: float | None
    of_previous: float | None
    lost: bool


async def page(board: Board, at: Address, _match: dict[str, str]) -> Page:
    now, ask = await board.now(), board.store.ask
    days = at.number("days", 30, 1, 36_500)
    scope = replace(board.scope(at, now), days=days)
    found = await together(
        board.choices(),
        ask(overview.order),
        ask(overview.money, scope),
        ask(overview.risk_days, scope),
        ask(overview.open_alerts, scope),
        ask(overview.feed, scope),
        ask(accounts.page, replace(scope, states=(("risk", "at_risk"),)), "mrr", True, WORST),
        *(ask(query, scope, kind) for kind in KINDS for query in (overview.standing, overview.funnel, overview.flow)),
    )
    choices, order, money, risk, alerts, feed, worst, *by_kind = found
    reasons = await ask(accounts.reasons, [row["account"] for row in worst])
    kinds = {kind: journey(order, kind, *by_kind[3 * n : 3 * n + 3]) for n, kind in enumerate(KINDS) if by_kind[3 * n]}
    return Page(
        "Overview",
        "overview.html",
        {
            "now": moment(now), "choices": choices, "kinds": kinds, "money": money, "days": days, "feed": feed,
            "alerts": {row["severity"]: row["alerts"] for row in alerts}, "trend": trend(risk, now, min(days, TREND)),
            "at_risk": {c: [r for r in money if r["currency"] == c] for c in sorted({r["currency"] for r in money})},
            "in_danger": [show.money(row["mrr"], row["currency"]) for row in money if row["risk"] == "at_risk"],
            "worst": [{**row, "reason": reason(row, reasons.get(row["account"]))} for row in worst],
            "warnings": await board.warnings(now),
        },
    )  # fmt: skip


async def sheet(board: Board, at: Address, _match: dict[str, str]) -> Sheet:
    rows = await board.store.ask(overview.alerts, board.scope(at, await board.now()), EXPORTED)
    columns = ["alert", "severity", "title", "name", "kind", "entity", "account", "owner", "opened_at", "do", "act_by",
               "clears_when"]  # fmt: skip
    found = [[*(row[name] for name in columns), " ".join(row["signals"])] for row in rows]
    return Sheet("alerts", [*columns, "signals"], found)


def journey(
    order: Iterable[dict[str, Any]], kind: str, standing: Sequence[dict[str, Any]], furthest: Sequence[dict[str, Any]],
    flow: Sequence[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """What the page shows of one kind: {rungs, risk, total, flows, order}."""
    states = [row for row in order if row["kind"] == kind and row["machine"] == "stage"]
    here = {(row["machine"], row["state"]): row["entities"] for row in standing}
    names = [row["state"] for row in states]
    return {
        "rungs": rungs(states, here, {row["state"]: row["furthest"] for row in furthest}),
        "risk": {state: n for (machine, state), n in here.items() if machine == "risk"},
        "others": {m: {s: n for (mm, s), n in here.items() if mm == m} for m, _ in here if m not in ("stage", "risk")},
        "total": sum(n for (machine, _), n in here.items() if machine == "stage"),
        "flows": [Flow(row["from_state"] or "began", row["to_state"] or "ended", row["transitions"]) for row in flow],
        "order": ["began", *names, "ended"],
    }


def rungs(states: Sequence[dict[str, Any]], here: dict[Any, int], furthest: dict[str, int]) -> list[Rung]:
    """The ladder in the definition's order; endings last, which are no rung."""
    ladder = [row["state"] for row in states if not row["lost"]]
    reached = list(accumulate(furthest.get(state, 0) for state in reversed(ladder)))[::-1]
    found = []
    for n, state in enumerate(ladder):
        before = reached[n - 1] if n else 0
        found.append(
            Rung(
                state, here.get(("stage", state), 0), reached[n], reached[n] / reached[0] if reached[0] else None,
                reached[n] / before if before else None, False,
            )
        )  # fmt: skip
    endings = [row["state"] for row in states if row["lost"]]
    return found + [Rung(state, here.get(("stage", state), 0), None, None, None, True) for state in endings]


def trend(days: Sequence[dict[str, Any]], now: int, back: int) -> dict[str, Any]:
    """{labels, values}: accounts at risk at the end of each of so many days, today the last."""
    last = moment(now)
    if last is None:
        return {"labels": [], "values": []}
    first = last.date() - timedelta(days=back - 1)
    change = {row["day"]: row["entered"] - row["left"] for row in days}
    level = sum(n for day, n in change.items() if day < first)
    labels, values = [], []
    for n in range(back):
        day = first + timedelta(days=n)
        level += change.get(day, 0)
        labels.append(f"{day.day} {day:%b}")
        values.append(float(level))
    return {"labels": labels, "values": values}
