"""Reading: what all JSON decoders share: bytes to a JSON value, its fields to identifiers, texts and times."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any, Final, cast

import orjson

from schemas.event import Actor, EventType, Place
from schemas.identifiers import NotAnIdentifier, identifier
from schemas.sources.outcome import Refused
from schemas.time import EARLIEST, LATEST, parse_time

Object = dict[str, Any]

_loads: Final = orjson.loads
LARGEST: Final = 1_048_576
"""Bytes. Kafka's own default limit for a record; Segment refuses above 32 KB a call, 500 KB a batch."""

GZIP: Final = b"\x1f\x8b"
"""How a gzip body begins; no JSON does."""

UNPACKED: Final = 20 * LARGEST
"""Bytes that a gzip body may come to: 20 MB is what PostHog and Amplitude take in one batch."""

DEEPEST: Final = 64
"""Levels of nesting. Far above any event, far below the 254 at which orjson refuses to write a value back."""

NEVER: Final = 2**62
"""A limit for event times where there is none."""

TYPES: frozenset[EventType] = frozenset({"track", "identify", "group", "page", "screen", "alias"})
ACTORS: frozenset[Actor] = frozenset({"user", "system", "staff"})
PLACES: frozenset[Place] = frozenset({"product", "website", "mail", "billing", "crm", "support"})

NAMES: dict[str, str] = {
    "identify": "Identified",
    "group": "Account Identified",
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "alias": "User Aliased",
}
"""Event names of the types that carry none of their own."""


def load(value: bytes | None) -> Any:
    """The JSON value of a record, out of gzip where it is in it. Raises Refused."""
    if value is None:
        raise Refused("no_value", "the record's value is null")
    if len(value) > LARGEST:
        raise Refused("too_big", f"{len(value)} bytes; at most {LARGEST} are read")
    try:
        found = _loads(value)
    except orjson.JSONDecodeError as error:
        if value.startswith(GZIP):  # looked for only here, so that plain records pay nothing for it
            return parse(gunzipped(value), DEEPEST)
        raise _unreadable(value, error) from None
    if _deeper(found, DEEPEST):
        raise Refused("too_deep", f"nested deeper than {DEEPEST} levels")
    return found


def sized(value: bytes | None) -> bytes:
    """The bytes of a record, if it has any and not too many. Raises Refused."""
    if value is None:
        raise Refused("no_value", "the record's value is null")
    if len(value) > LARGEST:
        raise Refused("too_big", f"{len(value)} bytes; at most {LARGEST} are read")
    return value


def gunzipped(value: bytes) -> bytes:
    """What a gzip body holds, at most UNPACKED bytes. Raises Refused."""
    reader = zlib.decompressobj(wbits=31)
    try:
        found = reader.decompress(value, UNPACKED)
    except zlib.error as error:
        raise Refused("bad_envelope", f"a gzip body that cannot be read: {error}") from None
    if reader.unconsumed_tail:
        raise Refused("too_big", f"more than {UNPACKED} bytes when unpacked")
    if not reader.eof:
        raise Refused("bad_envelope", "a gzip body that ends too early")
    return found


def parse(value: bytes, deepest: int) -> Any:
    """JSON as a value, nested at most so many levels deep. Raises Refused."""
    try:
        found = _loads(value)
    except orjson.JSONDecodeError as error:
        raise _unreadable(value, error) from None
    if _deeper(found, deepest):
        raise Refused("too_deep", f"nested deeper than {deepest} levels")
    return found


def _unreadable(value: bytes, error: orjson.JSONDecodeError) -> Refused:
    if "depth" in str(error) or "recursion" in str(error):  # orjson's own limit, 1,024
        return Refused("too_deep", f"nested deeper than {DEEPEST} levels")
    try:
        value.decode()
    except UnicodeDecodeError as wrong:
        return Refused("not_utf8", f"byte {wrong.start} is not UTF-8")
    return Refused("not_json", str(error))


def _deeper(value: Any, levels: int) -> bool:
    """Whether a value is nested deeper. It never looks further down than that, so it cannot run out of stack."""
    if isinstance(value, dict):  # loops, as a generator costs more than all that it looks at
        if not levels:
            return True
        for child in value.values():
            if isinstance(child, (dict, list)) and _deeper(child, levels - 1):
                return True
    elif isinstance(value, list):
        if not levels:
            return True
        for child in value:
            if isinstance(child, (dict, list)) and _deeper(child, levels - 1):
                return True
    return False


def latest(timestamp: int, max_future: int | None) -> int:
    """The latest event time (ms) to believe of a record; none (NEVER) without a Kafka timestamp, as in a file."""
    return NEVER if max_future is None or timestamp <= 0 else timestamp + max_future


def too_late(at: int, limit: int) -> Refused:
    return Refused("future", f"{(at - limit) // 1000} s later than the record's timestamp allows")


# Each getter takes what the field holds and the field's name, which it only needs for the message of a refusal: the
# caller looks the value up itself, as that is half of the cost.


def entity_id(value: Any, name: str) -> str | None:
    """The identifier in a field; None where it is missing or a placeholder."""
    try:
        return identifier(value)
    except NotAnIdentifier as error:
        raise Refused("wrong_type", f"{name} is {error}; write text or a whole number") from None


def nobody(message: Object, *names: str) -> Refused:
    """No field names anybody: a placeholder where one is given, else missing."""
    given = [name for name in names if message.get(name) is not None]
    if given:
        return Refused("placeholder_id", f"{given[0]} is a placeholder that stands for nobody")
    return Refused("missing_entity", f"none of {', '.join(names)} is given")


def object_of(value: Any, name: str) -> Object:
    """The object in a field; a new empty one where it is missing."""
    if type(value) is dict:
        return cast(Object, value)
    if value is None:
        return {}
    raise Refused("wrong_type", f"{name} is {kind_of(value)}; write an object")


def text_of(value: Any, name: str) -> str:
    """The text in a field without the space around it; empty where it is missing."""
    if type(value) is str:
        return value.strip()
    if value is None:
        return ""
    raise Refused("wrong_type", f"{name} is {kind_of(value)}; write text")


def time_of(value: Any, name: str) -> int | None:
    """The time in a field in ms; None where it is missing."""
    if value is None:
        return None
    at = parse_time(value)
    if at is None:
        raise Refused("bad_time", f"{name} is {_shown(value)}; write {_EXPECTED}")
    return at


def within(at: int, name: str) -> int:
    """A time that was computed, if it is still plausible."""
    if not EARLIEST <= at < LATEST:
        raise Refused("bad_time", f"{name} comes out at {at} ms; write {_EXPECTED}")
    return at


_EXPECTED: Final = "epoch seconds or RFC 3339, such as 2024-05-01T12:00:00.000Z, between 1990 and 2100"


def _shown(value: Any) -> str:
    if isinstance(value, (int, float)) and EARLIEST <= value < LATEST:
        return f"{value!r}, which looks like milliseconds"
    return repr(value)[:60] if isinstance(value, (str, int, float)) else kind_of(value)


def message_id(value: Any, name: str, message: Object, raw: bytes | None) -> str:
    """The event's id; where the source gives none, a hash of its bytes: the same bytes are the same event.

    `raw`: the record's value, None for an item of a batch, which is then hashed by itself.
    """
    if type(value) is str and value:
        return value
    if value is None or value == "":
        data = orjson.dumps(message, option=orjson.OPT_SORT_KEYS) if raw is None else raw
        return blake2b(data, digest_size=16).hexdigest()
    if type(value) is int:
        return str(value)
    raise Refused("wrong_type", f"{name} is {kind_of(value)}; write text")


def choice(value: Any, allowed: frozenset[Any], name: str) -> Any:
    """One of a closed list of words."""
    if type(value) is str and value in allowed:
        return value
    shown = repr(value)[:60] if type(value) is str else kind_of(value)
    raise Refused("wrong_type", f"{name} is {shown}; write one of {', '.join(sorted(allowed))}")


def kind_of(value: Any) -> str:
    """What a JSON value is, for a message."""
    return _KINDS[type(value)]


_KINDS: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list",
    dict: "an object",
}  # fmt: skip
