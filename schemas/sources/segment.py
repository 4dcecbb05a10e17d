"""Segment: track, identify, group, page, screen and alias calls, one a record or many as `{batch: [...], sentAt}`.

After Segment's spec (common fields, group, alias, B2B SaaS). RudderStack's records have the same shape.

- time: `timestamp`, which Segment has already corrected for the clock of the device; else originalTimestamp corrected
  the same way, receivedAt - (sentAt - originalTimestamp); else originalTimestamp; else receivedAt
- account: `groupId` of a group call, `context.groupId` of every other
- place: `context.place` where it is one of ours; else product for a page that a known user saw and website for other
  pages; else what the vocabulary says of the event's name; else product. `context.actor` likewise, else user
"""

from __future__ import annotations

from typing import Any

from schemas.event import Actor, Event, Place
from schemas.sources.outcome import Decoded, Failure, Headers, Refused
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
    not_after,
    object_of,
    text_of,
    time_of,
    within,
)  # fmt: skip
from schemas.vocabulary import PLACE_OF

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
    kind: Any = message.get("type")
    if kind not in _TYPES:
        choice(kind, TYPES, "type")
    event_id = message_id(message, "messageId", raw)
    at, received_at = _times(message, envelope)
    not_after(at, limit)
    context = object_of(message if "context" in message else envelope, "context")
    name = text_of(message, "event") if kind == "track" else NAMES[kind]
    if not name:
        raise Refused("missing_name", "event is missing; a track call needs the event's name")
    user, anonymous = entity_id(message, "userId"), entity_id(message, "anonymousId")
    account = _account(message, context, kind)
    if user is None and anonymous is None and account is None:
        raise nobody(message, "userId", "anonymousId")
    properties, traits = _contents(message, context, kind)
    return Event(
        event_id, name, kind, at, user, anonymous, account, properties, traits, _actor(context),
        _place(context, name, user), received_at, "segment",
    )  # fmt: skip


_TYPES = ("track", "page", "identify", "screen", "group", "alias")  # most frequent first; `in` must not hash a list


def _times(message: Object, envelope: Object) -> tuple[int, int | None]:
    """(event time, time of receipt) in ms."""
    received = time_of(message if "receivedAt" in message else envelope, "receivedAt")
    at = time_of(message, "timestamp")
    if at is not None:
        return at, received
    original = time_of(message, "originalTimestamp")
    sent = time_of(message if "sentAt" in message else envelope, "sentAt")
    if original is not None and sent is not None and received is not None:
        return within(received - (sent - original), "the corrected originalTimestamp"), received
    at = original if original is not None else received
    if at is None:
        raise Refused("bad_time", "timestamp is missing, and so are originalTimestamp and receivedAt")
    return at, received


def _account(message: Object, context: Object, kind: str) -> str | None:
    if kind != "group":
        return entity_id(context, "groupId") if "groupId" in context else None
    account = entity_id(message, "groupId")
    if account is None:
        account = entity_id(context, "groupId")
    if account is None:
        raise nobody(message, "groupId")
    return account


def _contents(message: Object, context: Object, kind: str) -> tuple[Object, Object]:
    """(properties, traits): traits are the user's, of a group call the account's."""
    if kind == "track":
        return object_of(message, "properties"), object_of(context, "traits")
    if kind == "identify" or kind == "group":
        return {}, object_of(message, "traits")
    properties = object_of(message, "properties")
    if kind == "alias":
        previous = entity_id(message, "previousId")
        if previous is None:
            raise nobody(message, "previousId")
        if entity_id(message, "userId") is None:
            raise nobody(message, "userId")
        properties["previous_id"] = previous
    elif message.get("name") is not None:
        properties.setdefault("name", message["name"])
    return properties, object_of(context, "traits")


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
