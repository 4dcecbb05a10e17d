"""Baremetrics: the objects of its API (subscriptions, charges, customers), as a poller writes them; it sends no webhooks.

- a subscription is read again and again while it lives: it is the beginning at started_at and, once it has canceled_at,
  the end. Both have ids that do not change, so that a second reading adds nothing
- `oid` is the id in the billing system; one of Stripe's is marked so
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event
from schemas.sources.chartmogul import with_stripe
from schemas.sources.precedence import Precedence
from schemas.sources.reading import Object
from schemas.sources.terms import currency, known, monthly, number
from schemas.sources.vendor import Message, Vendor, alone_or_listed, within

PRECEDENCE = Precedence(
    time=("canceled_at", "started_at", "created"),
    id=("{source_id}/{oid}", "oid"),
    account=("stripe:{customer.stripe_customer}", "customer.oid", "customer_oid"),
)

NAMES = {
    "customer": "Account Identified",
    "subscription, started_at": "Subscription Created",
    "subscription, canceled_at": "Subscription Ended",
    "charge": "Invoice Paid",
}

_LISTS = ("subscriptions", "charges", "customers")


def _split(payload: Any) -> list[Any]:
    if type(payload) is dict:
        for name in _LISTS:
            if name in payload:
                return within(name)(payload)
            if len(payload) == 1 and name[:-1] in payload:  # {"subscription": {…}}, as one object is answered
                return [payload[name[:-1]]]
    return alone_or_listed(payload)


def _read(message: Message) -> Iterator[Event]:
    customer = message.object("customer")
    if not customer:
        own = message.body.get("customer_oid", None if "plan" in message.body else message.body.get("oid"))
        customer = {"oid": own} if own is not None else {}
    message.body = {**message.body, "customer": with_stripe(customer, "oid")}
    traits = known(stripe_customer=message.entity("customer.stripe_customer"))
    if "started_at" in message.body or "canceled_at" in message.body:
        yield from _subscription(message, traits)
    elif "amount" in message.body:
        yield message.event("Invoice Paid", _charge(message), traits=traits)
    elif "oid" in message.body:
        told = known(name=message.body.get("name"), billing_email=message.body.get("email"))
        yield message.event("Account Identified", kind="group", traits={**told, **traits})


def _subscription(message: Message, traits: Object) -> Iterator[Event]:
    started, ended = message.moment(("started_at",)), message.moment(("canceled_at",))
    if started is not None:
        yield message.event("Subscription Created", _terms(message), traits=traits, at=started, part="started")
    if ended is not None:
        reason = known(reason=message.body.get("canceled_reason"))
        yield message.event("Subscription Ended", reason, traits=traits, at=ended, part="canceled")


def _terms(message: Message) -> Object:
    plan = message.object("plan")
    amount, quantity = number(message.look("plan.amounts.0.amount")), number(message.look("quantity"))
    cost = None if amount is None else monthly(
        amount * (1 if quantity is None else quantity), plan.get("interval"), plan.get("interval_count")
    )  # fmt: skip
    return known(
        mrr=cost, currency=currency(message.look("plan.amounts.0.currency")), plan=plan.get("oid"),
        seats=None if quantity is None else round(quantity),
    )  # fmt: skip


def _charge(message: Message) -> Object:
    amount = number(message.look("amount"))
    return known(
        invoice=message.look("oid"), amount=None if amount is None else round(amount),
        currency=currency(message.look("currency")),
    )  # fmt: skip


BAREMETRICS = Vendor("baremetrics", PRECEDENCE, _read, split=_split, place="billing", actor="system")

SOURCE = BAREMETRICS.source(
    "Baremetrics",
    names=NAMES,
    order="none is given; of one subscription the beginning comes before the end by their times",
    cannot="changes of a subscription, trials, cancellation requests, renewals: its objects have only a beginning and an end",
    proven="own reading",
    example="https://developers.baremetrics.com/reference/quick-start",
    signs=(
        ("oid", "source_id"),
        ("subscription.oid",),
        ("subscriptions.0.oid",),
        ("charges.0.oid",),
        ("customers.0.oid",),
    ),
)
