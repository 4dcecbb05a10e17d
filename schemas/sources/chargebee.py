"""Chargebee: webhook events of subscriptions, invoices and customers.

- `content` holds other objects for each event type; the customer is looked for in all of them
- `occurred_at` is in whole seconds; `resource_version` of the object is its time of change in ms and, within the same
  second, orders the events of one subscription
- an event does not say what a subscription cost before: subscription_changed is an update, not an upgrade
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import Precedence, look
from schemas.sources.reading import Object
from schemas.sources.terms import currency, known, monthly, number, with_update
from schemas.sources.vendor import Message, Skip, Vendor

_THINGS = ("subscription", "invoice", "transaction", "credit_note")

PRECEDENCE = Precedence(
    time=("occurred_at",),
    id=("id",),
    user=("content.customer.meta_data.user_id",),
    account=(
        "content.customer.meta_data.account_id", "content.subscription.meta_data.account_id", "chargebee:{content.customer.id}",
        *(f"chargebee:{{content.{thing}.customer_id}}" for thing in _THINGS),
    ),
)  # fmt: skip

NAMES = {
    "customer_created": "Account Identified",
    "customer_changed": "Account Identified",
    "subscription_created": "Subscription Created",
    "subscription_activated": "Subscription Created",
    "subscription_changed": "Subscription Updated",
    "subscription_renewed": "Subscription Renewed",
    "subscription_cancellation_scheduled": "Cancellation Requested",
    "subscription_scheduled_cancellation_removed": "Renewal Declined Undone",
    "subscription_cancelled": "Subscription Ended",
    "subscription_reactivated": "Subscription Reactivated",
    "payment_succeeded": "Invoice Paid",
    "payment_failed": "Invoice Payment Failed",
}

MAPS = {
    **NAMES,
    "subscription_created, in_trial": "Trial Started",
    "subscription_cancelled, in its trial": "Trial Ended",
}

_TERMS = frozenset({"Subscription Created", "Subscription Updated", "Subscription Renewed", "Subscription Reactivated"})


def _read(message: Message) -> Iterator[Event]:
    own = message.text("event_type")
    thing = message.object("content.subscription")
    if message.account is None and not any(look(message.body, f"content.{t}") for t in ("customer", *_THINGS)):
        raise Skip(Skipped("nobody", f"{own or 'an event'} is about no customer"))
    name, at = _name(own, thing), _at(message)
    traits = known(chargebee_customer=message.entity("content.customer.id", "content.subscription.customer_id"))
    if name == "Account Identified":
        yield message.event(
            name, kind="group", traits={**_customer(message.object("content.customer")), **traits}, at=at
        )
        return
    for told, part in with_update(name):
        yield message.event(told, _properties(name, message, thing), traits=traits, at=at, part=part)


def _name(own: str, thing: Object) -> str:
    status = thing.get("status")
    if own == "subscription_created" and status != "active":
        return "Trial Started" if status == "in_trial" else own
    if own == "subscription_cancelled" and _never_paid(thing):
        return "Trial Ended"
    return NAMES.get(own, own)


def _never_paid(thing: Object) -> bool:
    end, trial = number(thing.get("cancelled_at")), number(thing.get("trial_end"))
    return thing.get("activated_at") is None and end is not None and trial is not None and end <= trial


def _at(message: Message) -> int:
    """Event time, with the milliseconds of the object's version where they belong to the same second."""
    at = message.at
    version = number(look(message.body, "content.subscription.resource_version"))
    return round(version) if version is not None and at <= version < at + 1000 else at


def _properties(name: str, message: Message, thing: Object) -> Object:
    if name in _TERMS:
        return terms(thing)
    if name == "Trial Started":
        return known(plan=_plan(thing), ends_at=thing.get("trial_end"))
    if name in ("Invoice Paid", "Invoice Payment Failed"):
        return _invoice(name, message.object("content.invoice"), message.object("content.transaction"))
    if name in ("Subscription Ended", "Cancellation Requested", "Trial Ended"):
        return known(reason=thing.get("cancel_reason_code") or thing.get("cancel_reason"))
    return message.object("content")


def _invoice(name: str, invoice: Object, transaction: Object) -> Object:
    amount = number(transaction.get("amount", invoice.get("amount_paid" if name == "Invoice Paid" else "amount_due")))
    return known(
        invoice=invoice.get("id"), amount=None if amount is None else round(amount),
        currency=currency(invoice.get("currency_code", transaction.get("currency_code"))),
    )  # fmt: skip


def _customer(thing: Object) -> Object:
    metadata = thing.get("meta_data")
    own = metadata if type(metadata) is dict else {}
    return {**own, **known(name=thing.get("company"), billing_email=thing.get("email"))}


def terms(thing: Object) -> Object:
    """The terms of a subscription, as the vocabulary has them."""
    plan = next((item for item in _items(thing) if item.get("item_type") == "plan"), {})
    seats = number(plan.get("quantity", thing.get("plan_quantity")))
    return known(
        mrr=_mrr(thing), currency=currency(thing.get("currency_code")), plan=_plan(thing),
        renews_at=thing.get("next_billing_at", thing.get("current_term_end")),
        seats=None if seats is None else round(seats),
    )  # fmt: skip


def _mrr(thing: Object) -> int | None:
    told = number(thing.get("mrr"))
    if told is not None:
        return round(told)
    amounts = [number(item.get("amount")) for item in _items(thing) if item.get("item_type") != "charge"]
    if not amounts:
        price, quantity = number(thing.get("plan_unit_price")), number(thing.get("plan_quantity", 1))
        amounts = [None if price is None or quantity is None else price * quantity]
    if None in amounts:
        return None
    total = sum(amount for amount in amounts if amount is not None)
    return monthly(total, thing.get("billing_period_unit"), thing.get("billing_period"))


def _items(thing: Object) -> list[Object]:
    items = thing.get("subscription_items")
    return [item for item in items if type(item) is dict] if type(items) is list else []


def _plan(thing: Object) -> str | None:
    plans = [item.get("item_price_id") for item in _items(thing) if item.get("item_type") == "plan"]
    return next((plan for plan in [*plans, thing.get("plan_id")] if type(plan) is str), None)


CHARGEBEE = Vendor("chargebee", PRECEDENCE, _read, place="billing", actor="system")

SOURCE = CHARGEBEE.source(
    "Chargebee",
    names=MAPS,
    order="`occurred_at` is in seconds; within one, the subscription's resource_version",
    cannot="what a subscription cost before it changed; an account id of yours, unless it is in meta_data",
    proven="documented example",
    example="https://gist.github.com/bhoggard/fc4888d2c74e52dceaafbaf2fb976fc2",
    signs=(("event_type", "occurred_at", "content"),),
)
