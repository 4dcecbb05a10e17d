"""The whole company on the wire: every event of the story as its vendor's record, in the order in which things happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.demo.company import Company
from deploy.demo.script import SECOND
from deploy.demo.wire.billing import Billing
from deploy.demo.wire.books import Books, Fact, Sent
from deploy.demo.wire.crm import Crm
from deploy.demo.wire.office import Office
from deploy.demo.wire.product import Product
from deploy.demo.wire.support import Support
from deploy.demo.wire.website import Website

CALENDAR = f"mapping:{Path(__file__).with_name('calendar.yaml')}"

SOURCES = {
    "segment": "segment", "snowplow": "snowplow", "hubspot": "hubspot", "salesforce": "salesforce", "posthog": "posthog",
    "calendar": CALENDAR, "stripe": "stripe", "zendesk": "zendesk", "delighted": "delighted", "cloudevents": "cloudevents",
}  # fmt: skip
"""Who sends, and the decoder that reads it, as a deployment's settings would have it: a topic each."""

WEBSITE = frozenset({"Page Viewed", "Form Submitted"})
SALES = frozenset({"Lead Created", "Demo Booked", "Deal Opened", "Deal Won", "Deal Lost"})
MONEY = frozenset(
    {
        "Trial Started", "Trial Ended", "Subscription Created", "Subscription Reactivated", "Subscription Updated",
        "Subscription Upgraded", "Subscription Renewed", "Subscription Ended", "Add-on Purchased", "Cancellation Requested",
        "Renewal Declined", "Renewal Declined Undone", "Invoice Paid", "Invoice Overdue", "Invoice Payment Failed",
    }
)  # fmt: skip
HELP = frozenset({"Ticket Opened", "Ticket Solved", "NPS Answered"})
OFFICE = frozenset(
    {
        "Campaign Touched", "Onboarding Kickoff", "Implementation Started", "Referral Made", "Review Published",
        "Reference Call Given", "Testimonial Given",
    }
)  # fmt: skip
NOISE = ("b-crawler", "t-robot")


def records(company: Company) -> list[Sent]:
    """All records, in order of event time; what is of one instant as it was written."""
    wire = Wire(company)
    found = [record for event in company.events() for record in wire.take(event)]
    return sorted(found, key=lambda record: record.at)


class Wire:
    """Hands each event of the story to the vendor that would send it."""

    def __init__(self, company: Company) -> None:
        books = Books(company.diaries)
        self._website, self._product, self._crm = Website(books), Product(books), Crm(books)
        self._billing, self._support, self._office = Billing(books), Support(books), Office(books)
        self._books = books
        self._quota: dict[str, float] = {}

    def take(self, event: Fact) -> Iterator[Sent]:
        at, key, name = round(event["at"] * 1000), event["id"], event["event"]
        if name == "Account Identified":
            self._crm.knows(event)
        elif name in WEBSITE and event["user"] not in NOISE:
            yield from self._website.take(at, event, key)
            if name == "Form Submitted":
                yield from self._crm.form(at, event, key)
        elif name in SALES:
            yield from self._crm.take(at, event, key)
        elif name in MONEY:
            yield from self._money(at, event, key)
        elif name in HELP:
            yield from self._support.take(at, event, key)
        elif name in OFFICE:
            yield from self._office.take(at, event, key)
        else:
            yield from self._product.take(at, event, key)

    def _money(self, at: int, event: Fact, key: str) -> Iterator[Sent]:
        account, name = event["account"], event["event"]
        if not self._billing.has(account):
            told = {"stripe_customer": self._books.stripe_customer(account)}
            yield self._billing.customer(at - 20 * SECOND, account)
            yield self._crm.group(at - 10 * SECOND, account, told, f"{key}/customer")
        if name == "Renewal Declined Undone" and not self._billing.runs(account):
            yield from self._office.take(
                at, event, key
            )  # a former customer's change of mind is nothing that Stripe knows of
            return
        yield from self._billing.take(at, event, key)
        used = event.get("properties", {}).get("quota_used")
        if used is not None and self._quota.get(account) != used:
            self._quota[account] = used
            yield self._office.quota(at + SECOND, account, used, key)
