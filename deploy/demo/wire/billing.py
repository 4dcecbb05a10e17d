"""Billing: Stripe's webhook events of customers, subscriptions and invoices, for what happens to an account's contract.

One event of Stripe's says what several of ours say: an update whose price or period changed is the upgrade or the renewal.
A price without a quantity is a flat one: who buys by card has no seats.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from deploy.demo.script import SECOND
from deploy.demo.wire.books import Books, Fact, Sent, hexed, seconds, sent
from schemas.time import parse_time

SILENT = frozenset({"Subscription Renewed", "Subscription Upgraded"})
"""Steps of a contract that the update before them tells in Stripe's words."""

INVOICES = {
    "Invoice Paid": "invoice.paid",
    "Invoice Overdue": "invoice.overdue",
    "Invoice Payment Failed": "invoice.payment_failed",
}

DAY = 86_400


class Billing:
    """Stripe: the subscription of each account as it stands, and what was told when it changed."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._customers: set[str] = set()
        self._subscriptions: dict[str, Fact] = {}
        self._made = 0

    def has(self, account: str) -> bool:
        """Whether Stripe knows the account."""
        return account in self._customers

    def runs(self, account: str) -> bool:
        """Whether there is a subscription that has not ended."""
        return account in self._subscriptions

    def customer(self, at: int, account: str) -> Sent:
        """The account becomes a customer of Stripe's."""
        self._customers.add(account)
        mail = f"billing@{self._books.domain(account)}"
        thing = {"object": "customer", "id": self._books.stripe_customer(account), "name": self._books.title(account), "email": mail,
                 "metadata": {}, "created": seconds(at)}  # fmt: skip
        return self._event(at, "customer.created", thing, None, f"customer/{account}")

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        event, account, told = fact["event"], fact["account"], fact.get("properties", {})
        if event in SILENT:
            return
        if event in INVOICES:
            yield self._invoice(at, event, account, told, key)
        elif event == "Trial Started":
            yield self._begins(at, account, self._trial(at), key)
        elif event in ("Subscription Created", "Subscription Reactivated"):
            yield self._bought(at, account, told, key)
        elif event in ("Subscription Ended", "Trial Ended"):
            yield self._ends(at, account, told, key, trial=event == "Trial Ended")
        else:
            yield self._changes(at, account, self._changed(event, account, told), key)

    # --- subscriptions ------------------------------------------------------------------------------------------------

    def _trial(self, at: int) -> Fact:
        price = {
            "id": "price_trial",
            "lookup_key": "trial",
            "unit_amount": 0,
            "recurring": {"interval": "month", "interval_count": 1},
        }
        ends = seconds(at) + 30 * DAY
        items = [{"id": "si_trial", "object": "subscription_item", "price": price}]
        return {"status": "trialing", "items": items, "current_period_end": ends, "trial_end": ends}

    def _terms(self, at: int, told: Fact) -> Fact:
        """A subscription's price and period. They pay the whole term at once, half a year or a year."""
        renews = seconds(parse_time(told["renews_at"]) or 0)
        months = 12 if renews - seconds(at) > 270 * DAY else 6
        return {"status": "active", "items": [_item(told, months)], "current_period_end": renews}

    def _bought(self, at: int, account: str, told: Fact, key: str) -> Sent:
        terms = self._terms(at, told)
        if account in self._subscriptions:  # the trial goes on as a contract
            return self._changes(at, account, terms, key)
        return self._begins(at, account, {**terms, "trial_end": None}, key)

    def _begins(self, at: int, account: str, terms: Fact, key: str) -> Sent:
        self._made += 1
        currency = self._books.accounts[account].currency.lower()
        self._subscriptions[account] = {
            "object": "subscription", "id": f"sub_{hexed('subscription', account, self._made)}", "metadata": {}, "currency": currency,
            "customer": self._books.stripe_customer(account), "cancel_at_period_end": False, "created": seconds(at), **terms,
        }  # fmt: skip
        return self._event(at, "customer.subscription.created", self._shown(account), None, key)

    def _changed(self, event: str, account: str, told: Fact) -> Fact:
        """What an update changes in the subscription."""
        if event == "Subscription Updated":
            now = self._subscriptions[account]
            months = now["items"][0]["price"]["recurring"]["interval_count"]
            renews = seconds(parse_time(told["renews_at"]) or 0)
            return {"items": [_item(told, months), *now["items"][1:]], "current_period_end": renews}
        if event == "Add-on Purchased":
            months = self._subscriptions[account]["items"][0]["price"]["recurring"]["interval_count"]
            price = _price(told["addon"], told["amount"] * months, months)
            more = {"id": f"si_{told['addon']}", "object": "subscription_item", "price": price}
            return {"items": [*self._subscriptions[account]["items"], more]}
        return {"cancel_at_period_end": event in ("Cancellation Requested", "Renewal Declined")}

    def _changes(self, at: int, account: str, terms: Fact, key: str) -> Sent:
        now = self._subscriptions[account]
        before = {name: now.get(name) for name, value in terms.items() if now.get(name) != value}
        if "items" in before:
            before["items"] = {"object": "list", "data": deepcopy(before["items"])}
        now.update(terms)
        return self._event(at, "customer.subscription.updated", self._shown(account), before, key)

    def _ends(self, at: int, account: str, told: Fact, key: str, trial: bool) -> Sent:
        ended = {"status": "canceled", "ended_at": seconds(at), "cancellation_details": {"reason": told.get("reason")}}
        thing = {**self._shown(account), **ended, **({"trial_end": seconds(at)} if trial else {})}
        del self._subscriptions[account]
        return self._event(at, "customer.subscription.deleted", thing, None, key)

    def _shown(self, account: str) -> Fact:
        thing = deepcopy(self._subscriptions[account])
        return {**thing, "items": {"object": "list", "data": thing["items"]}}

    # --- invoices -----------------------------------------------------------------------------------------------------

    def _invoice(self, at: int, event: str, account: str, told: Fact, key: str) -> Sent:
        paid = event == "Invoice Paid"
        thing = {
            "object": "invoice", "id": f"in_{hexed('invoice', told['invoice'])}", "customer": self._books.stripe_customer(account),
            "currency": told["currency"].lower(), "amount_due": told["amount"], "amount_paid": told["amount"] if paid else 0,
            "status": "paid" if paid else "open", "metadata": {}, "billing_reason": "subscription_cycle",
        }  # fmt: skip
        return self._event(at, INVOICES[event], thing, None, key)

    def _event(self, at: int, kind: str, thing: Fact, before: Fact | None, key: str) -> Sent:
        data: Fact = {"object": thing} if before is None else {"object": thing, "previous_attributes": before}
        return sent("stripe", at - at % SECOND, {
            "id": f"evt_{hexed('stripe', key)}", "object": "event", "api_version": "2024-06-20", "created": seconds(at), "type": kind,
            "livemode": True, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "data": data,
        })  # fmt: skip


def _item(told: Fact, months: int) -> Fact:
    """A subscription item at this price a month. Without seats the price is flat, and the item has no quantity."""
    seats = told.get("seats")
    unit, rest = divmod(told["mrr"] * months, seats or 1)
    assert rest == 0, "the price of a seat is a whole number of cents"
    item: dict[str, Any] = {
        "id": f"si_{told['plan']}",
        "object": "subscription_item",
        "price": _price(told["plan"], unit, months),
    }
    return item if seats is None else {**item, "quantity": seats}


def _price(name: str, amount: int, months: int) -> Fact:
    return {
        "object": "price", "id": f"price_{name}", "lookup_key": name, "unit_amount": amount,
        "recurring": {"interval": "month", "interval_count": months, "usage_type": "licensed"},
    }  # fmt: skip
