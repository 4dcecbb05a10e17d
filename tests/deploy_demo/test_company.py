"""The generated company: the same for its seed, in order, in our canonical form, and of the size that was promised."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest

from deploy.demo.company import PEOPLE, Company
from deploy.demo.script import START, UNTIL
from schemas.event import Event
from schemas.sources import canonical
from schemas.vocabulary import NAMES, PLACE_OF

DIGEST = "f07d41714418d07d44f1edc35a5d0e934b9be0fdb244e0395d92c1b75ee41817"
"""SHA-256 of all lines of seed 7. A change of the story changes it: check the paths, then write the new one here."""


@pytest.fixture(scope="module")
def events(made: Company) -> list[dict[str, Any]]:
    return list(made.events())


def test_the_same_seed_gives_the_same_events_byte_for_byte(made: Company) -> None:
    found = hashlib.sha256()
    for line in made.lines():
        found.update(line + b"\n")
    assert found.hexdigest() == DIGEST


def test_another_seed_gives_other_events_of_the_same_accounts(made: Company) -> None:
    other = Company(8)
    assert [a.id for a in other.accounts] == [a.id for a in made.accounts]
    assert next(other.lines()) != next(made.lines())


def test_there_are_forty_accounts_and_six_hundred_people(made: Company, events: list[dict[str, Any]]) -> None:
    people = {e["user"] for e in events if e.get("user", "").startswith(("u-", "c-"))}
    assert len({a.id for a in made.accounts}) == 40
    assert len(people) == made.people == PEOPLE
    assert {e["account"] for e in events if "account" in e} == {a.id for a in made.accounts}


def test_there_are_about_a_hundred_thousand_events(made: Company, events: list[dict[str, Any]]) -> None:
    assert len(made) == len(events)
    assert 90_000 <= len(events) <= 120_000


def test_events_are_in_order_of_time_within_the_eighteen_months(events: list[dict[str, Any]]) -> None:
    times = [e["at"] for e in events]
    assert times == sorted(times)
    assert times[0] >= START / 1000
    assert times[-1] < UNTIL / 1000


def test_ids_are_unique_and_sort_like_the_events(events: list[dict[str, Any]]) -> None:
    ids = [e["id"] for e in events]
    assert ids == sorted(set(ids))


def test_every_event_is_one_that_our_canonical_source_reads(made: Company, events: list[dict[str, Any]]) -> None:
    for line, event in zip(made.lines(), events, strict=True):
        (found,) = canonical.decode(line)
        assert isinstance(found, Event)
        assert (found.id, found.name, found.user, found.account) == (
            event["id"], event["event"], event.get("user"), event.get("account"),
        )  # fmt: skip
        assert found.at == round(event["at"] * 1000)


def test_events_have_the_properties_and_the_place_that_the_vocabulary_asks_for(events: list[dict[str, Any]]) -> None:
    for event in events:
        name = NAMES.get(event["event"])
        assert name is not None, event["event"]
        wanted = {p.name for p in name.properties if p.required}
        assert wanted <= set(event.get("properties", {})), event
        if event["event"] in PLACE_OF and event.get("type") != "group":  # the CRM names accounts
            assert event.get("place", "product") == PLACE_OF[event["event"]], event


def test_every_part_of_the_business_speaks(events: list[dict[str, Any]]) -> None:
    places = Counter(e.get("place", "product") for e in events)
    assert set(places) == {"product", "website", "mail", "billing", "crm", "support"}


def test_money_is_in_minor_units_of_one_currency_an_account(events: list[dict[str, Any]]) -> None:
    currencies: dict[str, set[str]] = {}
    for event in events:
        told = event.get("properties", {})
        for field in ("mrr", "amount"):
            assert isinstance(told.get(field, 0), int)
        if "currency" in told:
            currencies.setdefault(event["account"], set()).add(told["currency"])
    assert {len(found) for found in currencies.values()} == {1}
    assert set().union(*currencies.values()) == {"EUR", "USD", "GBP"}


def test_a_little_traffic_of_staff_crawlers_and_tests_is_mixed_in(events: list[dict[str, Any]]) -> None:
    staff = [e for e in events if e.get("actor") == "staff" and e.get("place", "product") == "product"]
    crawlers = [e for e in events if e.get("actor") == "system" and e.get("type") == "page"]
    tests = [e for e in events if e.get("properties", {}).get("test")]
    assert all(100 < len(found) < 1000 for found in (staff, crawlers, tests))


def test_a_title_is_told_of_everybody_who_uses_the_product(events: list[dict[str, Any]]) -> None:
    told = {e["user"]: e["traits"] for e in events if e.get("type") == "identify"}
    users = {e["user"] for e in events if e["event"] in ("Signed Up", "Invite Accepted")}
    assert set(told) == users
    assert all({"name", "email", "title", "role"} == set(traits) for traits in told.values())


def test_the_opening_ends_soon_after_the_showcase_account_has_recovered(
    made: Company, events: list[dict[str, Any]]
) -> None:
    script = next(a for a in made.accounts if a.id == made.showcase)
    recovered = next(step for step in script.machine("risk") if step.to == "healthy")
    assert events[made.opening - 1]["at"] * 1000 > recovered.at_latest
    assert made.opening < 0.05 * len(events)
