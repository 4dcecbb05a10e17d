"""Maxio Advanced Billing (Chargify): webhooks, which are forms and not JSON.

- all leaves are text: `true`, numbers and times too
- times in the payload are US Eastern, with an offset (`-0400`) or without one; a webhook has no time of its own
- the state before a change is told, so that a trial that converts is not mistaken for one that lapses
- ids are numbers that grow: with leading zeros they order the webhooks of one second
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.event import Event
from schemas.sources.envelope import from_form
from schemas.sources.outcome import Refused, Skipped
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.reading import Object
from schemas.sources.terms import currency, known, monthly, number, with_update
from schemas.sources.vendor import Message, Skip, Vendor
from schemas.time import parse_time

PRECEDENCE = Precedence(
    time=("payload.transaction.created_at", "payload.subscription.updated_at", "payload.customer.updated_at", RECORD),
    id=("id",),
    account=(
        "payload.subscription.customer.reference", "payload.customer.reference",
        "maxio:{payload.subscription.customer.id}", "maxio:{payload.customer.id}",
    ),
)  # fmt: skip

NAMES = {
    "customer_create": "Account Identified",
    "customer_update": "Account Identified",
    "signup_success": "Subscription Created",
    "subscription_product_change": "Subscription Updated",
    "component_allocation_change": "Subscription Updated",
    "renewal_success": "Subscription Renewed",
    "delayed_cancellation_change": "Cancellation Requested",
    "payment_success": "Invoice Paid",
    "payment_failure": "Invoice Payment Failed",
}

STATES = {
    ("trialing", "active"): "Subscription Created",
    ("trialing", "canceled"): "Trial Ended",
    ("trialing", "expired"): "Trial Ended",
    ("trialing", "trial_ended"): "Trial Ended",
    ("canceled", "active"): "Subscription Reactivated",
    ("expired", "active"): "Subscription Reactivated",
    ("trial_ended", "active"): "Subscription Created",
}
"""What a change of state means, by (before, now); any other change into canceled or expired ends the subscription."""

MAPS = {
    **NAMES,
    "signup_success, trialing": "Trial Started",
    **{f"subscription_state_change, {was} to {now}": name for (was, now), name in STATES.items()},
    "subscription_state_change, to canceled": "Subscription Ended",
}

EASTERN = ZoneInfo("America/New_York")

ID_DIGITS = 12
"""Width of a webhook's number in the event id: Maxio's are at nine digits."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|UTC|[-+]\d\d:?\d\d)?")
_TERMS = frozenset({"Subscription Created", "Subscription Updated", "Subscription Renewed", "Subscription Reactivated"})


def _read(message: Message) -> Iterator[Event]:
    own, thing = message.text("event"), message.object("payload.subscription")
    if own == "test":
        raise Skip(Skipped("test", "Maxio's trial delivery"))
    name, at = _name(own, thing), _at(message)
    customer = message.object("payload.customer") or message.object("payload.subscription.customer")
    traits = known(maxio_customer=customer.get("id"))
    event_id = message.id.rjust(ID_DIGITS, "0") if message.id.isdecimal() else message.id
    if name == "Account Identified":
        told = known(name=customer.get("organization"), billing_email=customer.get("email"))
        yield message.event(name, kind="group", traits={**told, **traits}, at=at, event_id=event_id)
        return
    for told_as, part in with_update(name):
        properties = _properties(name, message, thing)
        yield message.event(told_as, properties, traits=traits, at=at, event_id=event_id, part=part)


def _name(own: str, thing: Object) -> str:
    state = thing.get("state")
    if own == "signup_success" and state != "active":
        return "Trial Started" if state == "trialing" else own
    if own == "subscription_state_change":
        return _change(thing.get("previous_state"), state) or own
    if own == "delayed_cancellation_change" and thing.get("cancel_at_end_of_period") in ("false", False):
        return "Renewal Declined Undone"
    return NAMES.get(own, own)


def _change(was: Any, now: Any) -> str | None:
    if type(was) is str and type(now) is str and (was, now) in STATES:
        return STATES[was, now]
    return "Subscription Ended" if now in ("canceled", "expired") else None


def _at(message: Message) -> int:
    for path in PRECEDENCE.time[:-1]:
        told = message.text(path)
        if told:
            return _eastern(told, path)
    return message.at


def _eastern(told: str, path: str) -> int:
    found = _STAMP.fullmatch(told)
    zone = found[3] if found else None
    at = parse_time(f"{found[1]}T{found[2]}{'Z' if zone in (None, 'UTC') else zone}") if found else parse_time(told)
    if at is None:
        raise Refused("bad_time", f"{path} is {told[:60]!r}; write a time such as 2012-07-16 13:21:13 -0400")
    if found is None or zone is not None:
        return at
    wall = datetime.fromisoformat(f"{found[1]}T{found[2]}")
    return round(wall.replace(tzinfo=EASTERN).timestamp() * 1000)


def _properties(name: str, message: Message, thing: Object) -> Object:
    if name in _TERMS:
        return terms(thing)
    if name == "Trial Started":
        return known(plan=_plan(thing), ends_at=thing.get("trial_ended_at"))
    if name in ("Invoice Paid", "Invoice Payment Failed"):
        payment = message.object("payload.transaction")
        amount = number(payment.get("amount_in_cents"))
        return known(
            invoice=payment.get("invoice_id") or payment.get("id"), amount=None if amount is None else round(amount),
            currency=currency(thing.get("currency")),
        )  # fmt: skip
    if name in ("Subscription Ended", "Cancellation Requested", "Trial Ended"):
        return known(reason=thing.get("cancellation_message") or thing.get("cancellation_method") or None)
    return message.object("payload")


def terms(thing: Object) -> Object:
    """The terms of a subscription: its product's price; what components add is not in the webhook."""
    product = thing.get("product")
    price = product if type(product) is dict else {}
    amount = number(thing.get("product_price_in_cents") or price.get("price_in_cents"))
    cost = None if amount is None else monthly(amount, price.get("interval_unit", "month"), price.get("interval"))
    return known(
        mrr=cost, currency=currency(thing.get("currency")), plan=_plan(thing),
        renews_at=thing.get("current_period_ends_at") or None,
    )  # fmt: skip


def _plan(thing: Object) -> Any:
    product = thing.get("product")
    return (product.get("handle") or product.get("name")) if type(product) is dict else None


MAXIO = Vendor("maxio", PRECEDENCE, _read, unpack=from_form, place="billing", actor="system")

SOURCE = MAXIO.source(
    "Maxio",
    names=MAPS,
    order="times are in seconds; within one, the webhook's number, which grows",
    cannot="a person; seats and what components cost; the time of a webhook whose payload has none",
    proven="documented example",
    example="https://docs.maxio.com/hc/en-us/articles/24266136649869-Webhooks-Reference",
    signs=(("event", "id", "payload"),),
)
