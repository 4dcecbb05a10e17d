"""Source stripe: trials are not purchases, what an update comes to, the order within a second, and whose account it is."""

from __future__ import annotations

from copy import deepcopy
from itertools import permutations
from typing import Any

import orjson
import pytest

from schemas.event import Event
from schemas.sources import decode
from schemas.sources.outcome import Skipped
from tests.schemas.sources.examples_revenue import SUBSCRIPTION, TRIAL, stripe

END = SUBSCRIPTION["current_period_end"]


def read(kind: str, thing: dict[str, Any], before: dict[str, Any] | None = None, **more: Any) -> list[Any]:
    return decode("stripe", orjson.dumps(stripe(kind, thing, before, **more)))


def names(kind: str, thing: dict[str, Any], before: dict[str, Any] | None = None) -> list[str]:
    return [event.name for event in read(kind, thing, before)]


def items(amount: int, quantity: int = 1, interval: str = "month", count: int = 1) -> dict[str, Any]:
    found = deepcopy(SUBSCRIPTION["items"])
    found["data"][0] |= {"quantity": quantity}
    found["data"][0]["price"] |= {"unit_amount": amount, "recurring": {"interval": interval, "interval_count": count}}
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("trialing", "Trial Started"),
        ("active", "Subscription Created"),
        ("incomplete", "customer.subscription.created"),
        ("past_due", "customer.subscription.created"),
    ],
)
def test_a_subscription_that_begins_is_a_purchase_only_when_it_is_active(status: str, name: str) -> None:
    assert names("customer.subscription.created", {**SUBSCRIPTION, "status": status}) == [name]


UPDATES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {"status": "trialing"}, ["Subscription Created"]),
    ({}, {"status": "incomplete"}, ["Subscription Created"]),
    ({"status": "canceled"}, {"status": "trialing"}, ["Trial Ended"]),
    ({"status": "paused"}, {"status": "trialing"}, ["Trial Ended"]),
    ({"status": "past_due"}, {"status": "active"}, ["Subscription Updated"]),
    ({"status": "unpaid"}, {"status": "past_due"}, ["customer.subscription.updated"]),
    ({}, {"status": "unpaid"}, ["Subscription Reactivated"]),
    (TRIAL, {"trial_end": 1}, ["customer.subscription.updated"]),
    ({}, {"metadata": {}}, ["Subscription Updated"]),
    ({"items": items(2000)}, {"items": items(1000)}, ["Subscription Updated", "Subscription Upgraded"]),
    ({"items": items(1000, 2)}, {"items": items(1000, 3), "quantity": 3}, ["Subscription Updated", "Subscription Downgraded"]),
    ({"items": items(12_000, 1, "year")}, {"items": items(1000)}, ["Subscription Updated"]),
    ({}, {"current_period_end": END - 2_678_400}, ["Subscription Updated", "Subscription Renewed"]),
    ({"cancel_at_period_end": True}, {"cancel_at_period_end": False}, ["Subscription Updated", "Cancellation Requested"]),
    ({}, {"cancel_at_period_end": True}, ["Subscription Updated", "Renewal Declined Undone"]),
    ({"cancel_at": END}, {"cancel_at": None}, ["Subscription Updated", "Cancellation Requested"]),
    ({**TRIAL, "cancel_at_period_end": True}, {"cancel_at_period_end": False},
     ["customer.subscription.updated", "Cancellation Requested"]),
    ({"status": []}, {"status": {}}, ["Subscription Updated"]),
]  # fmt: skip


@pytest.mark.parametrize(("now", "before", "told"), UPDATES, ids=range(len(UPDATES)))
def test_what_an_update_comes_to_follows_from_what_it_was_before(
    now: dict[str, Any], before: dict[str, Any], told: list[str]
) -> None:
    found = read("customer.subscription.updated", {**SUBSCRIPTION, **now}, before)
    assert [event.name for event in found] == told
    assert len({event.id for event in found}) == len(found)
    assert sorted(found, key=lambda e: (e.at, e.id)) == found  # the update itself first: it carries the terms


def test_an_older_api_version_tells_one_plan_and_its_quantity() -> None:
    plan = {"id": "gold", "amount": 500, "currency": "usd", "interval": "month", "interval_count": 1}
    old = {**{k: v for k, v in SUBSCRIPTION.items() if k != "items"}, "plan": plan, "quantity": 4}
    update, upgrade = read("customer.subscription.updated", old, {"quantity": 2})
    assert (update.properties["mrr"], update.properties["seats"], upgrade.name) == (2000, 4, "Subscription Upgraded")


def test_an_item_carries_the_period_since_2025() -> None:
    new = deepcopy({k: v for k, v in SUBSCRIPTION.items() if not k.startswith("current_period")})
    new["items"]["data"][0]["current_period_end"] = END
    (found,) = read("customer.subscription.created", new)
    assert found.properties["renews_at"] == END


@pytest.mark.parametrize(
    ("interval", "count", "mrr"),
    [("month", 1, 1200), ("month", 3, 400), ("year", 1, 100), ("week", 1, 5214), ("day", 30, 1217)],
)
def test_a_price_is_brought_to_a_month(interval: str, count: int, mrr: int) -> None:
    (found,) = read("customer.subscription.created", {**SUBSCRIPTION, "items": items(1200, 1, interval, count)})
    assert found.properties["mrr"] == mrr


def test_a_metered_price_leaves_the_mrr_out_rather_than_guess_it() -> None:
    thing = deepcopy(SUBSCRIPTION)
    thing["items"]["data"][0]["price"]["unit_amount"] = None
    (found,) = read("customer.subscription.created", thing)
    assert "mrr" not in found.properties


def test_a_subscription_that_is_deleted_has_ended_unless_it_was_never_paid() -> None:
    gone = {**SUBSCRIPTION, "status": "canceled", "cancellation_details": {"feedback": "too_expensive", "reason": "x"}}
    (found,) = read("customer.subscription.deleted", {**gone, "ended_at": END})
    assert (found.name, found.properties) == ("Subscription Ended", {"reason": "too_expensive"})
    assert names("customer.subscription.deleted", {**gone, "ended_at": 100, "trial_end": 100}) == ["Trial Ended"]
    assert names("customer.subscription.deleted", {**gone, "ended_at": 101, "trial_end": 100}) == ["Subscription Ended"]


INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "amount_paid": 1000,
    "amount_due": 1200,
    "currency": "eur",
    "customer": "cus_1",
}


def test_invoices_are_told_in_minor_units_and_an_invoice_of_nothing_is_no_payment() -> None:
    (paid,) = read("invoice.paid", INVOICE)
    (failed,) = read("invoice.payment_failed", INVOICE)
    assert (paid.name, paid.properties) == ("Invoice Paid", {"invoice": "in_1", "amount": 1000, "currency": "EUR"})
    assert (failed.name, failed.properties["amount"]) == ("Invoice Payment Failed", 1200)
    assert names("invoice.paid", {**INVOICE, "amount_paid": 0}) == ["invoice.paid"]
    assert names("invoice.payment_succeeded", INVOICE) == ["invoice.payment_succeeded"]  # the same payment once more


def test_events_of_one_second_are_in_the_order_of_the_contract_whatever_their_ids() -> None:
    second = [
        ("customer.created", {"id": "cus_1", "object": "customer"}, None),
        ("customer.subscription.created", {**SUBSCRIPTION, "status": "incomplete"}, None),
        ("invoice.paid", INVOICE, None),
        ("customer.subscription.updated", SUBSCRIPTION, {"status": "incomplete"}),
        ("customer.subscription.deleted", {**SUBSCRIPTION, "status": "canceled", "ended_at": END}, None),
    ]
    for ids in permutations("abcde"):
        found = [read(*told, id=f"evt_{name}")[0] for told, name in zip(second, ids, strict=True)]
        assert sorted(found, key=lambda e: (e.at, e.id)) == found
        assert {event.at // 1000 for event in found} == {1_686_089_970}


def test_the_connected_account_is_not_the_customers() -> None:
    (found,) = read("invoice.paid", INVOICE)
    assert found.account == "stripe:cus_1"


def test_the_companys_own_id_wins_and_stripes_stands_beside_it() -> None:
    (found,) = read("invoice.paid", {**INVOICE, "metadata": {"account_id": "acme"}})
    assert (found.account, found.traits) == ("acme", {"stripe_customer": "cus_1"})


def test_a_customer_is_an_account_with_traits() -> None:
    customer = {
        "id": "cus_1",
        "object": "customer",
        "name": "Acme",
        "email": "pay@acme.io",
        "metadata": {"domain": "acme.io"},
    }
    (found,) = read("customer.updated", customer)
    assert (found.type, found.account, found.user) == ("group", "stripe:cus_1", None)
    assert found.traits == {
        "name": "Acme",
        "billing_email": "pay@acme.io",
        "stripe_customer": "cus_1",
        "domain": "acme.io",
    }


def test_what_is_about_no_customer_is_skipped_and_counted() -> None:
    (found,) = read("price.created", {"id": "price_1", "object": "price"})
    assert isinstance(found, Skipped)
    assert found.reason == "nobody"
    (guest,) = read("checkout.session.completed", {"id": "cs_1", "object": "checkout.session", "customer": None})
    assert guest.reason == "missing_entity"


def test_test_mode_is_marked_so_that_it_can_be_excluded() -> None:
    assert read("invoice.paid", INVOICE, livemode=False)[0].properties["test"] is True
    assert "test" not in read("invoice.paid", INVOICE)[0].properties


def test_an_expanded_customer_is_read_by_its_id() -> None:
    (found,) = read("invoice.paid", {**INVOICE, "customer": {"id": "cus_7", "object": "customer"}})
    assert isinstance(found, Event)
    assert found.account == "stripe:cus_7"
