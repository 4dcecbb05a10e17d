"""Source `segment`: Segment's track, identify, group, page, screen and alias calls, alone or in batches.

Names and precedence after Segment's common fields and HTTP tracking API specifications. Time: `timestamp` (which Segment
has already corrected for the client's clock), else `originalTimestamp` corrected by `sentAt` against `receivedAt`, else
`receivedAt`, else the batch's `sentAt`. Account: `groupId` on group calls, `context.groupId` on all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from schemas.event import Event, EventType, Place
from schemas.identifiers import identifier, is_placeholder
from schemas.sources.canonical import Decoded, derived_id
from schemas.sources.outcome import Failure
from schemas.sources.reading import future, read_json
from schemas.time import parse_time

_NAMES: dict[str, str] = {
    "identify": "Identified", "group": "Account Identified", "page": "Page Viewed", "screen": "Screen Viewed",
    "alias": "Aliased",
}  # fmt: skip
"""Calls that bear no event name of their own."""

_PLACES: dict[str, Place] = {"page": "website"}
"""A page call comes from a website; screen and track calls from the product. `context.channel` says otherwise."""


def decode(
    value: bytes | None,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
    timestamp: int = 0,
    *,
    max_future: int = 600_000,
) -> list[Decoded]:
    """One call to one event; a batch to one outcome an item, in order."""
    told = read_json(value)
    if isinstance(told, Failure):
        return [told]
    if not isinstance(told, dict):
        return [Failure("wrong_type", f"a call is a JSON object, not a {type(told).__name__}")]
    batch = told.get("batch")
    if batch is None:
        return [_call(told, value or b"", None, timestamp, max_future)]
    if not isinstance(batch, list):
        return [Failure("wrong_type", f"batch: a list is needed, not a {type(batch).__name__}")]
    sent = told.get("sentAt")
    return [_item(item, sent, timestamp, max_future) for item in batch]


def _item(item: Any, sent: Any, timestamp: int, max_future: int) -> Decoded:
    if not isinstance(item, dict):
        return Failure("wrong_type", f"a batch holds JSON objects, not a {type(item).__name__}")
    return _call(item, None, sent, timestamp, max_future)


def _call(told: dict[str, Any], value: bytes | None, sent: Any, timestamp: int, max_future: int) -> Decoded:
    kind = told.get("type")
    name = told.get("event") if kind == "track" else _NAMES.get(kind) if isinstance(kind, str) else None
    if not isinstance(name, str) or not name:
        return _nameless(kind, name)
    at = _at(told, sent)
    if at is None:
        return Failure("bad_time", f"timestamp: {told.get('timestamp')!r:.60} is no RFC 3339 time")
    late = future(at, timestamp, max_future) if timestamp > 0 else None
    return late if late is not None else _event(told, kind, name, at, value)


def _event(told: dict[str, Any], kind: Any, name: str, at: int, value: bytes | None) -> Decoded:
    context = told.get("context") or {}
    properties, traits = _payload(told, kind, context)
    if not (type(context) is type(properties) is type(traits) is dict):
        return Failure("wrong_type", "context, properties and traits are objects")
    user, anonymous = identifier(told.get("userId")), identifier(told.get("anonymousId"))
    group = told.get("groupId") if kind == "group" else context.get("groupId")
    account = identifier(group)
    if user is None and anonymous is None and account is None:
        return _nobody(told)
    given = told.get("messageId")
    if not isinstance(given, str) or not given:
        given = derived_id(given, value if value is not None else orjson.dumps(told, option=orjson.OPT_SORT_KEYS))
    found: EventType = kind
    received = told.get("receivedAt")
    return Event(
        given, name, found, at, user, anonymous, account, properties, traits, "user", _PLACES.get(kind, "product"),
        parse_time(received) if received is not None else None, "segment",
    )  # fmt: skip


def _payload(told: dict[str, Any], kind: Any, context: Any) -> tuple[Any, Any]:
    """(properties, traits): traits of identify and group calls, else those that ride along in the context."""
    if kind in ("identify", "group"):
        return told.get("properties") or {}, told.get("traits") or {}
    properties = told.get("properties") or {}
    if kind in ("page", "screen") and isinstance(told.get("name"), str) and isinstance(properties, dict):
        properties.setdefault("name", told["name"])
    elif kind == "alias" and isinstance(properties, dict):
        properties["previous_id"] = told.get("previousId")
    return properties, context.get("traits") or {} if isinstance(context, dict) else {}


def _at(told: dict[str, Any], sent: Any) -> int | None:
    stamp = told.get("timestamp")
    if stamp is not None:
        return parse_time(stamp)
    original, received = parse_time(told.get("originalTimestamp")), parse_time(told.get("receivedAt"))
    sent_at = parse_time(told.get("sentAt") or sent)
    if original is not None:
        # A client's clock may be wrong, but it was as wrong when it sent: the difference is right.
        return received - (sent_at - original) if received is not None and sent_at is not None else original
    return received if received is not None else sent_at


def _nameless(kind: Any, name: Any) -> Failure:
    if kind == "track":
        return Failure("missing_name", f"event: {name!r:.60} is no name")
    known = ", ".join(["track", *_NAMES])
    return Failure("wrong_type", f"type: {kind!r:.60} is none of {known}")


def _nobody(told: dict[str, Any]) -> Failure:
    ids = (told.get("userId"), told.get("anonymousId"), told.get("groupId"))
    if any(is_placeholder(given) for given in ids):
        return Failure("placeholder_id", "its ids name nobody: " + ", ".join(repr(given)[:40] for given in ids))
    return Failure("missing_entity", "none of userId, anonymousId, groupId is given")
