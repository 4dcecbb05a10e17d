"""Vocabulary: the canonical event names, where each happens, and the properties that measures may rely on. Data only.

Names follow Segment's B2B SaaS spec where it has them. A source's own names pass through unchanged; a definition
selects either. Money is a whole number of the currency's minor unit (cents) with `currency` (ISO 4217) beside it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal, NamedTuple

from schemas.event import Place

Unit = Literal["minor units", "seats", "score 0-10", "share 0-1", "days", "seconds"]


class Property(NamedTuple):
    """One property of an event. `type` names its JSON type, `time` being epoch seconds or RFC 3339."""

    name: str
    type: Literal["text", "number", "boolean", "time"]
    unit: Unit | None = None
    required: bool = True


class Name(NamedTuple):
    """One canonical event: its name, where it happens, what it carries and what it says."""

    name: str
    place: Place
    properties: tuple[Property, ...]
    meaning: str


def _optional(*properties: Property) -> tuple[Property, ...]:
    return tuple(p._replace(required=False) for p in properties)


_MRR = Property("mrr", "number", "minor units")
_CURRENCY = Property("currency", "text")
_SEATS = Property("seats", "number", "seats")
_PLAN = Property("plan", "text")
_RENEWS = Property("renews_at", "time")
_QUOTA = Property("quota_used", "number", "share 0-1")
_AMOUNT = Property("amount", "number", "minor units")
_INVOICE = Property("invoice", "text")
_FEATURE = Property("feature", "text")
_STEP = Property("step", "text")
_DEAL = Property("deal", "text")
_TICKET = Property("ticket", "text")
_REASON = _optional(Property("reason", "text"))
_TERMS = (_MRR, _CURRENCY, _PLAN, _RENEWS, *_optional(_SEATS, _QUOTA))

VOCABULARY: tuple[Name, ...] = (
    # marketing
    Name("Page Viewed", "website", _optional(Property("name", "text"), Property("path", "text")), "a page was seen"),
    Name("Form Submitted", "website", _optional(Property("form", "text")), "somebody left their details"),
    Name(
        "Campaign Touched", "mail", _optional(Property("campaign", "text")), "a campaign reached somebody who reacted"
    ),
    Name("Lead Created", "crm", _optional(Property("origin", "text")), "marketing handed a lead to sales"),
    # sales
    Name("Demo Booked", "crm", (), "a demonstration is in the calendar"),
    Name("Trial Started", "product", _optional(_PLAN, Property("ends_at", "time")), "the product can be tried"),
    Name("Trial Ended", "product", _optional(_PLAN), "the trial is over"),
    Name("Deal Opened", "crm", (_DEAL, *_optional(_AMOUNT, _CURRENCY)), "sales works on a deal"),
    Name("Deal Won", "crm", (_DEAL, *_optional(_AMOUNT, _CURRENCY)), "the customer signed"),
    Name("Deal Lost", "crm", (_DEAL, *_REASON), "the customer said no"),
    Name(
        "Contact Role Set",
        "crm",
        (Property("role", "text"),),
        "a person's part in the account: champion, sponsor",
    ),
    # revenue
    Name("Subscription Created", "billing", _TERMS, "a paid term begins"),
    Name("Subscription Updated", "billing", _TERMS, "its price, seats or plan changed"),
    Name("Subscription Upgraded", "billing", _TERMS, "it grew: a higher plan, more seats"),
    Name("Subscription Downgraded", "billing", _TERMS, "it shrank: a lower plan, fewer seats"),
    Name("Subscription Renewed", "billing", _TERMS, "another paid term begins"),
    Name("Subscription Reactivated", "billing", _TERMS, "a former customer pays again"),
    Name("Subscription Ended", "billing", _REASON, "the paid term ended; not the click on cancel"),
    Name("Add-on Purchased", "billing", (Property("addon", "text"), *_optional(_AMOUNT, _CURRENCY)), "more was bought"),
    Name("Cancellation Requested", "billing", _REASON, "the customer asked to cancel at the end of the term"),
    Name("Renewal Declined", "billing", _REASON, "the term will not be renewed"),
    Name("Renewal Declined Undone", "billing", (), "the term will be renewed after all"),
    Name("Invoice Paid", "billing", (_INVOICE, _AMOUNT, _CURRENCY), "an invoice was paid"),
    Name("Invoice Payment Failed", "billing", (_INVOICE, _AMOUNT, _CURRENCY), "a charge failed"),
    Name("Invoice Overdue", "billing", (_INVOICE, _AMOUNT, _CURRENCY), "an invoice is late"),
    # customer experience
    Name("Onboarding Kickoff", "crm", (), "onboarding began"),
    Name("Implementation Started", "crm", (), "the product is being set up for the customer"),
    Name("Ticket Opened", "support", (_TICKET, *_optional(Property("severity", "text"))), "somebody asked for help"),
    Name("Ticket Solved", "support", (_TICKET,), "a request for help was answered"),
    Name(
        "NPS Answered",
        "support",
        (Property("score", "number", "score 0-10"),),
        "a survey: how likely they recommend the product",
    ),
    Name("Referral Made", "crm", (), "a customer named another one"),
    Name(
        "Review Published",
        "crm",
        _optional(Property("site", "text"), Property("stars", "number")),
        "a customer reviewed the product in public",
    ),
    Name("Reference Call Given", "crm", (), "a customer spoke for us"),
    Name("Testimonial Given", "crm", (), "a customer may be quoted"),
    Name(
        "Alert Snoozed",
        "crm",
        (Property("alert", "text"), Property("until", "time")),
        "an open alert of this entity is silenced until then",
    ),
    # product
    Name("Signed Up", "product", _optional(_PLAN), "a user account was made"),
    Name("Signed In", "product", (), "a session began"),
    Name("Signed Out", "product", (), "a session ended"),
    Name("Invite Sent", "product", _optional(Property("invitee", "text")), "a colleague was invited"),
    Name("Invite Accepted", "product", (), "an invited colleague joined"),
    Name("Setup Step Completed", "product", (_STEP,), "one step of the set-up is done"),
    Name("Feature Used", "product", (_FEATURE,), "something of value was done"),
    Name("Feature Blocked", "product", (_FEATURE,), "a feature of a higher plan was wanted"),
    Name("Quota Reported", "product", (_QUOTA,), "how much of its plan an account uses, which billing does not say"),
    Name("Report Created", "product", _optional(_FEATURE), "a result was made"),
    Name("Data Exported", "product", _optional(_FEATURE), "a result was taken away"),
    Name("Screen Viewed", "product", _optional(Property("name", "text")), "a screen of the app was seen"),
    # identity
    Name("Identified", "product", (), "who a user is: traits"),
    Name("User Aliased", "product", (Property("previous_id", "text"),), "two ids are one person"),
    Name("Account Identified", "product", (), "what an account is: traits"),
    Name("Account Created", "product", _optional(Property("name", "text")), "an account was made"),
    Name("Account Deleted", "product", (), "an account was closed"),
    Name("Account Added User", "product", (), "a member joined"),
    Name("Account Removed User", "product", (), "a member left"),
)

NAMES: dict[str, Name] = {name.name: name for name in VOCABULARY}

PLACE_OF: dict[str, Place] = {name.name: name.place for name in VOCABULARY}
"""Where an event happens whose record does not say so; names that are not here happen in the product."""

IDENTITY = frozenset(
    {
        "Identified", "User Aliased", "Account Identified", "Account Created", "Account Deleted", "Account Added User",
        "Account Removed User",
    }
)  # fmt: skip
"""Who is who. It is said wherever somebody keeps a list of people or accounts: in the CRM it happens in the CRM."""


def nearest_name(name: str) -> str | None:
    """The canonical name that is spelled most like this one, whatever its case and separators; None if none is."""
    wanted = name.replace("_", " ").replace("-", " ").casefold()
    plain = {known.replace("-", " ").casefold(): known for known in NAMES}
    found = get_close_matches(wanted, plain, n=1, cutoff=0.75)  # below, the suggestions are more often wrong than right
    return plain[found[0]] if found else None
