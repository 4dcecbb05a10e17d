"""Examples of what billing writes: Stripe, Chargebee, Maxio, ChartMogul, Baremetrics."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.schemas.sources.examples import RECORD_TIME, Example, Full, Given

STRIPE = "https://docs.stripe.com/api/events/object"
STRIPE_SUBSCRIPTION = "https://docs.stripe.com/api/subscriptions/object"
CHARGEBEE = "https://gist.github.com/bhoggard/fc4888d2c74e52dceaafbaf2fb976fc2"
MAXIO = "https://docs.maxio.com/hc/en-us/articles/24266136649869-Webhooks-Reference"
CHARTMOGUL = (
    "https://raw.githubusercontent.com/api-evangelist/chartmogul/refs/heads/main/openapi/chartmogul-asyncapi.yml"
)

NOON = 1_714_564_800_000

SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1MowQVLkdIwHu7ixeRlqHVzs", "object": "subscription", "cancel_at_period_end": False, "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None}, "created": 1679609767,
    "currency": "usd", "current_period_end": 1682288167, "current_period_start": 1679609767, "customer": "cus_Na6dX7aXxi11N4",
    "ended_at": None, "latest_invoice": "in_1MowQWLkdIwHu7ixuzkSPfKd", "livemode": False, "metadata": {},
    "items": {"object": "list", "has_more": False, "data": [{
        "id": "si_Na6dzxczY5fwHx", "object": "subscription_item", "created": 1679609768, "metadata": {}, "quantity": 1,
        "price": {"id": "price_1MowQULkdIwHu7ixraBm864M", "object": "price", "active": True, "currency": "usd",
                  "lookup_key": None, "nickname": None, "product": "prod_Na6dGcTsmU0I4R", "type": "recurring",
                  "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}, "unit_amount": 1000},
    }]},
    "start_date": 1679609767, "status": "active", "trial_end": None, "trial_start": None,
}  # fmt: skip
"""The subscription of Stripe's reference."""


def stripe(kind: str, thing: dict[str, Any], before: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Stripe event around an object."""
    data: dict[str, Any] = {"object": thing}
    if before is not None:
        data["previous_attributes"] = before
    return {
        "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event", "api_version": "2019-02-19", "created": 1686089970,
        "data": data, "livemode": True, "pending_webhooks": 0, "request": {"id": None, "idempotency_key": None},
        "type": kind, "account": "acct_1032D82eZvKYlo2C", **more,
    }  # fmt: skip


CHARGEBEE_EVENT: dict[str, Any] = {
    "id": "ev_169vvoU3YUvqS75n", "occurred_at": 1707265233, "source": "admin_console", "user": "admin@vvrkshop.art",
    "object": "event", "api_version": "v2", "event_type": "subscription_created", "webhook_status": "scheduled",
    "content": {
        "subscription": {
            "id": "169vvoU3YUvoI75i", "billing_period": 1, "billing_period_unit": "month", "auto_collection": "off",
            "customer_id": "16CRpYTwv1YYb63b", "status": "active", "current_term_start": 1707265233,
            "current_term_end": 1709770833, "next_billing_at": 1709770833, "created_at": 1707265233,
            "started_at": 1707265233, "activated_at": 1707265233, "updated_at": 1707265233,
            "resource_version": 1707265233591, "deleted": False, "object": "subscription", "currency_code": "USD",
            "subscription_items": [{"item_price_id": "Netvvrk-Monthly-USD-Monthly", "item_type": "plan", "quantity": 1,
                                    "unit_price": 7900, "amount": 7900, "free_quantity": 0, "object": "subscription_item"}],
        },
        "customer": {"id": "16CRpYTwv1YYb63b", "email": "a@b.c", "company": "Acme", "object": "customer"},
    },
}  # fmt: skip


def form(event: str, number: str = "6921", **leaves: str) -> bytes:
    """A Maxio webhook: `subscription_product_name="Basic"` is payload[subscription][product][name]=Basic."""
    fields = {f"payload[{']['.join(path.split('__'))}]": value for path, value in leaves.items()}
    return urlencode({"id": number, "event": event, **fields}).encode()


def from_nested(message: dict[str, Any]) -> bytes:
    """Nested objects as the form that they stand for."""

    def pairs(node: Any, name: str) -> list[tuple[str, str]]:
        if not isinstance(node, dict):
            return [(name, str(node))]
        return [pair for key, inner in node.items() for pair in pairs(inner, f"{name}[{key}]" if name else key)]

    return urlencode(pairs(message, "")).encode()


MOVEMENT: dict[str, Any] = {
    "date": "2024-05-01T12:00:00Z", "type": "mrr_movement", "description": "upgraded", "movement_type": "expansion",
    "account_currency": "USD", "invoice_currency": "USD", "movement_amount_in_cent": 4900,
    "mrr_movement_in_account_currency": 4900, "mrr_movement_in_invoice_currency": 4900,
    "customer": {"name": "Acme", "uuid": "cus_ab223d54-75b4-431b-adb2-eb6b9e234571", "email": "a@b.c", "status": "Active",
                 "company": "Acme", "currency": "USD", "current_arr": 118800, "current_mrr": 9900,
                 "external_id": "34916129", "external_ids": ["34916129"], "custom_attributes": {}},
    "subscription": {"external_id": "sub_1"},
}  # fmt: skip

BAREMETRICS_SUBSCRIPTION: dict[str, Any] = {
    "oid": "sub_1", "source_id": "123", "started_at": NOON // 1000, "canceled_at": None, "canceled_reason": None,
    "quantity": 2, "plan": {"oid": "basic_plan", "source_id": "123", "name": "Basic", "interval": "month", "interval_count": 1,
                            "amounts": [{"currency": "USD", "symbol": "$", "symbol_right": False, "amount": 1000}]},
    "customer_oid": "acme",
}  # fmt: skip

TRIAL = {"status": "trialing", "trial_end": 1687299570, "trial_start": 1686089970}

EXAMPLES = [
    Example(
        "stripe", STRIPE,
        stripe("setup_intent.created", {"id": "seti_1NG8Du2eZvKYlo2C9XMqbR0x", "object": "setup_intent", "customer": "cus_1",
                                        "metadata": {}, "status": "requires_confirmation"}),
        [{"name": "setup_intent.created", "account": "stripe:cus_1", "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "user": None,
          "at": 1_686_089_970_500, "place": "billing", "actor": "system"}],
    ),
    Example(
        "stripe", STRIPE_SUBSCRIPTION, stripe("customer.subscription.created", SUBSCRIPTION),
        [{"name": "Subscription Created", "account": "stripe:cus_Na6dX7aXxi11N4", "at": 1_686_089_970_103,
          "properties": {"mrr": 1000, "currency": "USD", "seats": 1, "plan": "prod_Na6dGcTsmU0I4R", "renews_at": 1682288167},
          "traits": {"stripe_customer": "cus_Na6dX7aXxi11N4"}}],
    ),
    Example(
        "stripe", STRIPE_SUBSCRIPTION, stripe("customer.subscription.created", {**SUBSCRIPTION, **TRIAL}),
        [{"name": "Trial Started", "place": "product", "properties": {"ends_at": 1687299570, "mrr": None}}],
    ),
    Example(
        "chargebee", CHARGEBEE, CHARGEBEE_EVENT,
        [{"name": "Subscription Created", "account": "chargebee:16CRpYTwv1YYb63b", "id": "ev_169vvoU3YUvqS75n",
          "at": 1_707_265_233_591, "properties": {"mrr": 7900, "currency": "USD", "seats": 1, "renews_at": 1709770833,
                                                  "plan": "Netvvrk-Monthly-USD-Monthly"}}],
    ),
    Example(
        "maxio", MAXIO,
        form("signup_success", subscription__product__name="Basic", subscription__product__price_in_cents="4900",
             subscription__product__interval="1", subscription__product__interval_unit="month",
             subscription__state="active", subscription__customer__reference="acme", subscription__customer__id="77",
             subscription__updated_at="2012-07-16 13:21:13 -0400", subscription__currency="USD"),
        [{"name": "Subscription Created", "account": "acme", "id": "000000006921", "at": 1_342_459_273_000,
          "properties": {"mrr": 4900, "currency": "USD", "plan": "Basic"}, "traits": {"maxio_customer": "77"}}],
    ),
    Example(
        "chartmogul", CHARTMOGUL, MOVEMENT,
        [{"name": "Subscription Updated", "account": "34916129", "at": NOON, "properties": {"mrr": 9900, "movement": 4900}},
         {"name": "Subscription Upgraded", "account": "34916129", "at": NOON, "properties": {"mrr": 9900, "currency": "USD"}}],
    ),
    Example(
        "baremetrics", "https://developers.baremetrics.com/reference/quick-start", BAREMETRICS_SUBSCRIPTION,
        [{"name": "Subscription Created", "account": "acme", "at": NOON, "id": "123/sub_1/started",
          "properties": {"mrr": 2000, "currency": "USD", "plan": "basic_plan", "seats": 2}}],
    ),
]  # fmt: skip

OBJECT = "data.object"

FULL = [
    Full(
        "stripe",
        stripe("invoice.paid", {
            "object": "invoice", "id": "in_1", "amount_paid": 100, "currency": "eur", "customer": {"id": "cus_2"},
            "client_reference_id": "a4", "subscription_details": {"metadata": {"account_id": "a5"}},
            "parent": {"subscription_details": {"metadata": {"account_id": "a6"}}},
            "metadata": {"account_id": "a1", "accountId": "a2", "organization_id": "a3", "user_id": "u1", "userId": "u2"},
        }),
        {
            "time": {"created": 1_686_089_970_200},
            "id": {"id": "evt_1NG8Du2eZvKYlo2CUI79vXWy"},
            "user": {f"{OBJECT}.metadata.user_id": "u1", f"{OBJECT}.metadata.userId": "u2"},
            "account": {
                f"{OBJECT}.metadata.account_id": "a1", f"{OBJECT}.metadata.accountId": "a2",
                f"{OBJECT}.metadata.organization_id": "a3", f"{OBJECT}.client_reference_id": "a4",
                f"{OBJECT}.subscription_details.metadata.account_id": "a5",
                f"{OBJECT}.parent.subscription_details.metadata.account_id": "a6",
                f"stripe:{{{OBJECT}.customer.id}}": "stripe:cus_2",
                f"stripe:{{{OBJECT}.customer}}": Given({f"{OBJECT}.customer": "cus_3"}, "stripe:cus_3"),
            },
        },
    ),
    Full(
        "chargebee",
        {"id": "ev_1", "occurred_at": NOON // 1000, "event_type": "payment_failed", "content": {
            "customer": {"id": "c1", "meta_data": {"account_id": "a1", "user_id": "u1"}},
            "subscription": {"customer_id": "c2", "meta_data": {"account_id": "a2"}}, "invoice": {"customer_id": "c3"},
            "transaction": {"customer_id": "c4"}, "credit_note": {"customer_id": "c5"}}},
        {
            "time": {"occurred_at": NOON}, "id": {"id": "ev_1"}, "user": {"content.customer.meta_data.user_id": "u1"},
            "account": {
                "content.customer.meta_data.account_id": "a1", "content.subscription.meta_data.account_id": "a2",
                "chargebee:{content.customer.id}": "chargebee:c1", "chargebee:{content.subscription.customer_id}": "chargebee:c2",
                "chargebee:{content.invoice.customer_id}": "chargebee:c3",
                "chargebee:{content.transaction.customer_id}": "chargebee:c4",
                "chargebee:{content.credit_note.customer_id}": "chargebee:c5",
            },
        },
    ),
    Full(
        "maxio",
        {"id": "12", "event": "payment_failure", "payload": {
            "transaction": {"created_at": "2024-05-01 08:00:00 -0400"},
            "subscription": {"updated_at": "2024-05-01 08:00:01 -0400", "customer": {"reference": "a1", "id": "1"}},
            "customer": {"updated_at": "2024-05-01 08:00:02 -0400", "reference": "a2", "id": "2"}}},
        {
            "time": {"payload.transaction.created_at": NOON, "payload.subscription.updated_at": NOON + 1_000,
                     "payload.customer.updated_at": NOON + 2_000, "@record": RECORD_TIME},
            "id": {"id": "000000000012"},
            "account": {
                "payload.subscription.customer.reference": "a1", "payload.customer.reference": "a2",
                "maxio:{payload.subscription.customer.id}": "maxio:1", "maxio:{payload.customer.id}": "maxio:2",
            },
        },
        wrap=from_nested,
    ),
    Full(
        "chartmogul", MOVEMENT,
        {
            "time": {"date": NOON},
            "id": {
                "{customer.uuid}/{subscription.external_id}/{date}/{movement_type}":
                    "cus_ab223d54-75b4-431b-adb2-eb6b9e234571/sub_1/2024-05-01T12:00:00Z/expansion",
                "{customer.uuid}/{date}/{movement_type}": Given(
                    {"customer.uuid": "c", "date": "2024-05-01T12:00:00Z", "movement_type": "churn"},
                    "c/2024-05-01T12:00:00Z/churn",
                ),
            },
            "account": {
                "stripe:{customer.stripe_customer}": Given({"customer.external_id": "cus_9"}, "stripe:cus_9"),
                "customer.external_id": "34916129",
                "chartmogul:{customer.uuid}": "chartmogul:cus_ab223d54-75b4-431b-adb2-eb6b9e234571",
            },
        },
        {"id": {"date": "2024-05-01T12:00:00Z", "movement_type": "churn"}},
    ),
    Full(
        "baremetrics",
        {"oid": "o1", "source_id": "s1", "canceled_at": NOON // 1000, "started_at": NOON // 1000 - 9, "amount": 1,
         "created": NOON // 1000 - 99, "customer": {"oid": "a1"}, "customer_oid": "a2", "plan": {}},
        {
            "time": {"canceled_at": Given({"started_at": None}, NOON), "started_at": NOON - 9_000, "created": NOON - 99_000},
            "id": {"{source_id}/{oid}": "s1/o1/started", "oid": Given({"oid": "o2"}, "o2/started")},
            "account": {
                "stripe:{customer.stripe_customer}": Given({"customer.oid": "cus_9"}, "stripe:cus_9"),
                "customer.oid": "a1", "customer_oid": "a2",
            },
        },
    ),
]  # fmt: skip
