"""Mixpanel: import and track calls, the raw export, and updates of profiles and groups.

- `time` is in seconds or in milliseconds, as Mixpanel itself takes both: told apart by magnitude, which cannot overlap
- a distinct_id is the user's own id once $user_id says so, and the device's while it is `$device:…` or $device_id
- an event is the same when name, time, person and $insert_id are: all four are its id
- a group key is a property of the event, and may list several groups: the first one is taken
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from schemas.event import Event, EventType
from schemas.sources.envelope import from_json_lines, unpacked
from schemas.sources.outcome import Headers, Refused, Skipped
from schemas.sources.precedence import GROUPS, RECORD, Precedence
from schemas.sources.reading import Object, nobody
from schemas.sources.terms import word
from schemas.sources.vendor import Message, Skip, Vendor, page_place

_KEYS = (*GROUPS, *(f"{name}_id" for name in GROUPS))

PRECEDENCE = Precedence(
    time=("properties.time", "properties.$time", RECORD),
    id=("{event}/{properties.time}/{properties.distinct_id}/{properties.$insert_id}",),
    user=("properties.$user_id", "properties.distinct_id"),
    anonymous=("properties.$device_id",),
    account=tuple(f"properties.{key}" for key in _KEYS),
    received=("properties.mp_processing_time_ms",),
    unit="s or ms",
)

NAMES = {
    "$mp_web_page_view": "Page Viewed",
    "$identify": "Identified",
    "$create_alias": "User Aliased",
    "$merge": "User Aliased",
    "profile $set": "Identified",
    "group $set": "Account Identified",
}

DEVICE = "$device:"
"""Before a distinct_id that is a device's."""


def _unpack(value: bytes | None, headers: Headers) -> Any:
    """JSON, JSON lines, or a form whose `data` is JSON, plain or in base 64, as the clients of /track send it."""
    data = unpacked(value)
    if b"data=" not in data[:256] or data.lstrip()[:1] in (b"{", b"["):
        return from_json_lines(data)
    try:
        fields = parse_qs(data.decode(), max_num_fields=16)
        told = fields.get("data", [""])[0].encode()
        return from_json_lines(told if told[:1] in (b"{", b"[") else b64decode(told, validate=True))
    except UnicodeDecodeError as wrong:
        raise Refused("not_utf8", f"byte {wrong.start} is not UTF-8") from None
    except (Error, ValueError):
        raise Refused("bad_envelope", "a form whose data is neither JSON nor JSON in base 64") from None


def _read(message: Message) -> Iterator[Event]:
    if "$distinct_id" in message.body or "$group_key" in message.body:
        yield _profile(message)
        return
    own = message.text("event")
    properties = _people(message.object("properties"))
    message.body = {**message.body, "properties": properties}
    if own == "$identify":
        yield _identified(message, properties)
    elif own in ("$create_alias", "$merge"):
        yield _alias(message, own, properties)
    else:
        name = NAMES.get(own, own)
        kind: EventType = "page" if name == "Page Viewed" else "track"
        where = page_place(name, message.user)
        yield message.event(name, _named(properties) if kind == "page" else properties, kind=kind, place=where)


def _people(properties: Object) -> Object:
    """The properties, a device's distinct_id moved to $device_id, and of several groups the first."""
    told = {**properties, **{key: properties[key][0] for key in _KEYS if _listed(properties.get(key))}}
    person, device = told.get("distinct_id"), told.get("$device_id")
    if type(person) is str and person.startswith(DEVICE):
        told.setdefault("$device_id", person.removeprefix(DEVICE))
        return {name: value for name, value in told.items() if name != "distinct_id"}
    if person is not None and person == device:
        return {name: value for name, value in told.items() if name != "distinct_id"}
    return told


def _listed(value: Any) -> bool:
    return type(value) is list and len(value) > 0


def _named(properties: Object) -> Object:
    path, title = properties.get("current_url_path"), properties.get("current_page_title")
    return {"path": path, "name": title, **properties} if path or title else properties


def _identified(message: Message, properties: Object) -> Event:
    """The call that links a device to a user names both."""
    user = message.entity("properties.$identified_id", *PRECEDENCE.user)
    anonymous = message.entity("properties.$anon_id", *PRECEDENCE.anonymous)
    return message.event("Identified", properties, kind="identify", user=user, anonymous=anonymous)


def _alias(message: Message, own: str, properties: Object) -> Event:
    """$create_alias makes `alias` another name of distinct_id, which goes on; $merge names the two in a list."""
    ways = ("properties.alias", "properties.distinct_id") if own == "$create_alias" else (
        "properties.$distinct_ids.1", "properties.$distinct_ids.0",
    )  # fmt: skip
    previous, user = (message.entity(way) for way in ways)
    if previous is None or user is None:
        raise nobody(properties, "alias", "distinct_id", "$distinct_ids")
    return message.event(
        "User Aliased", {**properties, "previous_id": previous}, kind="alias", user=user, anonymous=None, actor="system"
    )


def _profile(message: Message) -> Event:
    """An update of a profile: of a person, or of a group."""
    body = message.body
    traits: Object = {}
    for operation in ("$set_once", "$set"):
        told = body.get(operation)
        traits |= told if type(told) is dict else {}
    named = {name.removeprefix("$"): value for name, value in traits.items()}  # $email, $name: Mixpanel's own
    at = message.moment(("$time", RECORD))
    if at is None:
        raise Refused("bad_time", "$time is missing")
    if "$group_key" not in body:
        return message.event("Identified", kind="identify", traits=named, at=at, user=message.entity("$distinct_id"))
    if word(body["$group_key"]) not in _KEYS:
        raise Skip(Skipped("other_group", f"a group of the key {str(body['$group_key'])[:60]!r}, which is no account"))
    return message.event(
        "Account Identified", kind="group", traits=named, at=at, account=message.entity("$group_id"), actor="system"
    )


MIXPANEL = Vendor("mixpanel", PRECEDENCE, _read, unpack=_unpack)

SOURCE = MIXPANEL.source(
    "Mixpanel",
    names=NAMES,
    order="none is given; the same second falls back to the id, which begins with the event's name",
    cannot="the zone of `time` in exports of old projects, which is the project's; the second of two groups on one event",
    proven="real SDK",
    example="https://github.com/mixpanel/docs/blob/15005149/reference/import-events.mdx",
    signs=(
        ("event", "properties.$insert_id"), ("event", "properties.time", "properties.distinct_id"),
        ("event", "properties.token"), ("$distinct_id", "$token"), ("$group_key", "$token"),
    ),
)  # fmt: skip
