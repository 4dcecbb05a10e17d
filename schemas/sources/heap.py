"""Heap: track and property calls, and rows of Connect: events, users and user_migrations.

- `identity` is your own id of a person; `user_id` is Heap's number, of up to 2^53 - 1, and prefixed
- a migration says that one Heap user went on as another: it is an alias, to be known before anything is summed up
- what a row is about follows from its fields, as a row does not name its table
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event, EventType
from schemas.sources.envelope import from_json_lines
from schemas.sources.precedence import GROUPS, RECORD, Precedence
from schemas.sources.reading import Object, nobody
from schemas.sources.vendor import Message, Vendor, page_place, within

PRECEDENCE = Precedence(
    time=("timestamp", "time", "joindate", "join_date", RECORD),
    id=("idempotency_key", "event_id"),
    user=("identity", "email:{email}"),
    anonymous=("heap:{user_id}",),
    account=("account_id", "properties.account_id", *(f"properties.{name}" for name in GROUPS)),
)

NAMES = {
    "pageview": "Page Viewed",
    "pageviews": "Page Viewed",
    "user_migrations": "User Aliased",
    "users": "Identified",
}

_NAMED = ("event", "event_table_name", "event_name")


def _read(message: Message) -> Iterator[Event]:
    body = message.body
    own = next((message.text(field) for field in _NAMED if message.text(field)), "")
    if "from_user_id" in body and "to_user_id" in body:
        yield _migration(message)
    elif own:
        name = NAMES.get(own, own)
        kind: EventType = "page" if name == "Page Viewed" else "track"
        yield message.event(name, _properties(message), kind=kind, place=page_place(name, message.user))
    elif "event_id" in body and "path" in body:
        yield message.event("Page Viewed", _row(body), kind="page", place=page_place("Page Viewed", message.user))
    elif "account_id" in body and "properties" in body:
        yield message.event("Account Identified", kind="group", traits=message.object("properties"), actor="system")
    elif "event_id" not in body and ("identity" in body or "email" in body):
        traits = message.object("properties") or _row(body)
        yield message.event("Identified", kind="identify", traits=traits)


def _migration(message: Message) -> Event:
    survivor, gone = message.entity("heap:{to_user_id}"), message.entity("heap:{from_user_id}")
    if survivor is None or gone is None:
        raise nobody(message.body, "to_user_id" if survivor is None else "from_user_id")
    previous = {"previous_id": gone}
    return message.event(
        "User Aliased", previous, kind="alias", user=None, anonymous=survivor, account=None, actor="system"
    )


def _properties(message: Message) -> Object:
    return message.object("properties") or _row(message.body)


def _row(body: Object) -> Object:
    """The columns of a row that say something of it, not who and when."""
    left_out = ("user_id", "identity", "event_id", "time", "app_id", "idempotency_key", "timestamp")
    return {name: value for name, value in body.items() if name not in left_out and value is not None}


def _split(payload: Any) -> list[Any]:
    """A bulk call has its list under `events` or, where it is of properties, under `users`."""
    field = "users" if type(payload) is dict and "users" in payload else "events"
    return within(field, "app_id")(payload)


HEAP = Vendor("heap", PRECEDENCE, _read, unpack=from_json_lines, split=_split)

SOURCE = HEAP.source(
    "Heap",
    names=NAMES,
    order="none is given; the same millisecond falls back to the id",
    cannot="an id of calls without idempotency_key; rows of sessions, which are no events",
    proven="real SDK",
    example="https://github.com/heap/heap-ruby/blob/029573a2404e95c51ee728e1a074423b1295571f/test/client_track_test.rb",
    signs=(
        ("app_id", "event", "identity"), ("app_id", "event", "user_id"), ("from_user_id", "to_user_id"),
        ("event_id", "session_id", "user_id", "time"), ("app_id", "identity", "properties"),
    ),
)  # fmt: skip
