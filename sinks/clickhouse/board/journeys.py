"""Journeys of all: how long stages last, who stays month by month, how the living come and go, how often people act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.scope import BY_YEAR, NOW, TRULY, Scope
from sinks.clickhouse.board.seen import Seen
from sinks.clickhouse.queries import ask

Row = dict[str, Any]

_INSIDE = (
    "(SELECT state FROM stage_order WHERE kind = {kind:String} AND machine = 'stage' AND NOT lost AND position > 0)"
)
"""The states between the first one, in which everybody begins, and an ending."""


def _crossings(scope: Scope, kind: str) -> str:
    """A subquery: each entity's steps over the edge of the states between, in order, as `moves`: [(at, whether it came)].

    They take turns: who came can only go, and the first one is the start.
    """
    return (
        "(SELECT entity, arraySort(groupUniqArray((at, enters))) AS moves FROM ("
        f" SELECT entity, at, ifNull(to_state IN {_INSIDE}, 0) AS enters, ifNull(from_state IN {_INSIDE}, 0) AS stood"
        f" FROM transitions WHERE {scope.of(kind)} AND machine = 'stage' AND {TRULY} AND enters != stood) GROUP BY entity)"
    )


def dwell(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{state, visits, p50_s, p90_s}] over the visits that have ended, in the last `scope.days`."""
    return ask(
        client,
        "SELECT assumeNotNull(toString(from_state)) AS state, count() AS visits,"
        " quantileExact(0.5)(assumeNotNull(dwell_s)) AS p50_s, quantileExact(0.9)(assumeNotNull(dwell_s)) AS p90_s"
        f" FROM transitions FINAL WHERE {scope.of(kind)} AND machine = 'stage' AND valid AND isNotNull(from_state)"
        f" AND isNotNull(dwell_s) AND {scope.lately('at')} GROUP BY state {BY_YEAR}",
        **scope.parameters(kind=kind),
    )


def cohorts(client: Client, scope: Scope, kind: str, months: int = 12) -> list[Row]:
    """[{cohort, month, started, here}]: of those who started in a month, how many were there so many months later.

    Started: left the first stage for one that is no ending. There: neither back in it nor in an ending, at the instant
    `month` months after the own start. Only months that all of a cohort have lived through; cohorts of the months that
    `scope.days` reach into.
    """
    found = ask(
        client,
        "SELECT toStartOfMonth(moves[1].1) AS cohort, sum(if(move.2, 1, -1)) AS change, if(n = 1, 0, "
        "  age('month', moves[1].1, move.1) + (addMonths(moves[1].1, age('month', moves[1].1, move.1)) < move.1)) AS month"
        f" FROM {_crossings(scope, kind)} ARRAY JOIN moves AS move, arrayEnumerate(moves) AS n"
        f" WHERE cohort >= addMonths(toStartOfMonth({NOW}), -toInt32({{months:UInt32}}))"
        f" AND {scope.month_by_month('cohort')}"
        f" GROUP BY cohort, month ORDER BY cohort, month",
        **scope.parameters(kind=kind, months=months),
    )
    changes: dict[date, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in found:
        changes[row["cohort"]][row["month"]] += row["change"]
    return [row for cohort, change in changes.items() for row in _summed(cohort, change, scope.now, months)]


def _summed(cohort: date, change: dict[int, int], now: int, months: int) -> Iterator[Row]:
    """A cohort's changes as how many were there, for the months that all of it have lived through."""
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    whole = (today.year - cohort.year) * 12 + today.month - cohort.month - 1
    here = 0
    for month in range(max(0, min(whole, months)) + 1):
        here += change.get(month, 0)
        if month == 0:  # who left in the instant of the start has started all the same
            started = here
        yield {"cohort": cohort, "month": month, "started": started, "here": here}


def growth(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{month, new, returned, lost}]: how many began, came back and went, by month (UTC); the months that
    `scope.days` reach into.

    New: entered a stage that is neither the first nor an ending, for the first time. Lost: went from there to one of those.
    """
    return ask(
        client,
        "SELECT toStartOfMonth(move.1) AS month, countIf(move.2 AND n = 1) AS new, countIf(move.2 AND n > 1) AS returned,"
        f" countIf(NOT move.2) AS lost FROM {_crossings(scope, kind)} ARRAY JOIN moves AS move, arrayEnumerate(moves) AS n"
        f" WHERE {scope.month_by_month('month')} GROUP BY month ORDER BY month",
        **scope.parameters(kind=kind),
    )


def habit(client: Client, scope: Scope, seen: Seen, days: int = 28) -> list[Row]:
    """[{active_days, users}]: on how many of the last 28 days people were active; 60 at most. Who never was is not in it."""
    return ask(
        client,
        "SELECT active AS active_days, count() AS users FROM ("
        f"  SELECT entity, bitCount(groupBitOr(bitShiftLeft(toUInt64(1), toDate({NOW}) - toDate(at)))) AS active FROM events"
        f"  WHERE at > toStartOfDay({NOW}) - INTERVAL {{window:UInt32}} DAY + INTERVAL 1 DAY AND at <= {NOW} AND entity != ''"
        f"  AND {seen.condition()}"
        + (f" AND ifNull(account, '') IN {scope.ids()}" if scope.narrow else "")
        + " GROUP BY entity) GROUP BY active ORDER BY active",
        **scope.parameters(window=days),
        **seen.parameters(),
    )
