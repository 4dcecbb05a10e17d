"""Snowplow: enriched events as TSV (131 columns) or JSON, what trackers post to a collector, and self-describing JSON.

- time: true_tstamp, which the producer vouches for; derived_tstamp, which corrects the device's clock; collector_tstamp.
  What a tracker posts has only the device's times: they are corrected by the time of the record, as a collector would
- an account is in nothing of Snowplow's own: an entity among the contexts that is called account, company … has it
- the same event_id with another fingerprint is another event of a client that makes ids twice: the first one stands
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any

from schemas.event import Event, EventType
from schemas.sources.envelope import INNER, NESTED, inner, unpacked
from schemas.sources.outcome import Headers, Refused
from schemas.sources.precedence import GROUPS, RECORD, Precedence
from schemas.sources.reading import Object, parse
from schemas.sources.snowplow_fields import COLUMNS, ENCODED, EVENTS, PROTOCOL
from schemas.sources.terms import word
from schemas.sources.vendor import Message, Vendor, alone_or_listed, page_place

PRECEDENCE = Precedence(
    time=("true_tstamp", "derived_tstamp", "collector_tstamp", "dvce_created_tstamp", RECORD),
    id=("event_id",),
    user=("user_id",),
    anonymous=("domain_userid", "network_userid"),
    account=(
        *(f"entities.{name}.id" for name in GROUPS), *(f"entities.{name}.{name}_id" for name in GROUPS),
    ),
    received=("collector_tstamp",),
    unit="ms",
)  # fmt: skip
"""`entities` are the contexts by the names of their schemas."""

NAMES = {"page_view": "Page Viewed", "screen_view": "Screen Viewed", "submit_form": "Form Submitted"}

TYPES: dict[str, EventType] = {"Page Viewed": "page", "Screen Viewed": "screen"}

_ATOMIC = (
    "page_url",
    "page_title",
    "page_referrer",
    "page_urlpath",
    "mkt_campaign",
    "mkt_source",
    "mkt_medium",
    "app_id",
)


_MISFIT = "columns"


def _unpack(value: bytes | None, headers: Headers) -> Any:
    """JSON where it is JSON, else one enriched event a line."""
    data = unpacked(value)
    if data.lstrip()[:1] in (b"{", b"["):
        return parse(data, NESTED)
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as wrong:
        raise Refused("not_utf8", f"byte {wrong.start} is not UTF-8") from None
    return [_row(line.rstrip("\r")) for line in lines if line.strip()]


def _row(line: str) -> Object:
    """An enriched event as an object, its empty columns left out; of a row that is none, how many it has."""
    cells = line.split("\t")
    if len(cells) != len(COLUMNS):
        return {_MISFIT: len(cells)}
    return {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell}


def _split(payload: Any) -> list[Any]:
    if type(payload) is dict and "payload_data" in word(payload.get("schema")) and type(payload.get("data")) is list:
        return list(payload["data"])
    return alone_or_listed(payload)


def _read(message: Message) -> Iterator[Event]:
    if _MISFIT in message.body and "event" not in message.body:
        raise Refused("bad_envelope", f"{message.body[_MISFIT]} columns; an enriched event has {len(COLUMNS)}")
    body = _atomic(message.body)
    told, name = _unstructured(body)
    message.body = {**body, "entities": _entities(body)}
    own = _own_name(body, name)
    ours = NAMES.get(own, own)
    properties = {
        **{field: body[field] for field in _ATOMIC if body.get(field) is not None},
        **_structured(body),
        **told,
    }
    if ours == "Page Viewed":
        properties |= {
            ours: body[own] for own, ours in (("page_urlpath", "path"), ("page_title", "name")) if own in body
        }
    where = page_place(ours, message.user)
    yield message.event(ours, properties, kind=TYPES.get(ours, "track"), place=where, at=_at(message))


def _atomic(body: Object) -> Object:
    """The fields of the event under their full names."""
    if "e" not in body:
        return _alone(body) if "schema" in body and "data" in body else body
    found = {PROTOCOL.get(name, name): value for name, value in body.items() if name not in ENCODED}
    found |= {full: _decoded(body[short], short) for short, full in ENCODED.items() if short in body}
    return {**found, "event": EVENTS.get(word(body["e"]), body["e"])}


def _alone(body: Object) -> Object:
    """Self-describing JSON by itself: its own fields say when and who."""
    data = body["data"]
    return {**(data if type(data) is dict else {}), "event": "unstruct", "unstruct_event": {"data": body}}


def _decoded(value: Any, name: str) -> Any:
    text = word(value)
    try:
        return parse(urlsafe_b64decode(text + "=" * (-len(text) % 4)), INNER)
    except (Error, ValueError):
        raise Refused("bad_envelope", f"{name} is no base 64") from None


def _unstructured(body: Object) -> tuple[Object, str]:
    """(the data of a self-describing event, the name of its schema)."""
    outer = inner(body.get("unstruct_event"), "unstruct_event")
    found = outer.get("data") if type(outer) is dict else None  # the outer schema only says that an event follows
    if type(found) is not dict:
        return {}, ""
    data = found.get("data")
    return (data if type(data) is dict else {}), _schema_name(found.get("schema"))


def _schema_name(schema: Any) -> str:
    """`iglu:com.acme/link_click/jsonschema/1-0-1` is called link_click."""
    parts = word(schema).removeprefix("iglu:").split("/")
    return parts[1] if len(parts) == 4 else ""


def _entities(body: Object) -> Object:
    """The contexts by the names of their schemas, the first of each."""
    contexts = inner(body.get("contexts"), "contexts")
    listed = contexts.get("data") if type(contexts) is dict else contexts
    found: Object = {}
    for entity in listed if type(listed) is list else ():
        if type(entity) is dict and type(entity.get("data")) is dict:
            found.setdefault(_schema_name(entity.get("schema")), entity["data"])
    return found


def _own_name(body: Object, schema: str) -> str:
    kind = word(body.get("event"))
    if kind in ("struct", "se"):
        return word(body.get("se_action")) or kind
    if kind == "unstruct":
        return word(body.get("event_name")) or schema or kind
    return kind or word(body.get("event_name")) or schema


def _structured(body: Object) -> Object:
    return {name.removeprefix("se_"): value for name, value in body.items() if name.startswith("se_")}


def _at(message: Message) -> int | None:
    """A tracker's own post is corrected for the device's clock by when the record was written."""
    body = message.body
    if any(body.get(name) for name in ("true_tstamp", "derived_tstamp", "collector_tstamp")):
        return None
    created, sent, record = (message.moment((way,)) for way in ("dvce_created_tstamp", "dvce_sent_tstamp", RECORD))
    if created is None or sent is None or record is None or sent < created:
        return None
    return record - (sent - created)


SNOWPLOW = Vendor("snowplow", PRECEDENCE, _read, unpack=_unpack, split=_split)

SOURCE = SNOWPLOW.source(
    "Snowplow",
    names=NAMES,
    order="none is given; the same millisecond falls back to the event_id",
    cannot="an account, unless an entity in the contexts carries it; which of two events with one event_id is the real one",
    proven="real SDK",
    example="https://github.com/snowplow/snowplow-python-analytics-sdk/blob/130a10ae/tests/test_event_transformer.py",
    signs=(
        ("event_id", "collector_tstamp"), ("e", "eid"), ("e", "tv"), ("event_id", "derived_tstamp"), ("schema", "data"),
    ),
)  # fmt: skip
