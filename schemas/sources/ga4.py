"""Google Analytics 4: Measurement Protocol calls, and rows of the BigQuery export, which is 360's export too.

- all times are microseconds, as numbers or as text
- a call has no event id: the same content is the same event. A row's id is put together from its person, time and place
  in the batch, which are the same in the intraday and in the daily table: a row loaded from both is one event
- events of one batch share a timestamp: page, ordering and index of the batch, with leading zeros in the id, order them
- parameters of a row are a list of {key, value{string_value, int_value, …}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event, EventType
from schemas.sources.envelope import from_json_lines
from schemas.sources.outcome import Refused
from schemas.sources.precedence import GROUPS, RECORD, Precedence
from schemas.sources.reading import Object, kind_of
from schemas.sources.vendor import Message, Source, Vendor, page_place, within

_KEYS = ("account_id", "company_id", "group_id", *GROUPS)

PRECEDENCE = Precedence(
    time=("timestamp_micros", "params.timestamp_micros", "event_timestamp", RECORD),
    id=(
        "{user_pseudo_id}/{event_timestamp}/{order}/{event_name}",
        "{user_pseudo_id}/{event_timestamp}/{event_bundle_sequence_id}/{event_name}",
    ),
    user=("user_id",),
    anonymous=("client_id", "app_instance_id", "user_pseudo_id"),
    account=(*(f"params.{key}" for key in _KEYS), *(f"traits.{key}" for key in _KEYS)),
    unit="us",
)  # fmt: skip
"""`params` and `traits` are event_params and user_properties as plain objects; `order` the place in the batch."""

NAMES = {
    "page_view": "Page Viewed",
    "screen_view": "Screen Viewed",
    "sign_up": "Signed Up",
    "login": "Signed In",
    "generate_lead": "Form Submitted",
    "form_submit": "Form Submitted",
}

TYPES: dict[str, EventType] = {"Page Viewed": "page", "Screen Viewed": "screen"}

AUTOMATIC = frozenset({"session_start", "first_visit", "first_open", "app_remove", "os_update", "app_update"})
"""What the tag sends by itself."""

_VALUES = ("string_value", "int_value", "double_value", "float_value")
_PLACE = ("batch_page_id", "batch_ordering_id", "batch_event_index")

DIGITS = 13
"""Width of a place in the id: batch_page_id is a time in ms."""


def _read(message: Message) -> Iterator[Event]:
    body = message.body
    params, traits = _plain(body.get("params", body.get("event_params"))), _plain(body.get("user_properties"))
    places = [str(body[name]).zfill(DIGITS) for name in _PLACE if type(body.get(name)) in (int, str)]
    message.body = {**body, "params": params, "traits": traits, "order": "-".join(places) or None}
    own = message.text("name") or message.text("event_name")
    name = NAMES.get(own, own)
    where = page_place(name, message.user)
    if name == "Page Viewed" and type(params.get("page_title")) is str:
        params = {"name": params["page_title"], **params}
    actor = "system" if own in AUTOMATIC else "user"
    yield message.event(name, params, kind=TYPES.get(name, "track"), traits=traits, place=where, actor=actor)  # type: ignore[arg-type]


def _plain(told: Any) -> Object:
    """Parameters as an object, from any of the three forms: an object, {name: {value}}, or the list of a row."""
    if type(told) is dict:
        return {
            name: value["value"] if type(value) is dict and "value" in value else value for name, value in told.items()
        }
    if type(told) is list:
        pairs = [item for item in told if type(item) is dict and type(item.get("key")) is str]
        return {item["key"]: _value(item.get("value")) for item in pairs}
    if told is None:
        return {}
    raise Refused("wrong_type", f"parameters are {kind_of(told)}; write an object, or a list of keys and values")


def _value(told: Any) -> Any:
    if type(told) is not dict:
        return told
    return next((told[name] for name in _VALUES if told.get(name) is not None), None)


def _source(name: str, title: str, signs: tuple[tuple[str, ...], ...]) -> Source:
    lent = ("client_id", "app_instance_id", "user_id", "timestamp_micros", "user_properties")
    vendor = Vendor(name, PRECEDENCE, _read, unpack=from_json_lines, split=within("events", *lent), place="website")
    return vendor.source(
        title,
        names=NAMES,
        order="batch_page_id, batch_ordering_id and batch_event_index, in the id; of calls none",
        cannot="an id of a call's events; the account, unless a parameter carries it; rows that are amended for three days",
        proven="documented example",
        example="https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events",
        signs=signs,
    )


SOURCE = _source(
    "ga4", "Google Analytics 4",
    (("client_id", "name"), ("app_instance_id", "name"), ("event_name", "event_timestamp"), ("event_name", "user_pseudo_id")),
)  # fmt: skip

SOURCE_360 = _source("ga360", "Google Analytics 360", ())
