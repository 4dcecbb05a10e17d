"""ChartMogul: movements of MRR, its one webhook.

- a movement has no id: customer, subscription, time and kind stand for it
- `customer.external_id` is the customer's id in the billing system that ChartMogul reads; one of Stripe's is marked so
- an amount is the movement; what the customer pays from then on is `customer.current_mrr`
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event
from schemas.sources.precedence import Precedence
from schemas.sources.reading import Object
from schemas.sources.terms import currency, known, number, with_update
from schemas.sources.vendor import Message, Vendor

PRECEDENCE = Precedence(
    time=("date",),
    id=("{customer.uuid}/{subscription.external_id}/{date}/{movement_type}", "{customer.uuid}/{date}/{movement_type}"),
    account=("stripe:{customer.stripe_customer}", "customer.external_id", "chartmogul:{customer.uuid}"),
)

NAMES = {
    "new_biz": "Subscription Created",
    "expansion": "Subscription Upgraded",
    "contraction": "Subscription Downgraded",
    "churn": "Subscription Ended",
    "reactivation": "Subscription Reactivated",
}


def with_stripe(customer: Object, field: str) -> Object:
    """A customer of a tool that reads Stripe, with Stripe's id of it where that is what `field` holds."""
    told = customer.get(field)
    if type(told) is not str or not told.startswith("cus_"):
        return customer
    return {**{name: value for name, value in customer.items() if name != field}, "stripe_customer": told}


def _read(message: Message) -> Iterator[Event]:
    customer = message.object("customer")
    message.body = {**message.body, "customer": with_stripe(customer, "external_id")}
    own = message.text("movement_type") or message.text("type")
    name = NAMES.get(own, own)
    traits = known(stripe_customer=message.entity("customer.stripe_customer"), chartmogul_customer=customer.get("uuid"))
    properties = message.body if own not in NAMES else {} if name == "Subscription Ended" else _terms(message)
    for told, part in with_update(name):
        yield message.event(told, properties, traits=traits, part=part)


def _terms(message: Message) -> Object:
    mrr = number(message.look("customer.current_mrr"))
    code = currency(message.look("customer.currency")) or currency(message.look("account_currency"))
    moved = number(message.look("mrr_movement_in_account_currency"))
    return known(
        mrr=None if mrr is None else round(mrr), currency=code, movement=None if moved is None else round(moved)
    )


CHARTMOGUL = Vendor("chartmogul", PRECEDENCE, _read, place="billing", actor="system")

SOURCE = CHARTMOGUL.source(
    "ChartMogul",
    names=NAMES,
    order="none is given; movements of one instant are put in the order of their ids",
    cannot="trials, cancellation requests, invoices, plan, seats and renewal: it tells movements of MRR alone",
    proven="documented example",
    example="https://raw.githubusercontent.com/api-evangelist/chartmogul/refs/heads/main/openapi/chartmogul-asyncapi.yml",
    signs=(("type=mrr_movement",), ("movement_type", "customer")),
)
