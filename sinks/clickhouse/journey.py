"""Journey: everything on record of one id, user or account, in the form in which it was published. Bound parameters only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from schemas.event import Event
from schemas.time import rfc3339
from sinks.clickhouse.queries import ask

Record = dict[str, Any]

_NAMES = {"from_state": "from", "to_state": "to"}
_JSON = ("cause", "because", "carry", "measures")
_ABSENT = "into"
"""Left out of a record where there is nothing to say."""


def transitions(client: Client, entity: str) -> list[Record]:
    """Each transition of the id once, as its record with the highest `seq` leaves it; taken-back ones have valid false."""
    rows = ask(
        client,
        "SELECT lower(hex(t.id)) AS id, * EXCEPT (id, inserted_at) FROM transitions AS t FINAL"
        " WHERE entity = {entity:String} ORDER BY at, seq",
        entity=entity,
    )
    return [published(row) for row in rows]


def alerts(client: Client, entity: str) -> list[Record]:
    """Every record of the id's alerts, in the order in which they were published."""
    rows = ask(
        client,
        "SELECT lower(hex(r.id)) AS id, lower(hex(r.opens)) AS opens, * EXCEPT (id, opens, position, inserted_at)"
        " FROM alerts AS r FINAL WHERE entity = {entity:String} ORDER BY r.position",
        entity=entity,
    )
    return [published(row) for row in rows]


def snapshots(client: Client, entity: str) -> list[Record]:
    """Where the id stands: one record a kind, none for what is gone."""
    rows = ask(
        client,
        "SELECT kind, account, as_of, definition, version, signals, measures, carry FROM entities FINAL"
        " WHERE entity = {entity:String} AND NOT gone",
        entity=entity,
    )
    return [published(row) for row in rows]


def names_of(client: Client, kind: str, *names: str) -> list[str]:
    """These names and all that they were merged with, by what the engine published: the same people or accounts."""
    found, new = set(names), sorted(names)
    while new:
        rows = ask(
            client,
            # not `AS into`: in ClickHouse an alias hides the column in WHERE too, and whoever was never merged would match
            "SELECT DISTINCT entity, assumeNotNull(into) AS survivor FROM transitions FINAL WHERE kind = {kind:String} AND valid"
            " AND isNotNull(into) AND (entity IN {names:Array(String)} OR into IN {names:Array(String)})",
            kind=kind,
            names=new,
        )
        new = sorted({row[end] for row in rows for end in ("entity", "survivor")} - found)
        found.update(new)
    return sorted(found)


_OF_USERS = (
    "(entity IN {people:Array(String)} OR user IN {people:Array(String)} OR anonymous IN {people:Array(String)}"
    " OR (type = 'identify' AND lower(JSONExtractString(traits, 'email')) IN {people:Array(String)}))"
)
_AT_DOMAINS = (
    "(isNull(account) AND arrayExists(d -> endsWith(lower(ifNull(user, '')), concat('@', d))"
    " OR endsWith(lower(JSONExtractString(traits, 'email')), concat('@', d)), {accounts:Array(String)}))"
)


def events(client: Client, kind: str, entity: str, by_domain: bool = False) -> list[Event]:
    """The events of a user, or of an account and its members (wherever those were), oldest first.

    By any name that they have gone by. `by_domain`: also events that name no account, of users at an account's domain.
    """
    names = names_of(client, kind, entity)
    if kind == "user":
        return _about(client, _OF_USERS, people=names)
    told = ask(
        client,
        "SELECT DISTINCT lower(JSONExtractString(traits, 'domain')) AS name FROM events"
        " WHERE type = 'group' AND account IN {names:Array(String)}",
        names=names,
    )
    accounts = sorted({*names, *(row["name"].removeprefix("www.") for row in told)} - {""})
    about = "account IN {accounts:Array(String)}" + (f" OR {_AT_DOMAINS}" if by_domain else "")
    rows = ask(client, f"SELECT DISTINCT entity FROM events WHERE entity != '' AND ({about})", accounts=accounts)
    people = names_of(client, "user", *(row["entity"] for row in rows))
    return _about(client, f"account IN {{accounts:Array(String)}} OR {_OF_USERS}", accounts=accounts, people=people)


def _about(client: Client, about: str, **names: list[str]) -> list[Event]:
    rows = ask(
        client,
        "SELECT event_id AS id, name, type, at, user, anonymous, account, properties, traits, actor, place, received_at, source"
        f" FROM events FINAL WHERE {about} ORDER BY at, event_id",
        **names,
    )
    return [_event(row) for row in rows]


def newest_event(client: Client) -> int | None:
    """Event time (ms) of the newest event on record: as far as time has come."""
    (row,) = ask(client, "SELECT maxOrNull(at) AS newest FROM events")
    return None if row["newest"] is None else _ms(row["newest"])


def _event(row: Record) -> Event:
    times = {name: None if row[name] is None else _ms(row[name]) for name in ("at", "received_at")}
    said = {name: orjson.loads(row[name]) for name in ("properties", "traits")}
    return Event(**{**row, **times, **said})


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def near(client: Client, entity: str, limit: int = 5) -> list[str]:
    """The ids on record that are spelt most like this one, the nearest first."""
    rows = ask(
        client,
        "SELECT DISTINCT entity FROM entities ORDER BY editDistanceUTF8(lowerUTF8(entity), lowerUTF8({entity:String})), entity"
        " LIMIT {limit:UInt32}",
        entity=entity,
        limit=limit,
    )
    return [row["entity"] for row in rows]


def published(row: Record) -> Record:
    """A row as the record it was made of: names, JSON and times as on the topic."""
    said = ((name, value) for name, value in row.items() if value is not None or name != _ABSENT)
    return {_NAMES.get(name, name): _plain(name, value) for name, value in said}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(_ms(value))
    return orjson.loads(value) if name in _JSON and isinstance(value, str) else value
