"""Segment: track, identify, group, page, screen and alias calls, one a record or many as `{batch: [...], sentAt}`.

After Segment's spec (common fields, group, alias, B2B SaaS). RudderStack's records have the same shape.

- time: `timestamp`, which Segment has already corrected for the clock of the device; else originalTimestamp corrected
  the same way, receivedAt - (sentAt - originalTimestamp); else originalTimestamp; else receivedAt; else sentAt
- account: `groupId` of a group call, `context.groupId` of every other
- place: `context.place` where it is one of ours; else product for a page that a known user saw and website for other
  pages; else what the vocabulary says of the event's name; else product. `context.actor` likewise, else user
"""

from __future__ import annotations

from typing import Any, Final

from schemas.event import Actor, Event, EventType, Place
from schemas.sources.outcome import Decoded, Failure, Headers, Refused
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
    within,
)  # fmt: skip
from schemas.sources.vendor import Source
from schemas.sources.vendor import within as listed_in
from schemas.time import parse_time
from schemas.vocabulary import PLACE_OF

PRECEDENCE: Final = Precedence(
    time=("timestamp", "originalTimestamp", "receivedAt", "sentAt"),
    id=("messageId",),
    user=("userId",),
    anonymous=("anonymousId",),
    account=("groupId", "context.groupId"),
    received=("receivedAt",),
)
"""As the other decoders have it. This one reads each field where it needs it: it is the one that must be fast."""

_ALONE: Object = {}
"""What stands around a message that came in no batch."""


def decode(
    value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
    max_future: int | None = None,
) -> Decoded:  # fmt: skip
    """What one record means: one outcome a message, in order. Never raises. See `schemas.sources.decode`."""
    try:
        found = load(value)
        if type(found) is not dict:
            return [Failure("wrong_type", f"the value is {kind_of(found)}; write one JSON object a record")]
        limit = latest(timestamp, max_future)
        if "batch" in found:
            return _batch(found, limit)
        return [_event(found, _ALONE, limit, value)]
    except Refused as refused:
        return [refused.failure]


def _batch(envelope: Object, limit: int) -> Decoded:
    messages = envelope["batch"]
    if type(messages) is not list:
        raise Refused("wrong_type", f"batch is {kind_of(messages)}; write a list of messages")
    return [_item(message, envelope, limit) for message in messages]


def _item(message: Any, envelope: Object, limit: int) -> Event | Failure:
    try:
        if type(message) is not dict:
            raise Refused("wrong_type", f"an item of batch is {kind_of(message)}; write an object")
        return _event(message, envelope, limit, None)
    except Refused as refused:
        return refused.failure


def _event(message: Object, envelope: Object, limit: int, raw: bytes | None) -> Event:
    told: Any = message.get("type")
    if told not in _TYPES:
        choice(told, TYPES, "type")
    kind: EventType = told
    event_id = message_id(message.get("messageId"), "messageId", message, raw)
    at = parse_time(message.get("timestamp")) or _other_time(message, envelope)
    if at > limit:
        raise too_late(at, limit)
    context = object_of(message.get("context") or envelope.get("context"), "context")
    name = text_of(message.get("event"), "event") if kind == "track" else NAMES[kind]
    if not name:
        raise Refused("missing_name", "event is missing; a track call needs the event's name")
    user, anonymous = entity_id(message.get("userId"), "userId"), entity_id(message.get("anonymousId"), "anonymousId")
    account = _group(message, context) if kind == "group" else entity_id(context.get("groupId"), "context.groupId")
    if user is None and anonymous is None and account is None:
        raise nobody(message, "userId", "anonymousId")
    properties = object_of(message.get("properties"), "properties")
    if kind == "identify" or kind == "group":
        traits = object_of(message.get("traits"), "traits")
    else:
        traits = object_of(context.get("traits"), "context.traits")
        if kind != "track":
            _complete(properties, message, kind, user)
    received = message.get("receivedAt") or envelope.get("receivedAt")
    received_at = None if received is None else time_of(received, "receivedAt")
    actor, place = _actor(context), _place(context, name, user)
    return tuple.__new__(  # what Event(...) does, without its defaults: 0.3 µs of 3
        Event,
        (event_id, name, kind, at, user, anonymous, account, properties, traits, actor, place, received_at, "segment"),
    )


_TYPES: Final = (
    "track",
    "page",
    "identify",
    "screen",
    "group",
    "alias",
)  # most frequent first; `in` must not hash a list


def _other_time(message: Object, envelope: Object) -> int:
    """The event time of a message without a readable `timestamp`, in ms."""
    if message.get("timestamp") is not None:
        time_of(
            message["timestamp"], "timestamp"
        )  # raises: a time that was told and is wrong is not replaced by another
    original, sent, received = (
        time_of(message.get(name) or envelope.get(name), name) for name in ("originalTimestamp", "sentAt", "receivedAt")
    )
    if original is not None and sent is not None and received is not None:
        return within(received - (sent - original), "the corrected originalTimestamp")
    at = original or received or sent
    if at is None:
        raise Refused("bad_time", "timestamp is missing, and so are originalTimestamp, receivedAt and sentAt")
    return at


def _group(message: Object, context: Object) -> str:
    """The account of a group call, without which it says nothing."""
    account = entity_id(message.get("groupId"), "groupId") or entity_id(context.get("groupId"), "context.groupId")
    if account is None:
        raise nobody(message, "groupId")
    return account


def _complete(properties: Object, message: Object, kind: str, user: str | None) -> None:
    """What page, screen and alias calls say beside their properties, put there."""
    if kind != "alias":
        if message.get("name") is not None:
            properties.setdefault("name", message["name"])
        return
    previous = entity_id(message.get("previousId"), "previousId")
    if previous is None:
        raise nobody(message, "previousId")
    if user is None:
        raise nobody(message, "userId")
    properties["previous_id"] = previous


def _actor(context: Object) -> Actor:
    actor = context.get("actor")
    return actor if type(actor) is str and actor in ACTORS else "user"


def _place(context: Object, name: str, user: str | None) -> Place:
    place = context.get("place")
    if type(place) is str and place in PLACES:
        return place
    if name == "Page Viewed":
        return "website" if user is None else "product"
    return PLACE_OF.get(name, "product")


def messages(value: bytes) -> list[Any]:
    """The messages of a record; none where it cannot be read."""
    try:
        return listed_in("batch")(load(value))
    except Refused:
        return []


SOURCE: Final = Source(
    "segment",
    "Segment",
    decode,
    PRECEDENCE,
    {kind: name for kind, name in NAMES.items() if kind != "track"},
    "none is given; the same millisecond falls back to the message id",
    "an account on calls that do not carry context.groupId; that somebody left an account: there is no call for it",
    "real SDK",
    "https://github.com/segmentio/segment-docs/blob/747b35d8f/src/connections/spec/common.md",
    (("type", "messageId"), ("type", "userId"), ("type", "anonymousId"), ("batch.0.type", "batch.0.messageId")),
    messages,
)
