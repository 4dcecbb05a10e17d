"""Queries: everything the command line, the demo and the board ask ClickHouse. Bound parameters only; rows as dicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.tables import TABLES


class Held(NamedTuple):
    """What a table holds: rows as inserted, and rows that are different (FINAL)."""

    raw: int
    final: int


def counts(client: Client) -> dict[str, Held]:
    """{table: Held} for every table of the sink."""
    return {name: Held(_count(client, name), _count(client, f"{name} FINAL")) for name in TABLES}


def _count(client: Client, source: str) -> int:
    return int(client.query(f"SELECT count() FROM {source}").result_rows[0][0])


def ask(client: Client, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of one query as dicts, {column: value}. Values only ever travel as parameters."""
    found = client.query(sql, parameters=parameters)
    return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]


def stock(client: Client, kind: str, machine: str = "stage") -> list[dict[str, Any]]:
    """[{state, entries, exits, entities}], fullest first."""
    return ask(
        client,
        "SELECT state, entries, exits, entities FROM stage_stock"
        " WHERE kind = {kind:String} AND machine = {machine:String} ORDER BY entities DESC, state",
        kind=kind,
        machine=machine,
    )


def stock_daily(client: Client, kind: str, machine: str = "stage", days: int = 90) -> list[dict[str, Any]]:
    """[{day, state, entities}] of the last so many days on record."""
    return ask(
        client,
        "SELECT day, state, entities FROM stage_stock_daily WHERE kind = {kind:String} AND machine = {machine:String}"
        " AND dateDiff('day', day, (SELECT max(day) FROM stage_stock_daily)) < {days:UInt32} ORDER BY day, state",
        kind=kind,
        machine=machine,
        days=days,
    )


def funnel(client: Client, kind: str) -> list[dict[str, Any]]:
    """[{position, state, reached, of_previous, of_first, drop_off, lost, now}] in the definition's order."""
    return ask(
        client, "SELECT * EXCEPT (kind) FROM stage_funnel WHERE kind = {kind:String} ORDER BY position", kind=kind
    )


def flow(client: Client, kind: str, machine: str = "stage", days: int = 36_500) -> list[dict[str, Any]]:
    """[{from_state, to_state, label, transitions}] over the last so many days on record, most frequent first."""
    return ask(
        client,
        "SELECT from_state, to_state, label, sum(f.transitions) AS transitions FROM stage_flow_daily AS f"
        " WHERE kind = {kind:String} AND machine = {machine:String}"
        " AND dateDiff('day', day, (SELECT max(day) FROM stage_flow_daily)) < {days:UInt32}"
        " GROUP BY from_state, to_state, label ORDER BY transitions DESC, from_state, to_state",
        kind=kind,
        machine=machine,
        days=days,
    )


def dwell(client: Client, kind: str, machine: str = "stage") -> list[dict[str, Any]]:
    """[{state, visits, p50_s, p90_s}] over visits that have ended."""
    return ask(
        client,
        "SELECT state, visits, p50_s, p90_s FROM stage_dwell"
        " WHERE kind = {kind:String} AND machine = {machine:String} ORDER BY state",
        kind=kind,
        machine=machine,
    )


def at_risk(client: Client, limit: int = 50) -> list[dict[str, Any]]:
    """Accounts at risk, the largest revenue first: {account, name, owner, stage, mrr, since, reason, ...}."""
    return ask(
        client,
        "SELECT * FROM accounts_at_risk ORDER BY mrr DESC NULLS LAST, since, account LIMIT {limit:UInt32}",
        limit=limit,
    )


def engagement(client: Client, limit: int = 50) -> list[dict[str, Any]]:
    """Accounts by level of use, the least healthy first."""
    return ask(
        client,
        "SELECT * FROM engagement_by_level ORDER BY health ASC NULLS LAST, account LIMIT {limit:UInt32}",
        limit=limit,
    )


def revenue(client: Client, months: int = 12) -> list[dict[str, Any]]:
    """[{currency, month, start, new, expansion, reactivation, contraction, churn, end, accounts, off}] of the last months.

    Minor units; each currency on its own. The law: start + new + expansion + reactivation - contraction - churn = end.
    """
    return ask(
        client,
        "SELECT * FROM revenue_monthly WHERE dateDiff('month', month, (SELECT max(month) FROM revenue_monthly))"
        " < {months:UInt32} ORDER BY currency, month",
        months=months,
    )


def revenue_movements(client: Client, account: str) -> list[dict[str, Any]]:
    """How what one account pays moved, oldest first: {currency, at, movement, amount, before, after, event_id}."""
    return ask(
        client,
        "SELECT * EXCEPT (account) FROM revenue_movements WHERE account = {account:String} ORDER BY at, event_id, after",
        account=account,
    )


def open_alerts(client: Client, limit: int = 50) -> list[dict[str, Any]]:
    """Alerts that are open, the newest first."""
    return ask(client, "SELECT * FROM open_alerts ORDER BY opened_at DESC, alert LIMIT {limit:UInt32}", limit=limit)


def timeline(client: Client, kind: str, entity: str, limit: int = 200, events: bool = True) -> list[dict[str, Any]]:
    """What is known of one entity, the latest `limit` facts, oldest first: {at, what, subject, change, reason, ...}."""
    return ask(
        client,
        "SELECT * FROM (SELECT * FROM timeline WHERE kind = {kind:String} AND entity = {entity:String}"
        " AND (what != 'event' OR {events:Bool}) ORDER BY at DESC, step DESC LIMIT {limit:UInt32})"
        " ORDER BY at, step, subject",
        kind=kind,
        entity=entity,
        limit=limit,
        events=events,
    )


def standing(client: Client, kind: str, entity: str) -> dict[str, Any] | None:
    """Where one entity stands: its latest snapshot; None if it was never seen or is gone."""
    found = ask(
        client,
        "SELECT * FROM entities FINAL WHERE kind = {kind:String} AND entity = {entity:String} AND NOT gone",
        kind=kind,
        entity=entity,
    )
    return found[0] if found else None


def recent_transitions(client: Client, after: datetime, limit: int = 100) -> list[dict[str, Any]]:
    """Transitions stored after an instant (by `inserted_at`), oldest first: what a live board asks again and again."""
    return ask(
        client,
        "SELECT * FROM valid_transitions WHERE inserted_at > {after:DateTime64(3)}"
        " ORDER BY inserted_at, at LIMIT {limit:UInt32}",
        after=after,
        limit=limit,
    )


def transition(client: Client, id: str) -> dict[str, Any] | None:
    """One transition by its id (32 hex digits), taken back or not; None if unknown."""
    found = ask(
        client,
        "SELECT lower(hex(t.id)) AS id, * EXCEPT (id) FROM transitions AS t FINAL WHERE t.id = unhex({id:String})",
        id=id,
    )
    return found[0] if found else None


def evidence(client: Client, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The events that a transition or alert names as evidence, by their own ids, oldest first."""
    return ask(
        client,
        "SELECT event_id, name, at, user, account, properties FROM events FINAL"
        " WHERE event_id IN {ids:Array(String)} ORDER BY at, event_id",
        ids=list(ids),
    )


def dead_letters(client: Client) -> list[dict[str, Any]]:
    """[{topic, reason, letters}], most frequent first."""
    return ask(
        client,
        "SELECT topic, reason, count() AS letters FROM dead_letters FINAL"
        " GROUP BY topic, reason ORDER BY letters DESC, topic",
    )


def stock_check(client: Client) -> list[dict[str, Any]]:
    """The law of stock per kind and machine: {stock, living, broken, snapshots}. Fine: stock = living, broken = 0."""
    return ask(client, "SELECT * FROM stock_check ORDER BY kind, machine")
