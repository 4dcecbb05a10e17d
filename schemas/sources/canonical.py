"""Source `canonical`: our own JSON, and the form of the events topic.

Minimal: {id, event, user, account, at, properties}. Optional: anonymous, type, traits, actor, place, received_at.
`at` and `received_at` are epoch seconds (a fraction is milliseconds) or RFC 3339. {"type": "watermark", "at": T} promises
that nothing earlier than T follows on its partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, get_args

import orjson

from schemas.event import Actor, Event, EventType, Place
from schemas.identifiers import identifier, is_placeholder
from schemas.sources.outcome import Failure, Watermark
from schemas.sources.reading import future, read_json
from schemas.time import EARLIEST, LATEST, parse_time

_TYPES = frozenset(get_args(EventType))
_ACTORS = frozenset(get_args(Actor))
_PLACES = frozenset(get_args(Place))
_IDS = ("user", "anonymous", "account")

Decoded = Event | Failure | Watermark


def decode(
    value: bytes | None,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
    timestamp: int = 0,
    *,
    max_future: int = 600_000,
) -> list[Decoded]:
    """One record to its one event. An id that is missing is a hash of the bytes, so the same bytes are the same event."""
    told = read_json(value)
    if isinstance(told, Failure):
        return [told]
    if not isinstance(told, dict):
        return [Failure("wrong_type", f"an event is a JSON object, not a {type(told).__name__}")]
    at = _at(told.get("at"))
    if at is None:
        return [Failure("bad_time", f"at: {told.get('at')!r:.60} is no epoch seconds and no RFC 3339")]
    if told.get("type") == "watermark":
        return [Watermark(at)]
    return [_event(told, at, value or b"", timestamp, max_future)]


def _event(told: dict[str, Any], at: int, value: bytes, timestamp: int, max_future: int) -> Decoded:
    name, kind = told.get("event"), told.get("type", "track")
    if not isinstance(name, str) or not name:
        return Failure("missing_name", "event: a name is needed")
    properties, traits = told.get("properties") or {}, told.get("traits") or {}
    actor, place = told.get("actor") or "user", told.get("place") or "product"
    wrong = _wrong(kind, properties, traits, actor, place)
    if wrong is not None:
        return wrong
    user, anonymous, account = (identifier(told.get(field)) for field in _IDS)
    if user is None and anonymous is None and account is None:
        return _nobody(told)
    late = future(at, timestamp, max_future) if timestamp > 0 else None
    if late is not None:
        return late
    given = told.get("id")
    return Event(
        given if isinstance(given, str) and given else derived_id(given, value), name, kind, at, user, anonymous, account,
        properties, traits, actor, place, _at(told.get("received_at")),
    )  # fmt: skip


def _wrong(kind: Any, properties: Any, traits: Any, actor: Any, place: Any) -> Failure | None:
    try:
        if kind in _TYPES and actor in _ACTORS and place in _PLACES and type(properties) is type(traits) is dict:
            return None
    except TypeError:  # a list or an object where a word belongs
        pass
    for field, found in (("properties", properties), ("traits", traits)):
        if not isinstance(found, dict):
            return Failure("wrong_type", f"{field}: an object is needed, not a {type(found).__name__}")
    for field, found, known in (("type", kind, _TYPES), ("actor", actor, _ACTORS), ("place", place, _PLACES)):
        if not isinstance(found, str) or found not in known:
            return Failure("wrong_type", f"{field}: {found!r:.60} is none of {', '.join(sorted(known))}")
    return None


def _nobody(told: dict[str, Any]) -> Failure:
    if any(is_placeholder(told.get(field)) for field in _IDS):
        return Failure("placeholder_id", "its ids name nobody: " + ", ".join(repr(told.get(f))[:40] for f in _IDS))
    return Failure("missing_entity", "none of user, anonymous, account is given")


def derived_id(given: Any, value: bytes) -> str:
    """The id of an event that came without one: its number if it is one, else a hash of the bytes."""
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return blake2b(value, digest_size=12).hexdigest()


def _at(value: Any) -> int | None:
    """Numbers are epoch seconds; the usual case first, as this runs for every event."""
    if type(value) is float or type(value) is int:
        at = round(value * 1000) if -1e12 < value < 1e12 else 0
        return at if EARLIEST <= at < LATEST else None
    return parse_time(value)


def encode(event: Event) -> bytes:
    """The event in the form that `decode` reads; fields at their defaults are left out."""
    told: dict[str, Any] = {"id": event.id, "event": event.name, "at": event.at / 1000}
    for field, value, default in (
        ("type", event.type, "track"), ("user", event.user, None), ("anonymous", event.anonymous, None),
        ("account", event.account, None), ("properties", event.properties, {}), ("traits", event.traits, {}),
        ("actor", event.actor, "user"), ("place", event.place, "product"),
    ):  # fmt: skip
        if value != default:
            told[field] = value
    if event.received_at is not None:
        told["received_at"] = event.received_at / 1000
    return orjson.dumps(told)


def watermark(at: int) -> bytes:
    """A promise that nothing earlier than `at` (ms) follows."""
    return orjson.dumps({"type": "watermark", "at": at / 1000})
