"""Sources hubspot, salesforce and gainsight: ids that are not unique, records that fan out, gaps, and weak accounts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.sources import decode
from schemas.sources.outcome import Failure, Skipped
from tests.schemas.sources.examples import changed
from tests.schemas.sources.examples_customer import CTA, NOON, change, hubspot


def read(source: str, message: Any) -> list[Any]:
    return decode(source, orjson.dumps(message))


# --- hubspot


def test_the_same_event_id_on_two_changes_is_two_events_and_a_retry_is_one() -> None:
    stage = hubspot("deal.propertyChange", propertyName="dealstage", propertyValue="closedwon")
    amount = hubspot("deal.propertyChange", propertyName="amount", propertyValue="1200")
    won, changed_amount, retry = read("hubspot", [stage, amount, {**stage, "attemptNumber": 1}])
    assert won.id == retry.id != changed_amount.id
    assert (won.name, won.properties["deal"], won.account) == ("Deal Won", "6355821024", "hubspot:deal:6355821024")


def test_a_creation_comes_before_the_changes_of_the_same_millisecond() -> None:
    created = hubspot("deal.creation", subscriptionId=9)
    stage = hubspot(
        "deal.propertyChange", subscriptionId=1, propertyName="dealstage", propertyValue="appointmentscheduled"
    )
    found = read("hubspot", [stage, created])
    assert [event.name for event in sorted(found, key=lambda e: (e.at, e.id))] == ["Deal Opened", "deal.propertyChange"]


def test_the_portal_is_never_the_account() -> None:
    found = read("hubspot", [hubspot(kind) for kind in ("contact.creation", "company.creation", "deal.creation")])
    assert [event.account for event in found] == [None, "hubspot:6355821024", "hubspot:deal:6355821024"]


def test_generic_subscriptions_name_the_kind_of_object_beside() -> None:
    won = hubspot("object.propertyChange", objectTypeId="0-3", propertyName="dealstage", propertyValue="closedlost")
    (found,) = read("hubspot", [won])
    assert found.name == "Deal Lost"
    (call,) = read("hubspot", [hubspot("object.creation", objectTypeId="0-48")])
    assert isinstance(call, Skipped)
    assert call.reason == "nobody"


def association(kind: str, **more: Any) -> Any:
    ends = {"objectId": None, "fromObjectId": 5, "toObjectId": 6, "associationType": kind, **more}
    return read("hubspot", [hubspot("deal.associationChange", **ends)])[0]


def test_an_association_tells_the_company_of_a_deal_and_the_people_of_a_company() -> None:
    deal = association("DEAL_TO_COMPANY")
    assert (deal.type, deal.account, deal.traits["hubspot_deal"]) == ("group", "hubspot:6", "5")
    joined, left = association("CONTACT_TO_COMPANY"), association("CONTACT_TO_COMPANY", associationRemoved=True)
    assert (joined.name, joined.anonymous, joined.account) == ("Account Added User", "hubspot:contact:5", "hubspot:6")
    assert left.name == "Account Removed User"
    assert association("COMPANY_TO_CONTACT").anonymous == "hubspot:contact:6"
    other = association("DEAL_TO_CONTACT")
    assert (other.name, other.account, other.anonymous) == (
        "deal.associationChange",
        "hubspot:deal:5",
        "hubspot:contact:6",
    )


def test_a_merge_is_an_event_for_each_object_that_went_on_in_another() -> None:
    merge = {"objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2, 3, 1, "null"]}
    found = read("hubspot", [hubspot("contact.merge", **merge)])
    assert [(e.type, e.anonymous, e.properties["previous_id"]) for e in found] == [
        ("alias", "hubspot:contact:1", "hubspot:contact:2"), ("alias", "hubspot:contact:1", "hubspot:contact:3"),
    ]  # fmt: skip
    assert len({event.id for event in found}) == 2
    company = read("hubspot", [hubspot("company.merge", **merge)])
    assert [(e.account, e.traits["hubspot_merged"]) for e in company] == [
        ("hubspot:1", "2"),
        ("hubspot:1", "3"),
    ]


def test_a_contacts_mail_makes_a_person_who_can_be_linked() -> None:
    mail = hubspot("contact.propertyChange", propertyName="email", propertyValue="Ada@Acme.io")
    phone = hubspot("contact.propertyChange", propertyName="phone", propertyValue="Ada@Acme.io")
    found = read("hubspot", [mail, phone])
    assert [(event.user, event.anonymous) for event in found] == [
        ("email:ada@acme.io", "hubspot:contact:6355821024"), (None, "hubspot:contact:6355821024"),
    ]  # fmt: skip
    assert found[0].traits == {"email": "Ada@Acme.io"}


# --- salesforce


def test_a_change_of_many_records_fans_out() -> None:
    found = read("salesforce", change("Opportunity", "UPDATE", "006A", "006B", StageName="Closed Won"))
    assert [(e.name, e.account) for e in found] == [
        ("Deal Won", "salesforce:opportunity:006A"), ("Deal Won", "salesforce:opportunity:006B"),
    ]  # fmt: skip
    assert len({event.id for event in found}) == 2


def test_an_opportunity_that_tells_its_account_is_the_accounts() -> None:
    created = change(
        "Opportunity", "CREATE", "006A", AccountId="001A", Amount=1200.5, CurrencyIsoCode="EUR", StageName="New"
    )
    found, link = read("salesforce", created)
    assert (link.type, link.account, link.traits) == ("group", "salesforce:001A", {"salesforce_opportunity": "006A"})
    assert (found.name, found.account) == ("Deal Opened", "salesforce:001A")
    assert found.properties == {"deal": "006A", "amount": 120_050, "currency": "EUR"}


@pytest.mark.parametrize(("kind", "records"), [("GAP_UPDATE", ["001A"]), ("GAP_OVERFLOW", []), ("UPDATE", ["001*"])])
def test_a_gap_is_a_dead_letter_that_says_what_to_read_again(kind: str, records: list[str]) -> None:
    (found,) = read("salesforce", change("Account", kind, *records))
    assert isinstance(found, Failure)
    assert found.reason == "gap"
    assert "Account" in found.detail


def test_changes_of_one_transaction_are_in_the_order_of_their_sequence_numbers() -> None:
    sequence = "data.payload.ChangeEventHeader.sequenceNumber"
    ninth, tenth = (
        read("salesforce", changed(change("Account", "UPDATE", "001A", Name="x"), {sequence: n}))[0] for n in (9, 10)
    )
    assert (ninth.at, ninth.id) < (tenth.at, tenth.id)


@pytest.mark.parametrize("where", ["data", "payload", "bare"])
def test_a_change_is_read_from_any_of_its_envelopes(where: str) -> None:
    whole = change("Account", "UPDATE", "001A", Name="Acme", Website="https://www.Acme.io/en")
    wrapped = {"data": whole, "payload": whole["data"], "bare": whole["data"]["payload"]}[where]
    (found,) = read("salesforce", wrapped)
    assert (found.type, found.account) == ("group", "salesforce:001A")
    assert (found.traits["domain"], found.traits["name"]) == ("acme.io", "Acme")


def test_cases_leads_contacts_and_roles_are_read() -> None:
    case = change("Case", "UPDATE", "500A", Status="Closed", AccountId="001A")
    lead = change("Lead", "CREATE", "00QA", Email="ada@acme.io", Title="CTO")
    role = change("OpportunityContactRole", "CREATE", "00K", ContactId="003A", OpportunityId="006A", Role="Champion")
    names = [read("salesforce", message)[0] for message in (case, lead, role)]
    assert [event.name for event in names] == ["Ticket Solved", "Lead Created", "Contact Role Set"]
    assert (names[1].user, names[1].anonymous, names[1].traits["title"]) == (
        "email:ada@acme.io",
        "salesforce:lead:00QA",
        "CTO",
    )
    assert (names[2].anonymous, names[2].account, names[2].properties["role"]) == (
        "salesforce:contact:003A", "salesforce:opportunity:006A", "Champion",
    )  # fmt: skip
    (found,) = read("salesforce", change("Product2", "UPDATE", "01t"))
    assert isinstance(found, Skipped)


# --- gainsight


def test_a_row_of_gainsight_is_told_by_its_fields() -> None:
    rows = [
        CTA, {**CTA, "ClosedDate": "2024-05-02T00:00:00Z"}, {"Gsid": "1P", "Name": "Acme", "ModifiedDate": NOON, "Stage": "Live"},
        {"Gsid": "s", "CompanyId": "1P", "MeasureName": "Adoption", "Score": 40, "ModifiedDate": NOON},
        {"Gsid": "n", "CompanyId": "1P", "NpsScore": "3", "PersonEmail": "a@b.c", "ResponseDate": NOON},
    ]  # fmt: skip
    found = read("gainsight", rows)
    assert [e.name for e in found] == [
        "CTA Opened",
        "CTA Closed",
        "Account Identified",
        "Scorecard Updated",
        "NPS Answered",
    ]
    assert [e.user for e in found] == [None, None, None, None, "email:a@b.c"]
    assert (found[4].properties["score"], found[2].traits["stage"]) == (3, "Live")


def test_a_row_exported_again_after_a_change_is_another_event() -> None:
    first, again = (read("gainsight", {**CTA, "ModifiedDate": NOON + n})[0] for n in (0, 60_000))
    assert first.id != again.id
