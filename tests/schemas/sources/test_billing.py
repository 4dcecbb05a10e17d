"""Sources chargebee, maxio, chartmogul and baremetrics: trials, order, forms, zones, and the ids of other systems."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.sources import decode
from schemas.sources.outcome import Skipped
from schemas.sources.terms import STEPS, minor, monthly, ranked
from tests.schemas.sources.examples import changed
from tests.schemas.sources.examples_revenue import BAREMETRICS_SUBSCRIPTION, CHARGEBEE_EVENT, MOVEMENT, NOON, form

# --- chargebee


def chargebee(kind: str, **changes: Any) -> list[Any]:
    paths = {path.replace("__", "."): value for path, value in changes.items()}
    return decode("chargebee", orjson.dumps(changed({**CHARGEBEE_EVENT, "event_type": kind}, paths)))


@pytest.mark.parametrize(
    ("kind", "changes", "names"),
    [
        ("subscription_created", {"content__subscription__status": "in_trial"}, ["Trial Started"]),
        ("subscription_created", {"content__subscription__status": "future"}, ["subscription_created"]),
        ("subscription_activated", {}, ["Subscription Created"]),
        ("subscription_changed", {}, ["Subscription Updated"]),
        ("subscription_renewed", {}, ["Subscription Updated", "Subscription Renewed"]),
        ("subscription_cancelled", {}, ["Subscription Ended"]),
        (
            "subscription_cancelled",
            {
                "content__subscription__activated_at": None,
                "content__subscription__cancelled_at": 5,
                "content__subscription__trial_end": 5,
            },
            ["Trial Ended"],
        ),
        ("customer_changed", {}, ["Account Identified"]),
        ("card_added", {}, ["card_added"]),
    ],
)
def test_chargebees_events_are_named_by_type_and_status(kind: str, changes: dict[str, Any], names: list[str]) -> None:
    assert [event.name for event in chargebee(kind, **changes)] == names


def test_chargebees_resource_version_orders_a_second() -> None:
    (early,) = chargebee("subscription_created", content__subscription__resource_version=1707265233001, id="z")
    (late,) = chargebee("subscription_changed", content__subscription__resource_version=1707265233900, id="a")
    (elsewhere,) = chargebee("subscription_changed", content__subscription__resource_version=1707265299000)
    assert early.at < late.at < 1_707_265_234_000
    assert elsewhere.at == 1_707_265_233_000  # a version of another second says nothing of this one


def test_chargebees_payment_is_an_invoice_and_what_concerns_nobody_is_skipped() -> None:
    invoice = {"id": "inv_1", "amount_paid": 7900, "currency_code": "USD", "customer_id": "c"}
    (paid,) = chargebee("payment_succeeded", content__invoice=invoice)
    assert (paid.name, paid.properties) == ("Invoice Paid", {"invoice": "inv_1", "amount": 7900, "currency": "USD"})
    (found,) = chargebee("item_created", content={"item": {"id": "i"}})
    assert isinstance(found, Skipped)


# --- maxio


def maxio(event: str, number: str = "7", **leaves: str) -> Any:
    leaves = {"subscription__customer__id": "77", "subscription__updated_at": "2024-05-01 08:00:00 -0400", **leaves}
    return decode("maxio", form(event, number, **leaves))[0]


@pytest.mark.parametrize(
    ("was", "now", "name"),
    [
        ("trialing", "active", "Subscription Created"),
        ("trialing", "canceled", "Trial Ended"),
        ("active", "canceled", "Subscription Ended"),
        ("canceled", "active", "Subscription Reactivated"),
        ("active", "past_due", "subscription_state_change"),
    ],
)
def test_maxios_change_of_state_is_read_by_both_states(was: str, now: str, name: str) -> None:
    found = maxio("subscription_state_change", subscription__previous_state=was, subscription__state=now)
    assert found.name == name


def test_maxios_sign_up_is_a_purchase_only_when_it_is_active() -> None:
    assert maxio("signup_success", subscription__state="trialing").name == "Trial Started"
    assert maxio("signup_success", subscription__state="assessing").name == "signup_success"


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2024-05-01 08:00:00 -0400", NOON),
        ("2024-05-01T08:00:00-04:00", NOON),
        ("2024-05-01 08:00:00", NOON),  # summer in the east of the United States
        ("2024-01-15 07:00:00", 1_705_320_000_000),  # and winter
        ("2024-05-01 12:00:00 UTC", NOON),
    ],
)
def test_maxios_times_are_of_the_american_east_coast(told: str, at: int) -> None:
    assert maxio("renewal_success", subscription__updated_at=told).at == at
    assert maxio("renewal_success", subscription__updated_at="soon").reason == "bad_time"


def test_maxios_webhooks_of_one_second_are_in_the_order_of_their_numbers() -> None:
    assert maxio("renewal_success", "9").id < maxio("renewal_success", "10").id


def test_maxios_cancellation_at_the_end_of_the_term_can_be_undone() -> None:
    event = "delayed_cancellation_change"
    assert maxio(event, subscription__cancel_at_end_of_period="true").name == "Cancellation Requested"
    assert maxio(event, subscription__cancel_at_end_of_period="false").name == "Renewal Declined Undone"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"id=1&event", "bad_envelope"),
        (b"a=1&a[b]=2", "bad_envelope"),
        (b"id=\xff", "not_utf8"),
        (b"payload" + b"[a]" * 60 + b"=1", "too_deep"),
        (b"event=x&id=1&payload[subscription]=7", "wrong_type"),
    ],
)
def test_a_form_that_is_none_is_refused(body: bytes, reason: str) -> None:
    (found,) = decode("maxio", body)
    assert found.reason == reason  # type: ignore[union-attr]


def test_maxios_trial_delivery_is_skipped() -> None:
    assert maxio("test") == Skipped("test", "Maxio's trial delivery")


# --- chartmogul and baremetrics


def test_a_customer_of_stripe_is_known_by_stripes_id() -> None:
    movement = changed(MOVEMENT, {"customer.external_id": "cus_9", "movement_type": "churn"})
    (found,) = decode("chartmogul", orjson.dumps(movement))
    assert (found.name, found.account) == ("Subscription Ended", "stripe:cus_9")  # type: ignore[union-attr]
    assert found.traits["stripe_customer"] == "cus_9"  # type: ignore[union-attr]
    subscription = {**BAREMETRICS_SUBSCRIPTION, "customer_oid": "cus_9"}
    (begun,) = decode("baremetrics", orjson.dumps(subscription))
    assert begun.account == "stripe:cus_9"  # type: ignore[union-attr]


def test_a_movement_told_twice_is_one_event() -> None:
    first, again = (decode("chartmogul", orjson.dumps(MOVEMENT)) for _ in range(2))
    assert first == again
    assert len({event.id for event in first if not isinstance(event, Skipped)}) == 2  # type: ignore[union-attr]


def test_a_subscription_of_baremetrics_read_again_adds_its_end_and_nothing_else() -> None:
    (begun,) = decode("baremetrics", orjson.dumps(BAREMETRICS_SUBSCRIPTION))
    ended = {**BAREMETRICS_SUBSCRIPTION, "canceled_at": NOON // 1000 + 60, "canceled_reason": "price"}
    again, end = decode("baremetrics", orjson.dumps({"subscriptions": [ended]}))
    assert again == begun
    assert (end.name, end.at, end.properties) == ("Subscription Ended", NOON + 60_000, {"reason": "price"})  # type: ignore[union-attr]


def test_charges_and_customers_of_baremetrics_are_read_too() -> None:
    charge = {"oid": "ch_1", "amount": 500, "currency": "usd", "customer": {"oid": "acme"}, "created": NOON // 1000}
    customer = {"oid": "acme", "source_id": "1", "name": "Acme", "email": "a@b.c", "created": NOON // 1000}
    (paid,) = decode("baremetrics", orjson.dumps(charge))
    (account,) = decode("baremetrics", orjson.dumps({"customer": customer}))
    assert (paid.name, paid.properties["amount"], paid.account) == ("Invoice Paid", 500, "acme")  # type: ignore[union-attr]
    assert (account.type, account.account, account.traits["name"]) == ("group", "acme", "Acme")  # type: ignore[union-attr]


# --- terms


def test_a_step_of_a_contract_comes_after_the_update_that_carries_its_terms() -> None:
    for source, record in (
        (
            "maxio",
            form("renewal_success", subscription__customer__id="7", subscription__updated_at="2024-05-01 08:00:00"),
        ),
        ("chargebee", orjson.dumps({**CHARGEBEE_EVENT, "event_type": "subscription_renewed"})),
        ("chartmogul", orjson.dumps(MOVEMENT)),
    ):
        update, step = decode(source, record)
        assert update.name == "Subscription Updated"  # type: ignore[union-attr]
        assert step.name in STEPS  # type: ignore[union-attr]
        assert (update.at, update.id) < (step.at, step.id)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("amount", "code", "found"),
    [
        (12.5, "USD", 1250),
        ("12.5", None, 1250),
        (500, "JPY", 500),
        (1.234, "KWD", 1234),
        ("x", "USD", None),
        (True, "USD", None),
    ],
)
def test_major_units_become_minor_ones_by_currency(amount: Any, code: str | None, found: int | None) -> None:
    assert minor(amount, code) == found


def test_a_period_that_is_none_has_no_price_a_month() -> None:
    assert monthly(100, "fortnight") is None
    assert monthly(100, None) is None
    assert monthly(100, "month", 0) == 100  # no count is a count of one


def test_a_rank_stands_in_the_milliseconds_of_a_whole_second_only() -> None:
    assert ranked(NOON, 103) == NOON + 103
    assert ranked(NOON + 1, 103) == NOON + 1
