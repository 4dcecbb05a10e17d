"""HubSpot: webhook notifications, a list a request.

- eventId is documented as not unique: portal, object, subscription, property and time stand for the event, with a rank
  between, so that a creation comes before the changes that HubSpot reports for the same millisecond
- portalId is your own portal, never a customer
- a deal or a ticket names no company. Until an association tells which, it is an account of its own, `hubspot:deal:7`;
  the association is told of the company, with the deal in its traits, for the two to be linked
- the stages of your own pipelines are numbers that only you can read: closedwon and closedlost are the default pipeline's
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import Precedence
from schemas.sources.reading import Object, entity_id, kind_of
from schemas.sources.terms import known, word
from schemas.sources.vendor import Message, Skip, Vendor

PRECEDENCE = Precedence(
    time=("occurredAt",),
    id=(
        "{portalId}/{objectId}/{rank}/{subscriptionId}/{propertyName}/{occurredAt}",
        "{portalId}/{objectId}/{rank}/{subscriptionId}/{occurredAt}",
        "{portalId}/{fromObjectId}/{rank}/{subscriptionId}/{toObjectId}/{occurredAt}",
    ),
    user=("email:{email}",),
    anonymous=("hubspot:contact:{contact}",),
    account=("hubspot:{company}", "hubspot:deal:{deal}", "hubspot:ticket:{ticket}"),
    unit="ms",
)
"""`contact`, `company`, `deal`, `ticket` are objectId, by the kind of object that the subscription is about; `email` is the
propertyValue of a contact's email property."""

KINDS = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
"""Kinds of object by the objectTypeId of the generic subscriptions (`object.creation`)."""

RANKS = {"creation": "0", "deletion": "9", "merge": "8", "privacyDeletion": "9"}

NAMES = {
    "deal.creation": "Deal Opened",
    "ticket.creation": "Ticket Opened",
    "contact.propertyChange": "Identified",
    "company.creation": "Account Identified",
    "company.propertyChange": "Account Identified",
}

MAIL = ("contact", "email")

STAGES = {"closedwon": "Deal Won", "closedlost": "Deal Lost"}

MAPS = {
    **NAMES,
    "deal.propertyChange, dealstage closedwon": "Deal Won",
    "deal.propertyChange, dealstage closedlost": "Deal Lost",
    "contact.associationChange, with a company": "Account Added User",
    "contact.associationChange, with a company, removed": "Account Removed User",
    "contact.merge": "User Aliased",
}


def _read(message: Message) -> Iterator[Event]:
    kind, change = _about(message.body)
    own = f"{kind}.{change}"
    known_as = {kind: message.body.get("objectId")} if kind in KINDS.values() else {}
    mail = {"email": message.body.get("propertyValue")} if (kind, message.body.get("propertyName")) == MAIL else {}
    message.body = {**message.body, **known_as, **mail, "rank": RANKS.get(change, "1")}
    if change == "associationChange":
        yield _associated(message, own)
    elif change == "merge":
        yield from _merged(message, own, kind)
    elif kind not in KINDS.values():
        raise Skip(Skipped("nobody", f"{own} is about neither a person nor a company"))
    else:
        yield _changed(message, own, kind)


def _about(body: Object) -> tuple[str, str]:
    """(kind of object, what happened to it)."""
    kind, _, change = word(body.get("subscriptionType")).partition(".")
    return KINDS.get(word(body.get("objectTypeId")), "object") if kind == "object" else kind, change


def _changed(message: Message, own: str, kind: str) -> Event:
    field, value = word(message.body.get("propertyName")), message.body.get("propertyValue")
    name = (
        STAGES.get(word(value), own) if own == "deal.propertyChange" and field == "dealstage" else NAMES.get(own, own)
    )
    told = {field: value} if field else {}
    if name == "Account Identified":
        traits = {**told, "hubspot_company": message.entity("company")}
        return message.event(name, kind="group", traits=known(**traits))
    if name == "Identified":
        return message.event(name, kind="identify", traits=told)
    thing = {kind: message.entity(kind)}
    return message.event(name, known(**told, **thing, origin=message.body.get("changeSource")))


def _associated(message: Message, own: str) -> Event:
    """Two objects belong together, or no longer. What is not a company's is kept under HubSpot's name."""
    left, _, right = word(message.body.get("associationType")).partition("_TO_")
    ends = {left.lower(): message.entity("fromObjectId"), right.lower(): message.entity("toObjectId")}
    company, contact = ends.get("company"), ends.get("contact")
    account = None if company is None else f"hubspot:{company}"
    removed = message.body.get("associationRemoved") is True
    if account is not None and contact is not None:
        name = "Account Removed User" if removed else "Account Added User"
        return message.event(name, known(**ends), account=account, anonymous=f"hubspot:contact:{contact}")
    if account is None or removed:
        who = f"hubspot:contact:{contact}" if contact is not None else None
        return message.event(own, known(**ends), account=account or _weaker(ends), anonymous=who)
    traits = {f"hubspot_{kind}": found for kind, found in ends.items() if found is not None}
    return message.event("Account Identified", kind="group", traits=traits, account=account, anonymous=None)


def _weaker(ends: dict[str, str | None]) -> str | None:
    return next((f"hubspot:{kind}:{ends[kind]}" for kind in ("deal", "ticket") if ends.get(kind) is not None), None)


def _merged(message: Message, own: str, kind: str) -> Iterator[Event]:
    """Objects that went on as one: an event each, as each is a history of its own until it is linked."""
    merged: Any = message.body.get("mergedObjectIds")
    if type(merged) is not list:
        raise Skip(Skipped("empty", f"{own} names no merged objects: mergedObjectIds is {kind_of(merged)}"))
    primary = message.entity("primaryObjectId", "objectId")
    for item in merged:
        weaker = entity_id(item, "mergedObjectIds")
        if primary is None or weaker is None or weaker == primary:
            continue
        if kind == "contact":
            previous = {"previous_id": f"hubspot:contact:{weaker}"}
            survivor = f"hubspot:contact:{primary}"
            yield message.event("User Aliased", previous, kind="alias", anonymous=survivor, account=None, part=weaker)
        elif kind == "company":
            traits = {"hubspot_company": primary, "hubspot_merged": weaker}
            yield message.event(
                "Account Identified", kind="group", traits=traits, account=f"hubspot:{primary}", part=weaker
            )


HUBSPOT = Vendor("hubspot", PRECEDENCE, _read, place="crm", actor="staff")

SOURCE = HUBSPOT.source(
    "HubSpot",
    names=MAPS,
    order="occurredAt in ms; within one, the rank in the id: creation, change, merge, deletion",
    cannot="the company of a deal or ticket before its association; the meaning of your own pipelines' stages; amounts, "
    "unless their property is subscribed to",
    proven="documented example",
    example="https://actioner.com/help/hubspot-event-types",
    signs=(("subscriptionType", "portalId", "occurredAt"),),
)
