"""ThriveStack: track, identify and group calls, a list a request.

- which call it is follows from its fields: event_name is a track, group_id beside traits a group, traits alone an identify
- `context.source` splits product from marketing, which is our place
- no call has an id: the same content is the same event
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event, EventType, Place
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.vendor import Message, Vendor, page_place

PRECEDENCE = Precedence(
    time=("timestamp", RECORD),
    user=("user_id",),
    anonymous=("context.device_id",),
    account=("group_id", "context.group_id"),
)

NAMES = {
    "page_visit": "Page Viewed",
    "form_submit": "Form Submitted",
    "signed_up": "Signed Up",
    "account_created": "Account Created",
    "account_added_user": "Account Added User",
    "account_invite_sent": "Invite Sent",
    "feature_used": "Feature Used",
}

_TRAITS = {"account_name": "name", "account_domain": "domain", "group_name": "name", "group_domain": "domain"}
"""Its names for what an account is called and where its people have their mail, and ours."""


def _read(message: Message) -> Iterator[Event]:
    own, place = message.text("event_name"), _place(message)
    if own:
        name = NAMES.get(own, own)
        kind: EventType = "page" if name == "Page Viewed" else "track"
        where = place or page_place(name, message.user)
        yield message.event(name, message.object("properties"), kind=kind, place=where)
    elif message.look("group_id") is not None:
        traits = {_TRAITS.get(name, name): value for name, value in message.object("traits").items()}
        yield message.event("Account Identified", kind="group", traits=traits)
    elif message.look("traits") is not None:
        yield message.event("Identified", kind="identify", traits=message.object("traits"))


def _place(message: Message) -> Place | None:
    """Where the call itself says it comes from; a client may name both, which says nothing."""
    told = message.look("context.source")
    return {"product": "product", "marketing": "website"}.get(told) if type(told) is str else None  # type: ignore[return-value]


THRIVESTACK = Vendor("thrivestack", PRECEDENCE, _read)

SOURCE = THRIVESTACK.source(
    "ThriveStack",
    names=NAMES,
    order="none is given; the same millisecond falls back to the hash of the content",
    cannot="an event id, so that a call repeated with the same content and time counts once",
    proven="own reading",
    example="https://docs.app.thrivestack.ai/public/api/track.html",
    signs=(
        ("event_name", "properties", "context"),
        ("group_id", "traits", "timestamp"),
        ("user_id", "traits", "timestamp"),
    ),
)
