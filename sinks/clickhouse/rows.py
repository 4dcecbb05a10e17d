"""Rows: what was published, as rows of its tables. Pure; a record that fits no table is Rejected with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

import orjson

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.snapshot import WRITTEN
from schemas.time import LATEST, parse_time

DEAD_LETTERS = "dead-letters"
"""Logical name of the dead-letter topic."""

Reason = Literal["no_value", "not_json", "wrong_type", "bad_id", "bad_time", "out_of_range", "unknown_topic", "refused"]
"""Why a record became no row. `refused`: ClickHouse itself refused the row (see deliver.py)."""


class Incoming(Protocol):
    """A record as the shell reads it from Kafka. `timestamp` is Kafka's own, in ms."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Row(NamedTuple):
    """`values` in the order of the table's columns (tables.py)."""

    table: str
    values: tuple[Any, ...]


class Rejected(NamedTuple):
    """It becomes no row, for this reason."""

    reason: Reason
    detail: str = ""


class _Misfit(Exception):
    """A field that does not fit, on its way from the getter to `rows_of`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


def rows_of(topic: str, record: Incoming) -> list[Row] | Rejected:
    """The rows that a record of a logical topic (`transitions.user`, `alerts`, `state.account`, ...) stands for."""
    build = _BUILD.get(topic)
    if build is None:
        return Rejected("unknown_topic", topic)
    try:
        return build(topic, record)
    except _Misfit as misfit:
        return misfit.rejected


def event_row(event: Event) -> Row:
    """An event as a row. The same event id of the same entity is the same row, whoever sent it again."""
    entity = event.entity or ""
    of_account = "" if entity else event.account or ""
    return Row(
        "events",
        (
            blake2b(f"{entity}\0{of_account}\0{event.id}".encode("utf-8", "replace"), digest_size=16).digest(),
            event.id, entity, event.name, event.type, event.at, event.user, event.anonymous, event.account,
            _json(event.properties), _json(event.traits), event.actor, event.place, event.received_at, event.source,
        ),
    )  # fmt: skip


def stage_rows(definition: Definition, now: int, lost: frozenset[str] = frozenset({"churn"})) -> list[Row]:
    """The states of a definition's machines in file order, to be written when the sink starts. `now`: wall clock, ms.

    `lost` names the states that are an ending and no progress: a funnel does not count them as a rung.
    """
    return [
        Row(
            "stages",
            (
                definition.name, definition.version, definition.digest, entity.kind, machine.name, state, position,
                state in lost, now,
            ),
        )
        for entity in (definition.user, definition.account)
        if entity is not None
        for machine in entity.machines
        for position, state in enumerate(machine.states)
    ]  # fmt: skip


# --- one builder a topic ---------------------------------------------------------------------------------------------


def _transition(_: str, record: Incoming) -> list[Row]:
    d = _object(record)
    return [
        Row(
            "transitions",
            (
                _id(d, "id"), _text(d, "kind"), _text(d, "entity"), _maybe(d, "account"), _text(d, "machine"),
                _maybe(d, "from"), _maybe(d, "to"), _text(d, "name"), _maybe(d, "label"), _time(d, "at"),
                _time(d, "detected_at"), _whole(d, "seq", 64), _number(d, "dwell_s"), _text(d, "definition"),
                _whole(d, "version", 32), _text(d, "digest"), _json(d.get("cause")), _json(d.get("because") or []),
                _texts(d, "signals"), _texts(d, "evidence"), _json(d.get("carry") or {}), _text(d, "origin"),
                _truth(d, "valid"), _maybe(d, "supersedes"), _maybe(d, "into"),
            ),
        )
    ]  # fmt: skip


def _alert(_: str, record: Incoming) -> list[Row]:
    d = _object(record)
    return [
        Row(
            "alerts",
            (
                _id(d, "id"), _id(d, "opens"), _text(d, "name"), _text(d, "status"), _text(d, "kind"),
                _text(d, "entity"), _maybe(d, "account"), _text(d, "severity"), _text(d, "title"), _texts(d, "signals"),
                _json(d.get("because") or []), _texts(d, "evidence"), _maybe(d, "clears_when"), _maybe(d, "do"),
                _maybe_time(d, "act_by"), _maybe(d, "owner"), _json(d.get("carry") or {}), _maybe(d, "transition"),
                _time(d, "at"), _time(d, "detected_at"), _text(d, "definition"), _whole(d, "version", 32),
                _text(d, "origin"), _position(record),
            ),
        )
    ]  # fmt: skip


def _snapshot(topic: str, record: Incoming) -> list[Row]:
    kind = topic.removeprefix("state.")
    if record.value is None:
        return [_gone(kind, record)]
    d = _object(record)
    entity, as_of = _text(d, "entity"), _time(d, "as_of")
    standing = (as_of, *_standing(d), _text(d, "definition"), _whole(d, "version", 32), _position(record))
    rows = [Row("entities", (kind, entity, _maybe(d, "account"), False, *standing))]
    if kind == "account":
        rows.append(Row("account_days", (entity, as_of // 86_400_000, *standing)))
    return rows


def _standing(d: dict[str, Any]) -> tuple[Any, ...]:
    """States and since when, signals, measures, carried attributes."""
    machines = d.get("machines")
    if not isinstance(machines, dict) or not all(isinstance(m, dict) for m in machines.values()):
        raise _Misfit("wrong_type", "machines is no object of objects")
    return (
        {name: _text(machine, "state") for name, machine in machines.items()},
        {name: _time(machine, "since") for name, machine in machines.items()},
        _texts(d, "signals"),
        _json(d.get("measures") or {}),
        _json(d.get("carry") or {}),
    )


def _gone(kind: str, record: Incoming) -> Row:
    """The null record that ends an entity: its key is all it has."""
    try:
        entity = (record.key or b"").decode()
    except UnicodeDecodeError as error:
        raise _Misfit("bad_id", "the key is not UTF-8") from error
    if not entity:
        raise _Misfit("bad_id", "a null record without a key ends nobody")
    at = min(max(record.timestamp, 0), LATEST)  # what DateTime64 can hold for sure
    return Row("entities", (kind, entity, None, True, at, {}, {}, [], "{}", "{}", "", 0, _position(record)))


def _dead_letter(_: str, record: Incoming) -> list[Row]:
    """Never rejected: a dead letter about a dead letter would go round for ever. The record itself fills what lacks."""
    told: dict[str, bytes] = {}
    for name, header in record.headers:
        told.setdefault(name, header)  # ours come first, the original record's own after them
    place = f"{record.topic}/{record.partition}/{record.offset}".encode()
    return [
        Row(
            "dead_letters",
            (
                _raw_id(told.get("id")) or blake2b(place, digest_size=16).digest(),
                _words(told, "reason"), _words(told, "detail"), _words(told, "topic") or record.topic,
                _told(told, "partition", 2**32, record.partition), _told(told, "offset", 2**64, record.offset),
                _told(told, "index", 2**32, 0), _told(told, "timestamp", LATEST, max(record.timestamp, 0)),
                record.key, record.value,
            ),
        )
    ]  # fmt: skip


_BUILD: dict[str, Callable[[str, Incoming], list[Row]]] = {
    "transitions.user": _transition,
    "transitions.account": _transition,
    "alerts": _alert,
    "state.user": _snapshot,
    "state.account": _snapshot,
    DEAD_LETTERS: _dead_letter,
}

TOPICS: tuple[str, ...] = tuple(_BUILD)
"""Logical names of the published topics that the sink reads."""


# --- one getter a type -----------------------------------------------------------------------------------------------


def _object(record: Incoming) -> dict[str, Any]:
    if record.value is None:
        raise _Misfit("no_value", "")
    try:
        found = orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        raise _Misfit("not_json", str(error)) from error
    if not isinstance(found, dict):
        raise _Misfit("wrong_type", "the value is no JSON object")
    return found


def _text(d: dict[str, Any], name: str) -> str:
    found = d.get(name)
    if not isinstance(found, str):
        raise _Misfit("wrong_type", f"{name} is no text")
    return found


def _maybe(d: dict[str, Any], name: str) -> str | None:
    return None if d.get(name) is None else _text(d, name)


def _texts(d: dict[str, Any], name: str) -> list[str]:
    found = d.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _Misfit("wrong_type", f"{name} is no list of texts")
    return found


def _whole(d: dict[str, Any], name: str, bits: int) -> int:
    found = d.get(name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise _Misfit("wrong_type", f"{name} is no whole number")
    if not 0 <= found < 1 << bits:
        raise _Misfit("out_of_range", f"{name} is not within 0 and 2^{bits}")
    return found


def _number(d: dict[str, Any], name: str) -> float | None:
    found = d.get(name)
    if found is None:
        return None
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        raise _Misfit("wrong_type", f"{name} is no number")
    return float(found)


def _truth(d: dict[str, Any], name: str) -> bool:
    found = d.get(name)
    if not isinstance(found, bool):
        raise _Misfit("wrong_type", f"{name} is neither true nor false")
    return found


def _time(d: dict[str, Any], name: str) -> int:
    at = parse_time(_text(d, name))
    if at is None:
        raise _Misfit("bad_time", f"{name} is no RFC 3339 time between 1990 and 2100")
    return at


def _maybe_time(d: dict[str, Any], name: str) -> int | None:
    return None if d.get(name) is None else _time(d, name)


def _id(d: dict[str, Any], name: str) -> bytes:
    found = _raw_id(_text(d, name).encode())
    if found is None:
        raise _Misfit("bad_id", f"{name} is not 32 hex digits")
    return found


def _raw_id(text: bytes | None) -> bytes | None:
    if text is None or len(text) != 32:
        return None
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _position(record: Incoming) -> int:
    """The later of two records of one key has the higher one: by when their states became durable, where they say it."""
    written = next((value for name, value in record.headers if name == WRITTEN), b"")
    at = int(written) if written.isdigit() and len(written) < 16 else max(record.timestamp, 0)
    return at << 64 | record.offset


def _words(told: dict[str, bytes], name: str) -> str:
    return told.get(name, b"").decode("utf-8", "replace")


def _told(told: dict[str, bytes], name: str, below: int, otherwise: int) -> int:
    text = told.get(name, b"")
    return number if text.isdigit() and (number := int(text)) < below else otherwise
