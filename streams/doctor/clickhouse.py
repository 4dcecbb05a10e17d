"""ClickHouse, looked at for the doctor: schema, rights of each role, its clock, and selections that fell silent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from schemas.definition.model import Definition
from schemas.event import Event
from sinks.clickhouse import doctor as database
from sinks.clickhouse.connect import AddressError, connect
from sinks.clickhouse.migrate import MigrationError
from sinks.clickhouse.retry import classify
from streams.doctor import judge
from streams.doctor.finding import Finding, error, ok
from streams.journey.selections import Selections
from streams.settings import ClickHouse, Role, Settings


def look(settings: Settings, definition: Definition) -> list[Finding]:
    """All findings about ClickHouse. One that does not answer, or lets nobody in, is one, and the only one."""
    where, found = settings.clickhouse, list[Finding]()
    clients: dict[Role, Client] = {}
    try:
        for role in ("read", "write"):
            if isinstance(client := _connected(where, role), Finding):
                return [client]
            clients[role] = client
        found += _schema(clients["read"], where)
        found += _rights(clients["write"], "write", database.writing(), "SELECT and INSERT")
        found += _rights(clients["read"], "read", database.reading(), "SELECT")
        found.append(judge.clock("ClickHouse", database.skew_ms(clients["read"])))
        if not any(one.level == "error" for one in found):
            found += selections(clients["read"], definition, time.time_ns() // 1_000_000)
        return found
    finally:
        for client in clients.values():
            client.close()


def _connected(where: ClickHouse, role: Role) -> Client | Finding:
    try:
        return connect(where.url, where.database, **where.login(role))
    except AddressError as problem:
        return error("clickhouse", str(problem), "correct url in [clickhouse]")
    except Exception as problem:
        reason = classify(problem)
        at = where.url.split("@")[-1]
        do = f"check [clickhouse], the {role} user and its password, and that database {where.database} is made"
        return error("clickhouse", f"{at} does not let the {role} user in: {reason}", do)


def _schema(client: Client, where: ClickHouse) -> list[Finding]:
    try:
        new, gone = database.missing(client)
    except MigrationError as problem:
        return [error("schema", str(problem), "run the version of journeys that made the database")]
    found = []
    if new:
        found.append(error("schema", f"database {where.database} lacks {', '.join(new)}", "run `journeys migrate`"))
    if gone:
        what = f"{', '.join(gone)} should be in database {where.database} and is not"
        found.append(
            error(
                "schema", what, "somebody dropped it: restore a table from a backup; a view comes back by its migration"
            )
        )
    return found or [ok("schema", f"database {where.database} has all tables and views")]


def _rights(client: Client, role: str, statements: dict[str, str], grant: str) -> list[Finding]:
    refused = database.refused(client, statements)
    if not refused:
        return [ok("rights", f"ClickHouse's {role} user may do what it has to")]
    what, why = next(iter(refused.items()))
    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    return [
        error("rights", f"ClickHouse's {role} user cannot {what}{more}: {why}", f"grant {grant} on {client.database}.*")
    ]


def selections(client: Client, definition: Definition, now: int) -> list[Finding]:
    """now: ms; events are looked at by when they happened."""
    day = judge.DAY_MS
    matching = Selections(definition)
    late, events_late = _matches(client, matching, now - day, now + day)
    before, events_before = _matches(client, matching, now - 8 * day, now - day)
    return judge.selections({name: n / 7 for name, n in before.items()}, late, events_late, events_before)


def _matches(client: Client, matching: Selections, begin: int, end: int) -> tuple[Counter[str], int]:
    """({selection: matches}, events); of a selection that asks for properties, by the share of its matches in a sample."""
    matches, events = Counter[str](), 0
    bits: Callable[[dict[str, Any]], int] = lambda row: matching.match(_event(row))  # noqa: E731
    for shape in database.sampled(client, begin, end):
        events += shape.events
        sets = [bits(row) for row in shape.rows]
        for n, name in enumerate(matching.names):
            if hits := sum(found >> n & 1 for found in sets):
                matches[name] += max(1, shape.events * hits // len(sets))
    return matches, events


def _event(row: dict[str, Any]) -> Event:
    return Event(
        row["event_id"], row["name"], row["type"], row["at_ms"], row["user"], row["anonymous"], row["account"],
        orjson.loads(row["properties"] or "{}"), orjson.loads(row["traits"] or "{}"), row["actor"], row["place"],
    )  # fmt: skip
