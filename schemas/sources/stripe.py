"""Stripe: webhook events, and what a change of a subscription means for the contract.

- a subscription that is created trialing is a trial; it is bought when its status becomes active. One that is created
  incomplete is not paid yet and keeps Stripe's name
- `created` is in whole seconds, events arrive in any order and their ids say nothing of it: the milliseconds carry a rank
  by type and status, so that a second reads created, paid, active, canceled
- `account` at the top is a connected account of Connect, never a customer
- a changed price is told by previous_attributes; without it an update is an update
- objects of the test mode are marked `test: true`, which a definition can exclude
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import Precedence, look
from schemas.sources.reading import Object
from schemas.sources.terms import ENDED, currency, known, monthly, number, ranked, word
from schemas.sources.vendor import Message, Skip, Vendor

_OBJECT = "data.object"
_OWN = ("metadata.account_id", "metadata.accountId", "metadata.organization_id", "client_reference_id")
_LENT = ("subscription_details", "parent.subscription_details")  # where an invoice repeats its subscription's metadata

PRECEDENCE = Precedence(
    time=("created",),
    id=("id",),
    user=(f"{_OBJECT}.metadata.user_id", f"{_OBJECT}.metadata.userId"),
    account=(
        *(f"{_OBJECT}.{path}" for path in _OWN),
        *(f"{_OBJECT}.{path}.metadata.account_id" for path in _LENT),
        f"stripe:{{{_OBJECT}.customer.id}}",
        f"stripe:{{{_OBJECT}.customer}}",
    ),
)

NAMES = {
    "customer.created": "Account Identified",
    "customer.updated": "Account Identified",
    "customer.subscription.created": "Subscription Created",
    "customer.subscription.updated": "Subscription Updated",
    "customer.subscription.deleted": "Subscription Ended",
    "invoice.paid": "Invoice Paid",
    "invoice.payment_failed": "Invoice Payment Failed",
    "invoice.overdue": "Invoice Overdue",
}

MAPS = {
    **NAMES,
    "customer.subscription.created, trialing": "Trial Started",
    "customer.subscription.updated, trialing to active": "Subscription Created",
    "customer.subscription.updated, trialing to canceled": "Trial Ended",
    "customer.subscription.updated, mrr up": "Subscription Upgraded",
    "customer.subscription.updated, mrr down": "Subscription Downgraded",
    "customer.subscription.updated, next period": "Subscription Renewed",
    "customer.subscription.updated, cancel_at_period_end": "Cancellation Requested",
}
"""For people: what else an update can come to."""

RANKS: tuple[tuple[str, int], ...] = (
    ("customer.created", 0), ("customer.updated", 10), ("customer.subscription.created", 100), ("invoice.", 200),
    ("customer.subscription.updated", 300), ("customer.subscription.deleted", ENDED), ("customer.deleted", ENDED + 50),
)  # fmt: skip
"""What comes first within a second, by the beginning of the type; 500 for all others."""

STATUSES = {
    "incomplete": 1, "trialing": 2, "active": 3, "past_due": 4, "unpaid": 5, "paused": 5, "incomplete_expired": 8,
    "canceled": 9,
}  # fmt: skip
"""The order in which a subscription goes through its statuses, added to the rank of the type."""

UNPAID = frozenset({"trialing", "incomplete"})
STOPPED = frozenset({"canceled", "incomplete_expired", "unpaid", "paused"})


def _read(message: Message) -> Iterator[Event]:
    thing, own = message.object(_OBJECT), message.text("type")
    if thing.get("object") == "customer":
        message.body = {**message.body, "data": {"object": {**thing, "customer": thing.get("id")}}}
    elif "customer" not in thing and message.account is None and message.user is None:
        raise Skip(Skipped("nobody", f"{own or 'an event'} is about no customer"))
    at = ranked(message.at, _rank(own, thing))
    for name, properties, part in _told(own, thing, message.object("data.previous_attributes")):
        if name == "Account Identified":
            yield message.event(name, kind="group", traits=_customer(thing), at=at)
        else:
            yield message.event(name, _marked(message, properties), traits=_link(message), at=at, part=part)


def _rank(own: str, thing: Object) -> int:
    base = next((rank for start, rank in RANKS if own.startswith(start)), 500)
    return base + STATUSES.get(word(thing.get("status")), 0)


Told = Iterator[tuple[str, Object, str]]
"""(event name, properties, part of the id) of each thing that one Stripe event says."""


def _told(own: str, thing: Object, before: Object) -> Told:
    name = NAMES.get(own, own)
    if name == "Subscription Created":
        yield _created(own, thing)
    elif name == "Subscription Updated":
        yield from _updated(own, thing, before)
    elif name == "Subscription Ended":
        yield _ended(thing)
    elif own.startswith("invoice."):
        yield _invoice(own, name, thing)
    else:
        yield name, thing, ""


def _created(own: str, thing: Object) -> tuple[str, Object, str]:
    status = thing.get("status")
    if status == "trialing":
        return "Trial Started", _trial(thing), ""
    return ("Subscription Created", terms(thing), "") if status == "active" else (own, thing, "")


def _updated(own: str, thing: Object, before: Object) -> Told:
    status = word(thing.get("status"))
    was = word(before.get("status", status))
    if was in UNPAID and status == "active":
        yield "Subscription Created", terms(thing), ""
    elif was == "trialing" and status in STOPPED:
        yield "Trial Ended", known(plan=_plan(thing)), ""
    elif was in STOPPED and status == "active":
        yield "Subscription Reactivated", terms(thing), ""
    elif status in UNPAID or status in STOPPED:
        yield own, thing, ""
    else:
        yield "Subscription Updated", terms(thing), ""
        yield from _changed(thing, before)
    yield from _cancelling(thing, before)


def _changed(thing: Object, before: Object) -> Told:
    """What an update of a paid subscription says besides: that it grew or shrank, that another term began."""
    now, then = mrr(thing), mrr(_before(thing, before)) if _priced(before) else None
    if now is not None and then is not None and now != then:
        grew = now > then
        yield "Subscription Upgraded" if grew else "Subscription Downgraded", terms(thing), "changed"
    end, ended = _renews(thing), _renews(before)
    if end is not None and ended is not None and end > ended:
        yield "Subscription Renewed", terms(thing), "renewed"


def _cancelling(thing: Object, before: Object) -> Told:
    """The click on cancel, and its undoing: not the end of the paid term."""
    fields = [field for field in ("cancel_at_period_end", "cancel_at") if field in before]
    if not fields or thing.get("status") == "canceled":
        return
    now, then = (any(source.get(field) for field in fields) for source in (thing, before))
    if now and not then:
        yield "Cancellation Requested", _reason(thing), "cancelling"
    elif then and not now:
        yield "Renewal Declined Undone", {}, "cancelling"


def _ended(thing: Object) -> tuple[str, Object, str]:
    """The end of a trial that was never paid for is no lost contract."""
    end, trial = number(thing.get("ended_at")), number(thing.get("trial_end"))
    if end is not None and trial is not None and end <= trial:
        return "Trial Ended", known(plan=_plan(thing)), ""
    return "Subscription Ended", _reason(thing), ""


def _invoice(own: str, name: str, thing: Object) -> tuple[str, Object, str]:
    """An invoice of nothing, as a trial begins with, is not a payment."""
    amount = number(thing.get("amount_paid" if name == "Invoice Paid" else "amount_due"))
    if name not in NAMES.values() or (name == "Invoice Paid" and not amount):
        return own, thing, ""
    whole = None if amount is None else round(amount)
    return name, known(invoice=thing.get("id"), amount=whole, currency=currency(thing.get("currency"))), ""


def _customer(thing: Object) -> Object:
    """Traits of the account that a customer is. Its e-mail is the one that invoices go to."""
    metadata = thing.get("metadata")
    own = metadata if type(metadata) is dict else {}
    return {**own, **known(name=thing.get("name"), billing_email=thing.get("email"), stripe_customer=thing.get("id"))}


def _link(message: Message) -> Object:
    """What links the company's own id of the account to Stripe's."""
    return known(stripe_customer=message.entity(f"{_OBJECT}.customer.id", f"{_OBJECT}.customer"))


def _marked(message: Message, properties: Object) -> Object:
    return {**properties, "test": True} if message.look("livemode") is False else properties


def terms(thing: Object) -> Object:
    """The terms of a subscription, as the vocabulary has them."""
    quantities = [number(item.get("quantity")) for item in _items(thing)]
    seats = sum(q for q in quantities if q is not None) if any(q is not None for q in quantities) else None
    code = currency(thing.get("currency")) or next((currency(_price(i).get("currency")) for i in _items(thing)), None)
    return known(
        mrr=mrr(thing), currency=code, plan=_plan(thing), renews_at=_renews(thing),
        seats=None if seats is None else round(seats),
    )  # fmt: skip


def mrr(thing: Object) -> int | None:
    """What the items cost a month, minor units, before discounts; None where a price is metered or unknown."""
    prices = [_monthly(item) for item in _items(thing)]
    return None if not prices or None in prices else sum(price for price in prices if price is not None)


def _monthly(item: Object) -> int | None:
    price = _price(item)
    amount = number(price.get("unit_amount", price.get("amount")))
    quantity = number(item.get("quantity", 1))
    period = price.get("recurring") if type(price.get("recurring")) is dict else price
    if amount is None or quantity is None or not isinstance(period, dict):
        return None
    return monthly(amount * quantity, period.get("interval"), period.get("interval_count"))


def _items(thing: Object) -> list[Object]:
    """The items of a subscription; its one plan where the API version is old enough to have one."""
    items = look(thing, "items.data")
    if type(items) is list:
        return [item for item in items if type(item) is dict]
    return [thing] if type(thing.get("plan")) is dict else []


def _price(item: Object) -> Object:
    for field in ("price", "plan"):
        found = item.get(field)
        if type(found) is dict:
            return found
    return {}


def _priced(before: Object) -> bool:
    """Whether previous_attributes tell what a subscription cost."""
    return "items" in before or "plan" in before or "quantity" in before


def _before(thing: Object, before: Object) -> Object:
    """The subscription as it was. Where its items are not told, the one plan of older API versions is."""
    was = {**thing, **before}
    return was if "items" in before else {name: value for name, value in was.items() if name != "items"}


def _plan(thing: Object) -> Any:
    for item in _items(thing):
        price = _price(item)
        for field in ("lookup_key", "nickname", "product", "id"):
            if type(price.get(field)) is str and price[field]:
                return price[field]
    return None


def _renews(thing: Object) -> Any:
    """The end of the paid period, epoch seconds; since 2025 it stands on the items."""
    return next(
        (v for v in (look(thing, "current_period_end"), look(thing, "items.data.0.current_period_end")) if number(v)),
        None,
    )


def _trial(thing: Object) -> Object:
    return known(plan=_plan(thing), ends_at=thing.get("trial_end"))


def _reason(thing: Object) -> Object:
    said = (look(thing, "cancellation_details.feedback"), look(thing, "cancellation_details.reason"))
    return known(reason=next((text for text in said if type(text) is str and text), None))


STRIPE = Vendor("stripe", PRECEDENCE, _read, place="billing", actor="system")

SOURCE = STRIPE.source(
    "Stripe",
    names=MAPS,
    order="`created` is in seconds; within one, the rank of type and status: created, invoice, updated, deleted",
    cannot="discounts and metered prices in mrr; who clicked; an account id of yours, unless you put it into metadata",
    proven="documented example",
    example="https://docs.stripe.com/api/events/object",
    signs=(("object=event", "data.object", "type"),),
)
