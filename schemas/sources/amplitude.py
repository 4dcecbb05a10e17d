"""Amplitude: HTTP V2 and batch calls, and rows of its export.

- times of calls are in ms; times of the export are text without a zone, which is UTC
- (device_id, insert_id) is the event's id in calls and export alike; uuid is the export's alone, and comes second
- `groups` names the account by the type of group, and may list several: the first one is taken
- user_properties of calls are operations ($set, $setOnce), of the export plain values
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event, EventType
from schemas.sources.envelope import from_json_lines
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import GROUPS, RECORD, Precedence
from schemas.sources.reading import Object
from schemas.sources.vendor import Message, Skip, Vendor, page_place, within

_IDS = ("insert_id", "$insert_id")

PRECEDENCE = Precedence(
    time=("time", "event_time", "client_event_time", "server_upload_time", RECORD),
    id=(
        *(f"{{device_id}}/{{{name}}}" for name in _IDS), *(f"{{user_id}}/{{{name}}}" for name in _IDS), "uuid",
    ),
    user=("user_id",),
    anonymous=("device_id",),
    account=tuple(f"groups.{name}" for name in GROUPS),
    received=("server_received_time", "server_upload_time"),
    unit="ms",
)  # fmt: skip

NAMES = {
    "$identify": "Identified",
    "$groupidentify": "Account Identified",
    "[Amplitude] Page Viewed": "Page Viewed",
    "[Amplitude] Screen Viewed": "Screen Viewed",
    "[Amplitude] Form Submitted": "Form Submitted",
}

TYPES: dict[str, EventType] = {
    "Identified": "identify",
    "Account Identified": "group",
    "Page Viewed": "page",
    "Screen Viewed": "screen",
}

_OPERATIONS = ("$setOnce", "$set", "$add", "$append", "$prepend", "$preInsert", "$postInsert", "$unset", "$remove")


def _read(message: Message) -> Iterator[Event]:
    own = message.text("event_type")
    groups = {name: _first(value) for name, value in message.object("groups").items()}
    message.body = {**message.body, "groups": groups}
    name = NAMES.get(own, own)
    kind = TYPES.get(name, "track")
    if kind == "group":
        yield _group(message, groups)
    else:
        traits, user = _set(message.object("user_properties")), message.user
        properties = message.object("event_properties")
        if kind == "page" and type(properties.get("[Amplitude] Page Path")) is str:
            properties = {"path": properties["[Amplitude] Page Path"], **properties}
        where = page_place(name, user)
        yield message.event(name, properties, kind=kind, traits=traits, place=where)


def _first(value: object) -> object:
    return value[0] if type(value) is list and value else None if value == [] else value


def _group(message: Message, groups: Object) -> Event:
    if message.account is None and groups:
        raise Skip(Skipped("other_group", f"a group of the type {next(iter(groups))[:60]!r}, which is no account"))
    traits = _set(message.object("group_properties"))
    return message.event("Account Identified", kind="group", traits=traits, user=None, anonymous=None, actor="system")


def _set(properties: Object) -> Object:
    """The values that operations set; properties that are no operations as they are."""
    found = {name: value for name, value in properties.items() if name not in _OPERATIONS}
    for operation in ("$setOnce", "$set"):
        told = properties.get(operation)
        found |= told if type(told) is dict else {}
    return found


AMPLITUDE = Vendor("amplitude", PRECEDENCE, _read, unpack=from_json_lines, split=within("events"))

SOURCE = AMPLITUDE.source(
    "Amplitude",
    names=NAMES,
    order="none is given; the same millisecond falls back to the id",
    cannot="a group on events that do not carry it: Amplitude's groups stay on the event; what $add and $append come to",
    proven="real SDK",
    example="https://amplitude.com/docs/api/content/apis/analytics/http-api-quickstart",
    signs=(
        ("event_type", "user_id"), ("event_type", "device_id"), ("event_type", "amplitude_id"), ("event_type", "insert_id"),
        ("event_type", "time"), ("event_type", "uuid", "event_time"), ("events.0.event_type",),
    ),
)  # fmt: skip
