"""The list of accounts: sorted, searched, a page at a time, with what their history and their people add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.people import LevelRules
from sinks.clickhouse.board.scope import ACCOUNTS, NOW, Scope
from sinks.clickhouse.board.seen import Seen
from sinks.clickhouse.queries import ask

Row = dict[str, Any]

_ROW = """
    entity AS account, ifNull(carried.name, entity) AS name, carried.owner AS owner, carried.plan AS plan,
    carried.segment AS segment, carried.mrr AS mrr, carried.currency AS currency,
    parseDateTime64BestEffortOrNull(carried.renews_at, 3, 'UTC') AS renews_at,
    states['stage'] AS stage, states['risk'] AS risk, states, since, signals, measured.health AS health,
    measured.members AS members, measured.seats AS seats, measured.activated AS activated, measured.weekly AS weekly,
    measured.monthly AS monthly, measured.managers_28 AS managers, measured.executives AS executives,
    measured.executives_30 AS executives_30,
    if({churn:String} = '', NULL, JSONExtract(measures, {churn:String}, 'Nullable(Float64)')) AS churn, as_of
"""

SORTS = {
    "name": "lowerUTF8(ifNull(carried.name, entity))",
    "stage": "states['stage']",
    "risk": "indexOf(['healthy', 'watch', 'at_risk'], states['risk'])",
    "health": "measured.health",
    "churn": "JSONExtract(measures, {churn:String}, 'Nullable(Float64)')",
    "weekly": "measured.weekly",
    "mrr": "carried.mrr",
    "renews": "parseDateTime64BestEffortOrNull(carried.renews_at, 3, 'UTC')",
    "owner": "carried.owner",
}
"""Columns that the list can be sorted by: name in the address -> expression."""


def count(client: Client, scope: Scope) -> int:
    """How many accounts there are in scope."""
    (row,) = ask(client, f"SELECT count() AS n FROM {ACCOUNTS} WHERE {scope.condition()}", **scope.parameters())
    return int(row["n"])


def page(
    client: Client, scope: Scope, sort: str, descending: bool, limit: int, offset: int = 0, churn: str = ""
) -> list[Row]:
    """Accounts in order, `limit` of them from `offset` on. `churn`: the measure that is a churn probability, if any."""
    order = f"{SORTS[sort]} {'DESC' if descending else 'ASC'} NULLS LAST, entity"
    chosen = (
        f"SELECT entity FROM {ACCOUNTS} WHERE {scope.condition()}"
        f" ORDER BY {order} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}"
    )
    return ask(
        client,
        f"SELECT {_ROW} FROM {ACCOUNTS} WHERE kind = 'account' AND entity IN ({chosen}) ORDER BY {order}",
        **scope.parameters(churn=churn, limit=limit, offset=offset),
    )


def choices(client: Client) -> dict[str, list[str]]:
    """{owner | plan | segment: the values that accounts have}, for filters."""
    (row,) = ask(
        client,
        "SELECT "
        + ", ".join(
            f"arraySort(groupUniqArrayIf(1000)(assumeNotNull(carried.{name}), isNotNull(carried.{name}))) AS {name}"
            for name in ("owner", "plan", "segment")
        )
        + f" FROM {ACCOUNTS} WHERE kind = 'account' AND NOT gone",
    )
    return dict(row)


def texts(client: Client, attributes: Sequence[str]) -> dict[str, list[str]]:
    """{attribute: the texts that accounts carry under that name}, for filters; what is never a text is not in it."""
    found = ask(
        client,
        "SELECT attribute, arraySort(groupUniqArray(1000)(JSONExtractString(carry, attribute))) AS texts FROM ("
        f" SELECT carry, arrayJoin({{attributes:Array(String)}}) AS attribute FROM {ACCOUNTS}"
        "  WHERE kind = 'account' AND NOT gone"
        ") WHERE JSONExtractString(carry, attribute) != '' GROUP BY attribute",
        attributes=list(attributes),
    )
    return {row["attribute"]: row["texts"] for row in found}


def reasons(client: Client, accounts: Sequence[str]) -> dict[str, Row]:
    """{account: {title, signals, clears_when, do, act_by} of its gravest open alert}."""
    found = ask(
        client,
        "SELECT entity, title, signals, clears_when, do, act_by, severity FROM ("
        " SELECT opens, argMax(entity, position) AS entity, argMax(status, position) AS status,"
        "  argMaxIf(title, position, a.status = 'opened') AS title,"
        "  argMaxIf(signals, position, a.status = 'opened') AS signals,"
        "  argMaxIf(tuple(clears_when), position, a.status = 'opened').1 AS clears_when,"
        "  argMaxIf(tuple(do), position, a.status = 'opened').1 AS do,"
        "  argMaxIf(tuple(act_by), position, a.status = 'opened').1 AS act_by,"
        "  argMaxIf(severity, position, a.status = 'opened') AS severity, max(at) AS changed"
        " FROM alerts AS a WHERE kind = 'account' AND a.entity IN {accounts:Array(String)} GROUP BY opens"
        ") WHERE status = 'opened'"
        " ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), changed DESC LIMIT 1 BY entity",
        accounts=list(accounts),
    )
    return {row.pop("entity"): row for row in found}


def histories(
    client: Client, accounts: Sequence[str], measure: str, now: int, days: int = 90
) -> dict[str, list[float]]:
    """{account: the measure on each day that has a snapshot, oldest first}, of the last so many days."""
    found = ask(
        client,
        "SELECT account, groupArray(value) AS points FROM ("
        " SELECT account, day, JSONExtract(measures, {measure:String}, 'Nullable(Float64)') AS value"
        " FROM account_days FINAL WHERE account IN {accounts:Array(String)}"
        f" AND day > toDate({NOW}) - {{days:UInt32}} ORDER BY account, day"
        ") WHERE isNotNull(value) GROUP BY account",
        accounts=list(accounts),
        measure=measure,
        now=now,
        days=days,
    )
    return {row["account"]: row["points"] for row in found}


def active_by_level(
    client: Client, accounts: Sequence[str], levels: LevelRules, seen: Seen, now: int, zone: str = "UTC"
) -> dict[str, dict[str, Row]]:
    """{account: {level: {weekly, last}}}: members active on one of the last seven days of `zone`, and when one last was.

    Levels of which nobody was ever active are not in it.
    """
    found = ask(
        client,
        "WITH people AS (SELECT entity, assumeNotNull(account) AS account,"
        f" {levels.column('carried.title')} AS level FROM entities FINAL"
        " WHERE kind = 'user' AND NOT gone AND account IN {accounts:Array(String)})"
        f" SELECT p.account AS account, p.level AS level, max(e.last) AS last,"
        f" countIf(toDate(e.last, {{zone:String}}) > toDate({NOW}, {{zone:String}}) - 7) AS weekly"
        " FROM people AS p INNER JOIN ("
        f"  SELECT entity, max(at) AS last FROM events WHERE entity IN (SELECT entity FROM people) AND {seen.condition()}"
        "  GROUP BY entity) AS e ON e.entity = p.entity GROUP BY account, level",
        accounts=list(accounts),
        now=now,
        zone=zone,
        **levels.parameters(),
        **seen.parameters(),
    )
    told: dict[str, dict[str, Row]] = {}
    for row in found:
        told.setdefault(row["account"], {})[row["level"]] = {"weekly": row["weekly"], "last": row["last"]}
    return told
