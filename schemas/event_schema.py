"""The JSON Schema of an event in our own JSON: what a team writes to a topic of source `canonical`, and what is on `events`."""

from __future__ import annotations

from typing import Any, get_args

from schemas.event import Actor, EventType, Place
from schemas.shape import DRAFT

Object = dict[str, Any]

_TIME = {"type": ["number", "string"], "description": "epoch seconds (a fraction is milliseconds) or RFC 3339"}
_ID = {"type": ["string", "integer", "null"]}

_FIELDS: dict[str, Object] = {
    "id": {
        **_ID,
        "description": "of the event; without one, a hash of the bytes: the same line sent twice is one event",
    },
    "event": {"type": ["string", "null"], "description": "its name; may be missing where `type` is not track"},
    "type": {"enum": list(get_args(EventType)), "description": "track unless told"},
    "at": {**_TIME, "description": f"when it happened: {_TIME['description']}"},
    "user": {**_ID, "description": "the known user"},
    "anonymous": {**_ID, "description": "a device or visitor, where the user is not known"},
    "account": {**_ID, "description": "the account it is about, or the account of the user"},
    "properties": {"type": ["object", "null"], "description": "what belongs to the event"},
    "traits": {"type": ["object", "null"], "description": "of the user; of the account where `type` is group"},
    "actor": {"enum": [*get_args(Actor), None], "description": "user unless told"},
    "place": {"enum": [*get_args(Place), None], "description": "without one, what the vocabulary says of the name"},
    "received_at": {"type": ["number", "string", "null"], "description": "when it reached its collector"},
    "source": {"type": ["string", "null"], "description": "the system that it came from"},
}


def event_schema() -> Object:
    """One object: an event, or a promise of a watermark. Unknown fields are passed over."""
    somebody = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
        for name in ("user", "anonymous", "account")
    ]
    event = {"required": ["at"], "properties": {name: _FIELDS[name] for name in _FIELDS}, "anyOf": somebody}
    return {
        "$schema": DRAFT,
        "$id": "urn:journeys:schema:event",
        "title": "Event",
        "description": "An event in our own JSON, or {type: watermark, at}: nothing earlier follows on this partition.",
        "type": "object",
        "if": {"required": ["type"], "properties": {"type": {"const": "watermark"}}},
        "then": {"required": ["at"], "properties": {"at": _TIME}},
        "else": event,
    }
