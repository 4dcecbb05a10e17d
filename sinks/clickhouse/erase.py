"""Erase: a person or an account taken out of every table, and counted before and after. Bound parameters only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.journey import names_of
from sinks.clickhouse.queries import ask

_DONE = {"mutations_sync": 2}
"""A deletion is over when its parts have been written anew, on every replica: then the rows are off the disk."""


class Place(NamedTuple):
    """Rows of a table that are about somebody. `forget`: a column that is emptied there instead of deleting the row."""

    table: str
    where: str
    forget: str | None = None


_NAMED = "kind = {kind:String} AND entity IN {names:Array(String)}"
_QUOTED = "arrayExists(n -> position(ifNull({column}, ''), n) > 0, {{quoted:Array(String)}})"

_LETTERS = Place("dead_letters", f"key IN {{names:Array(String)}} OR {_QUOTED.format(column='value')}")

PLACES: dict[str, tuple[Place, ...]] = {
    "user": (
        Place("transitions", _NAMED),
        Place("alerts", _NAMED),
        Place("entities", _NAMED),
        Place(
            "events",
            "entity IN {names:Array(String)} OR user IN {names:Array(String)} OR anonymous IN {names:Array(String)}",
        ),
        _LETTERS,
    ),
    "account": (
        Place("transitions", _NAMED),
        Place("alerts", _NAMED),
        Place("entities", _NAMED),
        Place("account_days", "account IN {names:Array(String)}"),
        Place("events", "entity = '' AND account IN {names:Array(String)}"),
        _LETTERS,
        Place("transitions", "account IN {names:Array(String)}", "account"),
        Place("alerts", "account IN {names:Array(String)}", "account"),
        Place("entities", "account IN {names:Array(String)}", "account"),
        Place("events", "account IN {names:Array(String)}", "account"),
    ),
}
"""Where a user or an account stands. What is of a member of an account is the member's own: it only loses the account."""


def mails_of(client: Client, names: Sequence[str]) -> list[str]:
    """E-mail addresses that events told of a person, in lower case."""
    rows = ask(
        client,
        "SELECT DISTINCT lower(JSONExtractString(traits, 'email')) AS mail FROM events"
        " WHERE (entity IN {names:Array(String)} OR user IN {names:Array(String)}) AND type = 'identify'",
        names=list(names),
    )
    return sorted({row["mail"] for row in rows} - {""})


def counts(client: Client, kind: str, names: Sequence[str]) -> dict[str, int]:
    """{place: rows that are about somebody}."""
    told = _told(kind, names)
    return {
        _name(place): int(ask(client, f"SELECT count() AS n FROM {place.table} WHERE {place.where}", **told)[0]["n"])
        for place in PLACES[kind]
    }


def delete(client: Client, kind: str, names: Sequence[str]) -> None:
    """Take all of it out. Returns when it is off the disk."""
    told = _told(kind, names)
    for place in PLACES[kind]:
        change = "DELETE" if place.forget is None else f"UPDATE {place.forget} = NULL"
        client.command(f"ALTER TABLE {place.table} {change} WHERE {place.where}", parameters=told, settings=_DONE)


def mentions(client: Client, names: Sequence[str]) -> dict[str, int]:
    """{table: rows with one of these names in any text, alone or in quotes}: what the places above may have missed."""
    found = {}
    for table, texts, lists in _texts(client):
        tests = [f"ifNull(`{c}`, '') IN {{names:Array(String)}}" for c in texts]
        tests += [_QUOTED.format(column=f"`{c}`") for c in texts]
        tests += [f"hasAny(`{c}`, {{names:Array(String)}})" for c in lists]
        sql = f"SELECT count() AS n FROM `{table}` WHERE {' OR '.join(tests)}"
        found[table] = int(ask(client, sql, **_told("", names))[0]["n"])
    return found


def _texts(client: Client) -> Iterator[tuple[str, list[str], list[str]]]:
    """(table, its columns of text, its columns of lists of text) of every table there is."""
    rows = ask(
        client,
        "SELECT c.table AS table, c.name AS name, c.type AS type FROM system.columns AS c"
        " INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table"
        " WHERE c.database = currentDatabase() AND t.engine LIKE '%MergeTree'"
        " AND c.default_kind NOT IN ('MATERIALIZED', 'ALIAS')"  # made from other columns, which are looked at
        " ORDER BY table, name",
    )
    for table in sorted({row["table"] for row in rows}):
        of = [(row["name"], row["type"]) for row in rows if row["table"] == table]
        texts = [name for name, kind in of if "String" in kind and not kind.startswith(("Array", "Map", "Fixed"))]
        lists = [name for name, kind in of if kind == "Array(String)"]
        if texts or lists:
            yield table, texts, lists


def note(client: Client, row: dict[str, Any]) -> None:
    """Keep the record of an erasure."""
    values = {
        **row,
        "at": datetime.fromtimestamp(row["at"] / 1000, UTC),
        **{c: _json(row[c]) for c in ("found", "left")},
    }
    client.insert("erasures", [list(values.values())], column_names=list(values))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


__all__ = ["PLACES", "Place", "counts", "delete", "mails_of", "mentions", "names_of", "note"]


def _told(kind: str, names: Sequence[str]) -> dict[str, Any]:
    return {"kind": kind, "names": list(names), "quoted": [orjson.dumps(name).decode() for name in names]}


def _name(place: Place) -> str:
    return f"clickhouse {place.table}" + (f".{place.forget}" if place.forget else "")
