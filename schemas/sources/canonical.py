"""Canonical: our own JSON, one event a record. What a team writes that has no tracker, and what we write on `events`.

    {"id": "e1", "event": "Report Created", "user": "u1", "account": "a1", "at": 1714564800.5, "properties": {}}

`at` is epoch seconds or RFC 3339 text. Optional: anonymous, type, traits, actor, place, received_at, source.
`{"type": "watermark", "at": T}` promises that nothing earlier follows on the partition.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from schemas.event import Event
from schemas.sources.outcome import Decoded, Failure, Headers, Refused, Watermark
from schemas.sources.precedence import Precedence
from schemas.sources.reading import (
    ACTORS,
    NAMES,
    PLACES,
    TYPES,
    Object,
    choice,
    entity_id,
    kind_of,
    latest,
    load,
    message_id,
    nobody,
    object_of,
    text_of,
    time_of,
    too_late,
)  # fmt: skip
from schemas.sources.vendor import Source
from schemas.vocabulary import PLACE_OF


def decode(
    value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
    max_future: int | None = None,
) -> Decoded:  # fmt: skip
    """What one record means: one event, failure or watermark. Never raises. See `schemas.sources.decode`."""
    try:
        found = load(value)
        if type(found) is not dict:
            return [Failure("wrong_type", f"the value is {kind_of(found)}; write one JSON object a record")]
        return [_read(found, latest(timestamp, max_future), value)]
    except Refused as refused:
        return [refused.failure]


def _read(message: Object, limit: int, raw: bytes | None) -> Event | Watermark:
    get = message.get
    at = time_of(get("at"), "at")
    if at is None:
        raise Refused("bad_time", "at is missing; write epoch seconds or RFC 3339")
    kind = get("type", "track")
    if kind == "watermark":
        return Watermark(at)
    if at > limit:
        raise too_late(at, limit)
    if kind not in _TYPES:
        choice(kind, TYPES, "type")
    name = text_of(get("event"), "event") or NAMES.get(kind)
    if not name:
        raise Refused("missing_name", "event is missing; write the event's name")
    user = entity_id(get("user"), "user")
    anonymous = entity_id(get("anonymous"), "anonymous")
    account = entity_id(get("account"), "account")
    if user is None and anonymous is None and account is None:
        raise nobody(message, "user", "anonymous", "account")
    actor, place = get("actor"), get("place")
    return Event(
        message_id(get("id"), "id", message, raw), name, kind, at, user, anonymous, account,
        object_of(get("properties"), "properties"), object_of(get("traits"), "traits"),
        "user" if actor is None else choice(actor, ACTORS, "actor"),
        PLACE_OF.get(name, "product") if place is None else choice(place, PLACES, "place"),
        time_of(get("received_at"), "received_at"), text_of(get("source"), "source") or "canonical",
    )  # fmt: skip


_TYPES: tuple[str, ...] = ("track", "identify", "group", "page", "screen", "alias")  # `in` must not hash a list


def encode(event: Event) -> bytes:
    """The event in this form, which `decode` reads back as the same event; what it would assume anyway is left out."""
    found: Object = {"id": event.id, "event": event.name}
    if event.type != "track":
        found["type"] = event.type
    if event.user is not None:
        found["user"] = event.user
    if event.anonymous is not None:
        found["anonymous"] = event.anonymous
    if event.account is not None:
        found["account"] = event.account
    found["at"] = _seconds(event.at)
    if event.properties:
        found["properties"] = event.properties
    if event.traits:
        found["traits"] = event.traits
    if event.actor != "user":
        found["actor"] = event.actor
    if event.place != PLACE_OF.get(event.name, "product"):
        found["place"] = event.place
    if event.received_at is not None:
        found["received_at"] = _seconds(event.received_at)
    if event.source != "canonical":
        found["source"] = event.source
    return orjson.dumps(found)


def watermark(at: int) -> bytes:
    """A promise that nothing earlier than `at` (ms) follows on the partition."""
    return orjson.dumps({"type": "watermark", "at": _seconds(at)})


def _seconds(ms: int) -> float:
    """A double holds ms of these centuries exactly enough: 4e9 s leave it 0.5 µs."""
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def messages(value: bytes) -> list[Any]:
    """The messages of a record; none where it cannot be read."""
    try:
        return [load(value)]
    except Refused:
        return []


SOURCE: Final = Source(
    "canonical",
    "our own JSON",
    decode,
    Precedence(
        time=("at",),
        id=("id",),
        user=("user",),
        anonymous=("anonymous",),
        account=("account",),
        received=("received_at",),
    ),
    {},
    "the id, for events of the same millisecond",
    "nothing: it is the form that all others are brought into",
    "own reading",
    "docs/sources.md",
    (("at", "event"), ("at", "type"), ("at", "user"), ("at", "account")),
    messages,
)
