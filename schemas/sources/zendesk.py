"""Zendesk: webhook events of tickets, users and organisations.

- `account_id` is your own Zendesk, never a customer; the customer is the organisation
- ids are text, and `0` is nobody
- one act can be several events with the same time: meta.sequence.position orders them, in the milliseconds of the second.
  Zendesk does not guarantee it; nothing else tells more
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import Precedence
from schemas.sources.terms import known, number, ranked, word
from schemas.sources.vendor import Message, Skip, Vendor

PRECEDENCE = Precedence(
    time=("time",),
    id=("id",),
    user=("user.external_id", "email:{user.email}"),
    anonymous=("zendesk:{user.id}", "zendesk:{detail.requester_id}"),
    account=("organization.external_id", "zendesk:{organization.id}", "zendesk:{detail.organization_id}"),
)
"""`user` and `organization` are the detail of an event that is about one."""

NAMES = {
    "ticket.created": "Ticket Opened",
    "ticket.status_changed": "Ticket Solved",
    "user.created": "Identified",
    "organization.created": "Account Identified",
}

MAPS = {
    **{own: name for own, name in NAMES.items() if own != "ticket.status_changed"},
    "ticket.status_changed, to solved": "Ticket Solved",
    "user.*_changed": "Identified",
    "organization.*_changed": "Account Identified",
}

PREFIX = "zen:event-type:"

LAST = 999
"""The highest position that fits into a second."""


def _read(message: Message) -> Iterator[Event]:
    own = message.text("type").removeprefix(PREFIX)
    domain = own.partition(".")[0]
    detail = message.object("detail")
    if domain in ("user", "organization"):
        message.body = {**message.body, domain: detail}
    at = ranked(message.at, _position(message))
    if domain == "organization":
        traits = known(name=detail.get("name"), zendesk_organization=message.entity("detail.id"))
        yield message.event("Account Identified", kind="group", traits=traits, at=at, actor="staff")
    elif domain == "user":
        traits = known(name=detail.get("name"), email=detail.get("email"), zendesk_role=detail.get("role"))
        yield message.event(_person(own), kind="identify", traits=traits, at=at, actor="staff")
    elif domain == "ticket":
        yield _ticket(message, own, at)
    else:
        raise Skip(Skipped("nobody", f"{own or 'an event'} is about no customer"))


def _position(message: Message) -> int:
    position = number(message.look("event.meta.sequence.position"))
    return 0 if position is None else min(max(0, round(position)), LAST)


def _person(own: str) -> str:
    return "Identified" if own.endswith(("created", "_changed")) else own


def _ticket(message: Message, own: str, at: int) -> Event:
    detail = message.object("detail")
    name = own
    if own == "ticket.created":
        name = "Ticket Opened"
    elif own == "ticket.status_changed" and word(message.look("event.current")).lower() == "solved":
        name = "Ticket Solved"
    told = {"previous": message.look("event.previous"), "current": message.look("event.current")} if name == own else {}
    properties = known(ticket=detail.get("id"), severity=detail.get("priority"), status=detail.get("status"), **told)
    staff = own != "ticket.created" or message.look("detail.submitter_id") != message.look("detail.requester_id")
    return message.event(name, properties, at=at, actor="staff" if staff else "user")


ZENDESK = Vendor("zendesk", PRECEDENCE, _read, place="support")

SOURCE = ZENDESK.source(
    "Zendesk",
    names=MAPS,
    order="`time`; within one second, meta.sequence.position, which Zendesk does not guarantee",
    cannot="the e-mail or your own id of a ticket's requester: the ticket names Zendesk's id alone",
    proven="documented example",
    example="https://developer.zendesk.com/api-reference/webhooks/event-types/webhook-event-types/",
    signs=(("type", "zendesk_event_version"), ("type", "account_id", "detail", "event")),
)
