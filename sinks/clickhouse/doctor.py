"""Doctor: what a database lacks of what the sink and its readers need. Nothing is changed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.migrate import Migration, applied, pending, read
from sinks.clickhouse.queries import ask
from sinks.clickhouse.tables import TABLES

_CREATES = re.compile(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW)\s+(?:IF NOT EXISTS\s+)?(\w+)")

SAMPLE = 300
"""Events of one name that are looked at for what a selection asks of their properties."""


def created(migrations: list[Migration]) -> set[str]:
    """Names of all tables and views that the migrations make."""
    return {name for one in migrations for text in one.statements for name in _CREATES.findall(text)}


def missing(client: Client) -> tuple[list[str], list[str]]:
    """(migrations not applied, tables and views that should be there and are not). Raises MigrationError where what was
    applied is not what the files say."""
    wanted = read()
    there = {row["name"] for row in ask(client, "SELECT name FROM system.tables WHERE database = currentDatabase()")}
    had = applied(client) if "migrations" in there else {}
    new = pending(wanted, had, str(client.database))
    return [one.name for one in new], sorted(created([one for one in wanted if one not in new]) - there)


def refused(client: Client, statements: dict[str, str]) -> dict[str, str]:
    """{what: why} of those that the server does not let this user do."""
    found = {}
    for what, statement in statements.items():
        try:
            client.command(statement)
        except Exception as problem:
            found[what] = str(problem).splitlines()[0][:200]
    return found


def writing() -> dict[str, str]:
    """Statements that need the sink's rights and write no row."""
    return {f"INSERT into {name}": f"INSERT INTO {name} SELECT * FROM {name} WHERE 0" for name in TABLES}


def reading() -> dict[str, str]:
    return {
        f"SELECT from {name}": f"SELECT count() FROM (SELECT * FROM {name} LIMIT 1)" for name in (*TABLES, "timeline")
    }


def skew_ms(client: Client) -> float:
    """How far the server's clock is ahead of ours, by the middle of a question's time."""
    before = time.time()
    (row,) = ask(client, "SELECT toUnixTimestamp64Milli(now64(3)) AS now")
    return float(row["now"]) - 500 * (before + time.time())


class Sampled(NamedTuple):
    """Some events of one name, type, actor and place, and how many there were."""

    events: int
    rows: list[dict[str, Any]]


def sampled(client: Client, begin: int, end: int) -> Iterator[Sampled]:
    """Events that happened within [begin, end) ms, a sample of each shape."""
    within = {"begin": begin, "end": end}
    shape = "name, type, actor, place"
    where = "at >= fromUnixTimestamp64Milli({begin:Int64}) AND at < fromUnixTimestamp64Milli({end:Int64})"
    counts = ask(
        client, f"SELECT {shape}, uniqExact(entity, id) AS n FROM events WHERE {where} GROUP BY {shape}", **within
    )
    rows = ask(
        client,
        f"SELECT {shape}, event_id, user, anonymous, account, properties, traits, toUnixTimestamp64Milli(at) AS at_ms"
        f" FROM events WHERE {where} LIMIT {SAMPLE} BY {shape}",
        **within,
    )
    by_shape: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        by_shape.setdefault((row["name"], row["type"], row["actor"], row["place"]), []).append(row)
    for row in counts:
        yield Sampled(int(row["n"]), by_shape.get((row["name"], row["type"], row["actor"], row["place"]), []))
