"""One account or one user: where it stands, its history, its alerts, and the events behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.scope import NOW
from sinks.clickhouse.queries import ask

Row = dict[str, Any]

_STEP = (
    "lower(hex(t.id)) AS id, kind, t.entity AS entity, machine, from_state, to_state, t.name AS rule, label, at, detected_at, seq,"
    " dwell_s, because, signals, evidence, origin, carry, version, `into`"
)


def steps(client: Client, kind: str, entity: str, limit: int = 200) -> list[Row]:
    """The entity's own transitions that are true, newest first."""
    return ask(
        client,
        f"SELECT {_STEP} FROM transitions AS t FINAL WHERE kind = {{kind:String}} AND entity = {{entity:String}} AND valid"
        " ORDER BY at DESC, seq DESC, t.id LIMIT {limit:UInt32}",
        kind=kind,
        entity=entity,
        limit=limit,
    )


def members_steps(client: Client, account: str, limit: int = 40) -> list[Row]:
    """The newest moves of an account's members; of machines beside the stage, what is no beginning."""
    return ask(
        client,
        f"SELECT {_STEP}, p.email AS email FROM transitions AS t FINAL INNER JOIN (SELECT entity, carried.email AS email"
        "  FROM entities FINAL WHERE kind = 'user' AND NOT gone AND account = {account:String}) AS p ON p.entity = t.entity"
        " WHERE kind = 'user' AND t.entity IN"
        " (SELECT entity FROM entities FINAL WHERE kind = 'user' AND NOT gone AND account = {account:String})"
        " AND valid AND (machine = 'stage' OR isNotNull(from_state)) ORDER BY at DESC, seq DESC LIMIT {limit:UInt32}",
        account=account,
        limit=limit,
    )


def alerts(client: Client, kind: str, entity: str) -> list[Row]:
    """Each alert of the entity once, the open ones first: {alert, name, status, severity, title, because, opened_at, …}."""
    return ask(
        client,
        "SELECT alert, name, status, severity, title, signals, because, evidence, clears_when, do, act_by, owner,"
        " opened_at, changed_at FROM ("
        " SELECT lower(hex(r.opens)) AS alert, argMax(r.name, r.position) AS name, argMax(r.status, r.position) AS status,"
        "  argMaxIf(r.severity, r.position, r.status = 'opened') AS severity,"
        "  argMaxIf(r.title, r.position, r.status = 'opened') AS title,"
        "  argMaxIf(r.signals, r.position, r.status = 'opened') AS signals,"
        "  argMaxIf(r.because, r.position, r.status = 'opened') AS because,"
        "  argMaxIf(r.evidence, r.position, r.status = 'opened') AS evidence,"
        "  argMaxIf(tuple(r.clears_when), r.position, r.status = 'opened').1 AS clears_when,"
        "  argMaxIf(tuple(r.do), r.position, r.status = 'opened').1 AS do,"
        "  argMaxIf(tuple(r.act_by), r.position, r.status = 'opened').1 AS act_by,"
        "  argMaxIf(tuple(r.owner), r.position, r.status = 'opened').1 AS owner,"
        "  argMaxIf(r.at, r.position, r.status = 'opened') AS opened_at, argMax(r.at, r.position) AS changed_at"
        " FROM alerts AS r WHERE r.kind = {kind:String} AND r.entity = {entity:String} GROUP BY r.opens"
        ") ORDER BY status != 'opened', changed_at DESC, alert",
        kind=kind,
        entity=entity,
    )


def days(client: Client, account: str, now: int, back: int = 180) -> list[Row]:
    """[{day, states, measures}] of an account's daily snapshots, oldest first."""
    return ask(
        client,
        "SELECT day, states, measures FROM account_days FINAL WHERE account = {account:String}"
        f" AND day > toDate({NOW}) - {{back:UInt32}} ORDER BY day",
        account=account,
        now=now,
        back=back,
    )


def events_of(client: Client, kind: str, entity: str, ids: Sequence[str]) -> dict[str, Row]:
    """{event id: {name, at, entity, properties}} of events named as evidence by a user, or by an account and its members.

    Whose they can be makes it a look-up by primary key; an id alone would be looked for everywhere.
    """
    whose = "entity = {entity:String}"
    if kind == "account":
        members = "SELECT entity FROM entities FINAL WHERE kind = 'user' AND account = {entity:String}"
        whose = f"(entity = '' OR entity IN ({members}))"
    found = ask(
        client,
        "SELECT event_id, name, at, entity, properties FROM events FINAL"
        f" WHERE {whose} AND event_id IN {{ids:Array(String)}}",
        entity=entity,
        ids=list(ids),
    )
    return {row["event_id"]: row for row in found}


def newest_events(client: Client, user: str, limit: int = 50) -> list[Row]:
    """What a user did last: {event_id, name, at, place, actor, properties}."""
    return ask(
        client,
        "SELECT event_id, name, at, place, actor, properties FROM events FINAL WHERE entity = {user:String}"
        " ORDER BY at DESC, event_id LIMIT {limit:UInt32}",
        user=user,
        limit=limit,
    )


def find(client: Client, text: str, limit: int = 20) -> list[Row]:
    """Accounts, then users, whose id, name or address holds a text: {kind, entity, name}."""
    return ask(
        client,
        "SELECT kind, entity, coalesce(carried.name, carried.email, entity) AS name FROM entities FINAL"
        " WHERE NOT gone AND (positionCaseInsensitiveUTF8(entity, {text:String}) > 0"
        " OR positionCaseInsensitiveUTF8(coalesce(carried.name, carried.email, ''), {text:String}) > 0)"
        " ORDER BY kind, length(entity), entity LIMIT {limit:UInt32}",
        text=text,
        limit=limit,
    )
