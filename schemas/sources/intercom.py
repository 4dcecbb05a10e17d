"""Intercom: webhook notifications of conversations, tickets, contacts and companies.

- a contact of the role `lead` has an id that Intercom made up: an anonymous person. A user's external_id is your own id
- created_at is in whole seconds and deliveries of a paused subscription come late: the milliseconds carry a rank, so that
  a conversation is opened before it is answered and closed last
- the shape of the item varies with the topic and the API version: `user` until 2.0, `contacts` since
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Actor, Event
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import Precedence, look
from schemas.sources.reading import Object
from schemas.sources.terms import known, ranked, word
from schemas.sources.vendor import Message, Skip, Vendor

PRECEDENCE = Precedence(
    time=("created_at", "first_sent_at"),
    id=("id",),
    user=("person.external_id", "person.user_id", "email:{person.email}"),
    anonymous=("intercom:{person.id}",),
    account=("company.company_id", "intercom:{company.id}"),
)
"""`person` and `company` are the contact and the company of the item, wherever the topic has them."""

NAMES = {
    "conversation.user.created": "Ticket Opened",
    "ticket.created": "Ticket Opened",
    "conversation.admin.closed": "Ticket Solved",
    "ticket.closed": "Ticket Solved",
    "company.contact.attached": "Account Added User",
    "company.contact.detached": "Account Removed User",
}

MAPS = {**NAMES, "user.*, contact.*": "Identified", "company.*": "Account Identified"}

RANKS = (("created", 0), ("replied", 300), ("attached", 400), ("closed", 900), ("detached", 950), ("deleted", 990))
"""What comes first within a second, by the end of the topic; 500 for all others."""

_PEOPLE = ("contact", "user", "contacts.contacts.0", "contacts.data.0", "source.author")
_COMPANIES = ("company", "companies.data.0", "companies.companies.0", "user.companies.data.0")


def _read(message: Message) -> Iterator[Event]:
    topic, item = message.text("topic"), message.object("data.item")
    if topic == "ping" or item.get("type") == "ping":
        raise Skip(Skipped("test", "Intercom's trial delivery"))
    message.body = {**message.body, "person": _person(item), "company": _company(item)}
    if topic.startswith("admin.") or (message.user is None and message.anonymous is None and message.account is None):
        raise Skip(Skipped("nobody", f"{topic or 'a notification'} names neither a person nor a company"))
    at = ranked(message.at, next((rank for end, rank in RANKS if topic.endswith(end)), 500))
    kind, name = topic.partition(".")[0], NAMES.get(topic, topic)
    if name == topic and kind == "company":
        traits = {**_object(item, "custom_attributes"), **known(name=item.get("name"), intercom_company=item.get("id"))}
        yield message.event(
            "Account Identified", kind="group", traits=traits, at=at, user=None, anonymous=None, actor="staff"
        )
    elif name == topic and kind in ("contact", "user"):
        yield message.event(_identified(topic), kind="identify", traits=_traits(message), at=at)
    else:
        told = known(ticket=item.get("id"), state=item.get("state"), priority=item.get("priority"))
        yield message.event(name, told, traits=_traits(message), at=at, actor=_actor(topic))


def _identified(topic: str) -> str:
    return topic if topic.endswith(("deleted", "archive", "archived", "unsubscribed")) else "Identified"


def _actor(topic: str) -> Actor:
    return "staff" if ".admin." in topic else "user"


def _person(item: Object) -> Object:
    """The contact of an item; a lead's own id is Intercom's invention and left out."""
    kind = item.get("type")
    found = item if kind in ("contact", "user", "lead") else None
    for path in _PEOPLE:
        found = look(item, path) if type(found) is not dict else found
    if type(found) is not dict or found.get("type") in ("admin", "bot", "team"):
        return {}
    if "lead" in (found.get("role"), found.get("type")):
        return {name: value for name, value in found.items() if name not in ("external_id", "user_id")}
    return found


def _company(item: Object) -> Object:
    found = item if item.get("type") == "company" and "company_id" in item else None
    for path in _COMPANIES:
        found = look(item, path) if type(found) is not dict else found
    return found if type(found) is dict else {}


def _traits(message: Message) -> Object:
    person = message.object("person")
    own = _object(person, "custom_attributes")
    return {
        **own,
        **known(email=person.get("email"), name=person.get("name"), intercom_role=word(person.get("role")) or None),
    }


def _object(table: Object, name: str) -> Object:
    found = table.get(name)
    return found if type(found) is dict else {}


INTERCOM = Vendor("intercom", PRECEDENCE, _read, place="support")

SOURCE = INTERCOM.source(
    "Intercom",
    names=MAPS,
    order="created_at is in seconds; within one, a rank by the topic: created, replied, closed, deleted",
    cannot="the account of a conversation whose contact comes without its companies",
    proven="documented example",
    example="https://github.com/hull/hull-connectors/blob/master/packages/connectors/hull-intercom/test/unit/purplefusion/"
    "fixtures/webhook-conversation-admin-closed.js",
    signs=(("type=notification_event", "topic"), ("type=notification_event", "data.item")),
)
