"""Support: tickets from Zendesk, surveys from Delighted. Zendesk knows organisations and requesters, Delighted addresses."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.demo.script import MINUTE, SECOND
from deploy.demo.wire.books import Books, Fact, Sent, number, rfc3339, seconds, sent, uuid

TENANT = 14_201_662
"""The company's own Zendesk. Never a customer."""


class Support:
    """Zendesk and Delighted. Before an account's first ticket somebody enters its organisation and who writes for it."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._entered: set[str] = set()

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        account = fact["account"]
        if fact["event"] == "NPS Answered":
            yield self._survey(at, account, fact["properties"]["score"], key)
            return
        if account not in self._entered:
            self._entered.add(account)
            yield from self._enters(at, account)
        yield self._ticket(at, account, fact, key)

    def _enters(self, at: int, account: str) -> Iterator[Sent]:
        lead, subject = self._books.lead(account), str(self._books.zendesk_organization(account))
        detail = {"id": subject, "name": self._books.title(account), "external_id": account}
        yield self._zendesk(
            at - 2 * MINUTE, "organization.created", f"organization:{subject}", detail, {}, f"organization/{account}"
        )
        person = str(self._books.zendesk_user(lead.id))
        known = {"id": person, "name": lead.name, "email": lead.email, "external_id": lead.id, "role": "end-user"}
        yield self._zendesk(at - MINUTE, "user.created", f"user:{person}", known, {}, f"user/{lead.id}")

    def _ticket(self, at: int, account: str, fact: Fact, key: str) -> Sent:
        opened = fact["event"] == "Ticket Opened"
        ticket = str(number("ticket", fact["properties"]["ticket"], digits=6))
        requester = str(self._books.zendesk_user(self._books.lead(account).id))
        detail = {
            "id": ticket, "subject": "A question", "status": "NEW" if opened else "SOLVED", "priority": "NORMAL", "via": {"channel": "web"},
            "requester_id": requester, "submitter_id": requester, "organization_id": str(self._books.zendesk_organization(account)),
            "created_at": rfc3339(at), "updated_at": rfc3339(at),
        }  # fmt: skip
        change = {} if opened else {"current": "SOLVED", "previous": "OPEN"}
        return self._zendesk(
            at, "ticket.created" if opened else "ticket.status_changed", f"ticket:{ticket}", detail, change, key
        )

    def _zendesk(self, at: int, kind: str, subject: str, detail: Fact, change: Fact, key: str) -> Sent:
        return sent("zendesk", at, {
            "type": f"zen:event-type:{kind}", "account_id": TENANT, "id": uuid("zendesk", key), "time": rfc3339(at),
            "zendesk_event_version": "2022-11-06", "subject": f"zen:{subject}", "detail": detail,
            "event": {**change, "meta": {"sequence": {"id": uuid("sequence", key), "position": 1}}},
        })  # fmt: skip

    def _survey(self, at: int, account: str, score: int, key: str) -> Sent:
        """Somebody who is in the product answers; the survey says at whose site they are."""
        here = self._books.here(account, at)
        person = here[number(key, digits=6) % len(here)]
        known = {"id": str(number("respondent", person.id)), "email": person.email, "name": person.name}
        return sent("delighted", at - at % SECOND, {
            "event_type": "survey_response.created", "event_id": f"dl-{uuid('survey', key)}",
            "event_data": {"id": str(number("response", key)), "person": known, "survey_type": "nps", "score": score, "comment": None,
                           "created_at": seconds(at), "updated_at": seconds(at),
                           "person_properties": {"company": self._books.domain(account), "Delighted Source": "Email"}},
        })  # fmt: skip
