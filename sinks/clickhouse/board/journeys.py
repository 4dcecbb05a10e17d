"""Journeys of all: how long stages last, who stays month by month, how the living come and go, how often people act."""

from __future__ import annotations

from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.overview import BY_YEAR, TRUE
from sinks.clickhouse.board.people import Seen
from sinks.clickhouse.board.scope import NOW, Scope
from sinks.clickhouse.queries import ask

Row = dict[str, Any]

_STATES = (
    "(SELECT groupArray(toString(state)) FROM stage_order"
    " WHERE kind = {kind:String} AND machine = 'stage' AND lost) AS endings,"
    " (SELECT groupArray(toString(state)) FROM stage_order"
    " WHERE kind = {kind:String} AND machine = 'stage' AND NOT lost AND position > 0) AS inside"
)
"""The states that are an ending, and those between the first one and an ending."""

_STAYS = (
    "arrayMap(s -> (s.1, s.2 = '' OR has(endings, s.2)), arraySort(groupArray((at, ifNull(toString(to_state), '')))))"
)
"""An entity's steps as (at, whether it is away after that), in order."""


def dwell(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{state, visits, p50_s, p90_s}] over the visits that have ended."""
    return ask(
        client,
        "SELECT assumeNotNull(toString(from_state)) AS state, count() AS visits,"
        " quantileExact(0.5)(assumeNotNull(dwell_s)) AS p50_s, quantileExact(0.9)(assumeNotNull(dwell_s)) AS p90_s"
        f" FROM {TRUE} WHERE {scope.of(kind)} AND machine = 'stage' AND valid AND isNotNull(from_state)"
        f" AND isNotNull(dwell_s) GROUP BY state {BY_YEAR}",
        **scope.parameters(kind=kind),
    )


def cohorts(client: Client, scope: Scope, kind: str, months: int = 12) -> list[Row]:
    """[{cohort, month, started, here}]: of those who started in a month, how many were there so many months later.

    Started: left the first stage for one that is no ending. There: not in an ending, at the instant `month` months after
    the own start. Only months that all of a cohort have lived through.
    """
    return ask(
        client,
        f"WITH {_STATES} SELECT cohort, month, count() AS started, countIf(NOT away) AS here FROM ("
        "  SELECT toStartOfMonth(start) AS cohort, arrayJoin(range({months:UInt32} + 1)) AS month,"
        "   arrayLast(s -> s.1 <= addMonths(start, month), stays).2 AS away FROM ("
        f"   SELECT entity, {_STAYS} AS stays,"
        "    minIf(at, has(inside, ifNull(toString(to_state), ''))) AS start"
        f"   FROM {TRUE} WHERE {scope.of(kind)} AND machine = 'stage' AND valid GROUP BY entity"
        "   HAVING start > toDateTime64(0, 3, 'UTC')"
        f"   AND start >= addMonths(toStartOfMonth({NOW}), -toInt32({{months:UInt32}}))"
        "  )"
        f" ) WHERE addMonths(addMonths(cohort, 1), month) <= {NOW} OR month = 0"
        f" GROUP BY cohort, month ORDER BY cohort, month {BY_YEAR}",
        **scope.parameters(kind=kind, months=months),
    )


def growth(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{month, new, returned, lost}]: how many began, came back and went, by month (UTC).

    New: entered a stage that is neither the first nor an ending, for the first time. Lost: went from there to an ending.
    """
    return ask(
        client,
        f"WITH {_STATES}, moves AS ("
        "  SELECT entity, at, has(inside, ifNull(toString(to_state), '')) AS enters,"
        "   has(inside, ifNull(toString(from_state), '')) AS stood,"
        f"   enters AND NOT stood AS came, stood AND NOT enters AS went FROM {TRUE}"
        f"  WHERE {scope.of(kind)} AND machine = 'stage' AND valid AND enters != stood)"
        " SELECT month, sum(fresh) AS new, sum(entered) - sum(fresh) AS returned, sum(left) AS lost FROM ("
        "  SELECT toStartOfMonth(at) AS month, 0 AS fresh, came AS entered, went AS left FROM moves UNION ALL"
        "  SELECT toStartOfMonth(min(at)) AS month, 1 AS fresh, 0 AS entered, 0 AS left FROM moves WHERE came GROUP BY entity"
        f" ) GROUP BY month ORDER BY month {BY_YEAR}",
        **scope.parameters(kind=kind),
    )


def habit(client: Client, scope: Scope, seen: Seen, days: int = 28) -> list[Row]:
    """[{active_days, users}]: on how many of the last 28 days people were active. Who never was is not in it."""
    return ask(
        client,
        "SELECT active AS active_days, count() AS users FROM ("
        "  SELECT entity, uniqExact(toDate(at)) AS active FROM events"
        f"  WHERE at > toStartOfDay({NOW}) - INTERVAL {{window:UInt32}} DAY + INTERVAL 1 DAY AND at <= {NOW} AND entity != ''"
        f"  AND {seen.condition()}"
        + (f" AND ifNull(account, '') IN {scope.ids()}" if scope.narrow else "")
        + " GROUP BY entity) GROUP BY active ORDER BY active",
        **scope.parameters(window=days),
        **seen.parameters(),
    )
