"""`journeys erase user|account ID`: somebody is forgotten, everywhere that is ours, and the proof is printed.

Exit codes: 0 nothing is left but what the report says cannot be removed; 1 something is; 2 settings are wrong; 4 engine,
sink or a server did not answer: run it again.
"""

from __future__ import annotations

import asyncio
import getpass
import hmac
import time
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from schemas.identifiers import NotAnIdentifier, identifier
from schemas.time import rfc3339
from sinks.clickhouse import erase as tables
from sinks.clickhouse.connect import AddressError, connect
from streams.erasing import KEPT, Erasing, Held, NotApplied
from streams.settings import Settings, SettingsError, load_settings

DONE, LEFT, WRONG, NO_ANSWER = 0, 1, 2, 4

SHORTEST_KEY = 16
"""Characters of the key of the audit record: a shorter one could be guessed, and with it everybody who was erased."""


class Wish(NamedTuple):
    """What was asked for on the command line."""

    kind: str
    name: str
    reason: str = ""
    by: str = ""
    at_once: bool = True
    purge: bool = False
    patience_s: float = 60


class Erased(NamedTuple):
    """What was found at each place before and after. Of topics: Held, of tables: rows."""

    names: list[str]
    before: dict[str, Held]
    after: dict[str, Held]
    left: dict[str, int]


def erase(wish: Wish, settings: Path | None, console: Console, json: Path | None = None) -> int:
    """Do it, show it, keep an audit record. Status as above."""
    try:
        where = load_settings(settings)
        _check(wish, where)
        client = connect(where.clickhouse.url, where.clickhouse.database, **where.clickhouse.login("write"))
    except (SettingsError, AddressError) as problem:
        return _say(console, str(problem), WRONG)
    except Exception as error:
        return _say(console, f"ClickHouse at {where.clickhouse.url.split('@')[-1]} does not answer: {error}", NO_ANSWER)
    key, now = uuid.uuid4().hex, time.time_ns() // 1_000_000
    try:
        found = asyncio.run(_erase(wish, where, client, key, now))
        audit = _audit(wish, where, found, key, now)
        tables.note(client, audit)
    except (NotApplied, KafkaError, OSError) as problem:
        return _say(console, str(problem), NO_ANSWER)
    finally:
        client.close()
    _show(found, wish, where, console)
    if json is not None:
        json.write_bytes(orjson.dumps(audit, option=orjson.OPT_INDENT_2))
    return LEFT if found.left else DONE


def _say(console: Console, text: str, code: int) -> int:
    console.print(text, style="red", highlight=False, soft_wrap=True)
    return code


def _check(wish: Wish, settings: Settings) -> None:
    """Raises SettingsError."""
    if wish.kind not in ("user", "account"):
        raise SettingsError(f"{wish.kind} is neither user nor account")
    try:
        known = identifier(wish.name)
    except NotAnIdentifier:
        known = None
    if known != wish.name:
        raise SettingsError(f"{wish.name!r} is no identifier: placeholders and blanks stand for nobody")
    if settings.erasure_key is None or len(settings.erasure_key) < SHORTEST_KEY:
        raise SettingsError(
            f"set JOURNEYS_ERASURE_KEY, or JOURNEYS_ERASURE_KEY_FILE, to a secret of at least {SHORTEST_KEY} characters: "
            "the audit record names nobody, and holds a hash by this key"
        )


async def _erase(wish: Wish, settings: Settings, client: Any, key: str, now: int) -> Erased:
    names = tables.names_of(client, wish.kind, wish.name)
    looked_for = sorted({*names, *(tables.mails_of(client, names) if wish.kind == "user" else ())})
    async with Erasing(settings, wish.patience_s) as kafka:
        before = await _held(kafka, client, wish.kind, names, looked_for)
        await kafka.ask(wish.kind, names, key, now, wish.at_once)
        names = sorted({*names, *tables.names_of(client, wish.kind, wish.name)})
        tables.delete(client, wish.kind, names)
        await kafka.tombstone(wish.kind, names)
        if wish.purge:
            await kafka.purge()
        after = await _held(kafka, client, wish.kind, names, looked_for)
    kept = () if wish.purge else tuple(f"kafka {topic}" for topic in KEPT)
    left = {place: held.records for place, held in after.items() if held.records and place not in kept}
    return Erased(names, before, after, left)


async def _held(kafka: Erasing, client: Any, kind: str, names: list[str], looked_for: list[str]) -> dict[str, Held]:
    rows = {place: Held(n) for place, n in tables.counts(client, kind, names).items()}
    if kind == "user":  # an account's name may well stand in what its members did, and that is theirs
        rows |= {f"clickhouse {t}, anywhere": Held(n) for t, n in tables.mentions(client, looked_for).items()}
    return {**rows, **await kafka.held(looked_for)}


def _audit(wish: Wish, settings: Settings, found: Erased, key: str, now: int) -> dict[str, Any]:
    """The record that stays: who asked, when, what was found; whom, only as a hash by a key that is in the settings alone."""
    secret = (settings.erasure_key or "").encode()
    subject = hmac.new(secret, f"{wish.kind}\0{wish.name}".encode(), sha256).hexdigest()
    counted = {place: held.records for place, held in found.before.items()}
    return {
        "request": key, "subject": subject, "kind": wish.kind, "at": now, "asked_by": wish.by or getpass.getuser(),
        "reason": wish.reason, "found": counted, "left": {p: held.records for p, held in found.after.items()},
    }  # fmt: skip


def _show(found: Erased, wish: Wish, settings: Settings, console: Console) -> None:
    table = Table("where", "before", "after", "", box=None)
    for place, held in found.before.items():
        after = found.after[place]
        if held.records or held.superseded or after.records or after.superseded:
            table.add_row(place, str(held.records), str(after.records), _remark(place, after, found, settings))
    console.print(table)
    aliases = len(found.names) - 1
    also = f" and {aliases} other name{'' if aliases == 1 else 's'}" if aliases else ""
    if found.left:
        console.print(f"[bold red]not all of it is gone:[/] {', '.join(found.left)}", highlight=False, soft_wrap=True)
    else:
        console.print(f"{wish.kind} {wish.name}{also}: erased", style="green", highlight=False, soft_wrap=True)
    for line in cannot(wish, settings):
        console.print(line, highlight=False, soft_wrap=True)


def _remark(place: str, after: Held, found: Erased, settings: Settings) -> str:
    if place in found.left:
        return "LEFT"
    if after.records:
        return f"until retention ({settings.retention}) is over, or --purge"
    return f"{after.superseded} more until compaction" if after.superseded else ""


def cannot(wish: Wish, settings: Settings) -> list[str]:
    """What this command does not reach, in words."""
    topics = ", ".join(source.topic for source in settings.sources) or "none"
    told = [f"not ours to remove: source topics ({topics}) keep their records as long as their owner says; backups too"]
    if not wish.at_once:
        told.append("the engine keeps what it knew until the grace period is over, and then only a hash and an instant")
    if not wish.purge:
        day = rfc3339(time.time_ns() // 1_000_000 + _retention(settings))[:10]
        told.append(f"topics kept by retention lose what names the person by {day}")
    return told


def _retention(settings: Settings) -> int:
    from streams.settings import duration_ms

    return duration_ms(settings.retention) or 0
