"""Sources zendesk, intercom and delighted: whose account it is, order within a second, leads, and answers that are revised."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.sources import decode
from schemas.sources.outcome import Skipped
from tests.schemas.sources.examples import changed
from tests.schemas.sources.examples_customer import ANSWER, CLOSED, NOON, intercom, zendesk


def read(source: str, message: Any) -> Any:
    (found,) = decode(source, orjson.dumps(message))
    return found


# --- zendesk

TICKET = {"id": "35436", "requester_id": "84", "submitter_id": "84", "organization_id": "31", "priority": "HIGH"}


def test_the_organisation_is_the_account_and_your_own_zendesk_is_not() -> None:
    found = read("zendesk", zendesk("ticket.created", TICKET))
    assert (found.account, found.anonymous, found.user, found.actor) == ("zendesk:31", "zendesk:84", None, "user")
    assert found.properties == {"ticket": "35436", "severity": "HIGH"}
    assert read("zendesk", zendesk("ticket.created", {**TICKET, "organization_id": "0"})).account is None


@pytest.mark.parametrize(
    ("event", "name"),
    [({"current": "SOLVED", "previous": "OPEN"}, "Ticket Solved"), ({"current": "OPEN"}, "ticket.status_changed")],
)
def test_only_a_ticket_that_becomes_solved_is_solved(event: dict[str, Any], name: str) -> None:
    found = read("zendesk", zendesk("ticket.status_changed", TICKET, event))
    assert (found.name, found.actor) == (name, "staff")


def test_events_of_one_act_are_in_the_order_of_their_positions() -> None:
    found = [
        read("zendesk", zendesk("ticket.priority_changed", TICKET, {"meta": {"sequence": {"position": p}}}, id=i))
        for p, i in ((1, "z"), (2, "b"), (9, "a"), (10_000, "c"))
    ]
    assert sorted(found, key=lambda e: (e.at, e.id)) == found
    assert {event.at // 1000 for event in found} == {NOON // 1000}


def test_organisations_and_people_bring_traits_and_articles_are_nobodys() -> None:
    organisation = read("zendesk", zendesk("organization.created", {"id": "31", "name": "Acme", "external_id": "acme"}))
    assert (organisation.type, organisation.account) == ("group", "acme")
    assert organisation.traits == {"name": "Acme", "zendesk_organization": "31"}
    assert isinstance(read("zendesk", zendesk("article.published", {"id": "1"})), Skipped)


# --- intercom


def test_a_lead_is_an_anonymous_person_whatever_id_intercom_made_up() -> None:
    lead = changed(CLOSED, {"user.type": "lead", "user.email": None})
    found = read("intercom", intercom("conversation.user.created", lead))
    assert (found.user, found.anonymous) == (None, "intercom:5ee3d479d1cf3dedbee23d68")
    contact = {"type": "contact", "role": "lead", "id": "c1", "external_id": "made-up", "email": "Ada@Acme.io"}
    found = read("intercom", intercom("contact.lead.created", contact))
    assert (found.user, found.anonymous, found.type) == ("email:ada@acme.io", "intercom:c1", "identify")


def test_a_conversation_is_opened_before_it_is_answered_and_closed_last() -> None:
    topics = ["conversation.user.created", "conversation.admin.replied", "conversation.admin.closed"]
    found = [read("intercom", intercom(topic, CLOSED, id=name)) for topic, name in zip(topics, "cba", strict=True)]
    assert sorted(found, key=lambda e: (e.at, e.id)) == found
    assert [event.actor for event in found] == ["user", "staff", "staff"]


def test_a_company_is_an_account_by_your_own_id() -> None:
    company = {"type": "company", "id": "ic1", "company_id": "acme", "name": "Acme", "custom_attributes": {"tier": 1}}
    found = read("intercom", intercom("company.updated", company))
    assert (found.type, found.account, found.user) == ("group", "acme", None)
    assert found.traits == {"name": "Acme", "intercom_company": "ic1", "tier": 1}
    attached = {"type": "contact", "id": "c1", "external_id": "u1", "company": company}
    found = read("intercom", intercom("company.contact.attached", attached))
    assert (found.name, found.user, found.account) == ("Account Added User", "u1", "acme")


@pytest.mark.parametrize(
    ("topic", "item", "reason"),
    [
        ("ping", {"type": "ping"}, "test"),
        ("admin.logged_in", {"type": "admin", "id": "1"}, "nobody"),
        ("x", {}, "nobody"),
    ],
)
def test_what_no_customer_did_is_skipped(topic: str, item: dict[str, Any], reason: str) -> None:
    found = read("intercom", intercom(topic, item))
    assert isinstance(found, Skipped)
    assert found.reason == reason


# --- delighted


def test_the_comment_that_follows_is_a_revised_answer() -> None:
    first = read("delighted", {**ANSWER, "event_type": "survey_response.created", "event_id": "e1"})
    later = read("delighted", ANSWER)
    assert [e.properties["revised"] for e in (first, later)] == [False, True]
    assert first.properties["response"] == later.properties["response"]
    assert first.id != later.id


def test_only_an_nps_survey_is_a_score_from_0_to_10() -> None:
    csat = changed(ANSWER, {"event_data.survey_type": "csat", "event_data.score": 5})
    assert read("delighted", csat).name == "survey_response.updated"
    gone = {
        "event_type": "unsubscribe.created",
        "event_id": "e",
        "event_data": {"created_at": NOON // 1000, "email": "a@b.c"},
    }
    found = read("delighted", gone)
    assert (found.name, found.user) == ("unsubscribe.created", "email:a@b.c")


def test_the_account_is_a_property_of_the_survey() -> None:
    found = read("delighted", changed(ANSWER, {"event_data.person_properties": {"company": "acme"}}))
    assert found.account == "acme"
