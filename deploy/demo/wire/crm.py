"""CRM: HubSpot for contacts, Salesforce for leads, accounts and deals, and the job that tells PostHog which of them are one.

HubSpot and Salesforce each make a record of the same firm, and know its site. Which account of the product it is only the
company's own job says, which writes all the names into the group in PostHog.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.demo.script import MINUTE, SECOND
from deploy.demo.wire.books import Books, Fact, Sent, number, rfc3339, sent, uuid

PORTAL = 48_120_377
STAGES = {"Deal Won": "Closed Won", "Deal Lost": "Closed Lost"}


class Crm:
    """Keeps which opportunity of an account is open, and what the CRM says of the account until somebody fills a form."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._traits: dict[str, Fact] = {}
        self._deals: dict[str, str] = {}
        self._opened = 0

    def knows(self, fact: Fact) -> None:
        """What is to be told of an account once it is made."""
        self._traits[fact["account"]] = fact["traits"]

    # --- from the website's form to an account ------------------------------------------------------------------------

    def form(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        """Somebody left their address: a contact, a company, an account, and all its names."""
        user, account = fact["user"], fact["account"]
        contact, company = self._books.hubspot_contact(user), self._books.hubspot_company(account)
        domain = self._books.domain(account)
        mail = {"propertyName": "email", "propertyValue": self._books.mail(user)}
        site = {"propertyName": "domain", "propertyValue": domain}
        both = {
            "fromObjectId": contact,
            "toObjectId": company,
            "associationType": "CONTACT_TO_COMPANY",
            "associationRemoved": False,
        }
        yield self._hubspot(at + 2 * SECOND, "contact.creation", contact)
        yield self._hubspot(at + 3 * SECOND, "contact.propertyChange", contact, **mail)
        yield self._hubspot(at + 10 * SECOND, "company.creation", company)
        yield self._hubspot(at + 11 * SECOND, "company.propertyChange", company, **site)
        yield self._hubspot(at + 12 * SECOND, "contact.associationChange", None, **both)
        record = self._books.salesforce_account(account)
        fields = {
            "Name": self._books.title(account),
            "Website": f"https://www.{domain}",
            "OwnerId": self._books.salesforce("005", account),
        }
        yield self._salesforce(at + 20 * SECOND, "Account", "CREATE", record, fields)
        names = {"domain": domain, "hubspot_company": str(company), "salesforce_account": record}
        yield self.group(at + MINUTE, account, {**self._traits[account], **names}, key)

    def group(self, at: int, account: str, told: Fact, key: str) -> Sent:
        """What the company's own job knows of an account, written into PostHog's group."""
        return sent("posthog", at, {
            "api_key": "phc_flowboard", "event": "$groupidentify", "distinct_id": f"$company_{account}", "uuid": uuid("group", key),
            "properties": {"$group_type": "company", "$group_key": account, "$group_set": told, "$lib": "posthog-python"},
            "timestamp": rfc3339(at),
        })  # fmt: skip

    # --- deals --------------------------------------------------------------------------------------------------------

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        event, account = fact["event"], fact["account"]
        if event == "Lead Created":
            yield self._lead(at, account, fact["properties"]["origin"])
        elif event == "Demo Booked":
            yield self._calendar(at, account, key)
            yield from self._opens(at + MINUTE, account, "Discovery")
        elif event == "Deal Opened":
            yield from self._opens(at, account, "Proposal")
        else:
            fields = {"StageName": STAGES[event], "IsClosed": True, "LastModifiedDate": rfc3339(at)}
            reason = fact["properties"].get("reason")
            more = {} if reason is None else {"Loss_Reason__c": reason}
            yield self._salesforce(at, "Opportunity", "UPDATE", self._deals.pop(account), {**fields, **more})

    def _opens(self, at: int, account: str, stage: str) -> Iterator[Sent]:
        """An opportunity, unless one is open: then it moves on."""
        known = self._deals.get(account)
        if known is not None:
            yield self._salesforce(at, "Opportunity", "UPDATE", known, {"StageName": stage})
            return
        self._opened += 1
        deal = self._deals[account] = self._books.salesforce("006", account, self._opened)
        fields = {
            "Name": f"{self._books.title(account)} - new",
            "AccountId": self._books.salesforce_account(account),
            "StageName": stage,
        }
        yield self._salesforce(at, "Opportunity", "CREATE", deal, fields)

    def _lead(self, at: int, account: str, origin: str) -> Sent:
        lead = self._books.lead(account)
        fields = {
            "Name": lead.name,
            "Email": lead.email,
            "Company": self._books.title(account),
            "LeadSource": origin,
            "Status": "Open",
        }
        return self._salesforce(at, "Lead", "CREATE", self._books.salesforce("00Q", lead.id), fields)

    def _calendar(self, at: int, account: str, key: str) -> Sent:
        """A meeting booked on a page that the CRM's mail led to, which names its record."""
        return sent("calendar", at, {
            "event": "invitee.created", "created_at": rfc3339(at), "created_by": f"https://calendar.example/users/{uuid(account)}",
            "payload": {"uri": f"https://calendar.example/invitees/{uuid('invitee', key)}", "status": "active",
                        "email": self._books.lead(account).email, "name": self._books.lead(account).name,
                        "tracking": {"utm_source": "email", "salesforce_uuid": self._books.salesforce_account(account)}},
        })  # fmt: skip

    # --- envelopes ----------------------------------------------------------------------------------------------------

    def _hubspot(self, at: int, kind: str, thing: int | None, **more: Any) -> Sent:
        told = {} if thing is None else {"objectId": thing}
        return sent("hubspot", at, [{
            "eventId": number("hubspot", kind, thing, at, digits=10), "subscriptionId": number(kind, digits=7), "portalId": PORTAL,
            "appId": 3_120_551, "occurredAt": at, "subscriptionType": kind, "attemptNumber": 0, **told, **more,
            "changeSource": "FORM",
        }])  # fmt: skip

    def _salesforce(self, at: int, kind: str, change: str, record: str, fields: Fact) -> Sent:
        header = {
            "entityName": kind, "recordIds": [record], "changeType": change, "changeOrigin": "com/salesforce/api/soap/59.0",
            "transactionKey": uuid("transaction", record, at), "sequenceNumber": 1, "commitTimestamp": at,
            "commitNumber": number("commit", record, at, digits=14), "commitUser": self._books.salesforce("005", "sales"),
            "changedFields": [] if change == "CREATE" else sorted(fields),
        }  # fmt: skip
        payload = {"ChangeEventHeader": header, **fields}
        schema = uuid("schema", kind)
        event = {"replayId": number("replay", record, at, digits=8)}
        return sent(
            "salesforce",
            at,
            {"channel": f"/data/{kind}ChangeEvent", "data": {"schema": schema, "payload": payload, "event": event}},
        )
