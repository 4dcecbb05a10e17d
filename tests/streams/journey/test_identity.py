"""Identity: what an event names, which name survives, which names stand for nobody."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import Event
from schemas.sources import REGISTRY
from streams.journey.identity import (
    ACCOUNT_TRAITS,
    MARKS,
    STRENGTH,
    Message,
    above,
    account_names,
    entity_of,
    kind_of_account,
    link_to,
    message,
    passed_on,
    plain,
    user_names,
)  # fmt: skip


def event(**given: Any) -> Event:
    return Event(**{"id": "e1", "name": "Report Created", "type": "track", "at": 0, **given})


def names(counts: Counter[tuple[str, str]] | None = None, **given: Any) -> dict[str, str] | None:
    return user_names(event(**given), Counter() if counts is None else counts)


# --- users ---


def test_an_event_with_one_identifier_links_nothing() -> None:
    assert names(user="u1") is None
    assert names(anonymous="c1") is None


def test_a_user_id_beside_an_anonymous_one_links_the_two() -> None:
    assert names(user="u1", anonymous="c1") == {"as": "user", "anonymous": "c1"}
    assert entity_of(event(user="u1", anonymous="c1")) == "u1"


def test_an_identify_call_with_an_address_links_the_address() -> None:
    found = names(user="u1", type="identify", traits={"email": "Ada@Acme.test"})
    assert found == {"as": "user", "email": "ada@acme.test"}
    assert names(user="u1", type="track", traits={"email": "ada@acme.test"}) is None


def test_an_address_beside_an_anonymous_id_is_the_entity() -> None:
    given: dict[str, Any] = {"anonymous": "c1", "type": "identify", "traits": {"email": "ada@acme.test"}}
    assert entity_of(event(**given)) == "ada@acme.test"
    assert names(**given) == {"as": "email", "anonymous": "c1"}


def test_an_address_that_a_vendor_knows_a_person_by_is_the_address_that_others_know() -> None:
    """HubSpot's `email:…`, a tracker whose user id is an address, an identify call: one entity, that gives way to a user id."""
    assert entity_of(event(user="email:ada@acme.test")) == "ada@acme.test"
    for user in ("email:ada@acme.test", "ada@acme.test"):
        assert names(user=user, anonymous="c1") == {"as": "email", "anonymous": "c1"}
        assert names(user=user, type="identify", traits={"email": "Ada@acme.test"}) is None


def test_an_alias_gives_up_its_previous_id() -> None:
    assert names(user="u2", type="alias", properties={"previous_id": "u1"}) == {"as": "user", "anonymous": "u1"}


def test_a_name_of_oneself_is_no_link() -> None:
    assert names(user="u1", anonymous="u1") is None
    assert names(user="ada@acme.test", type="identify", traits={"email": "ADA@acme.test"}) is None


def test_placeholders_are_refused_and_counted_by_kind() -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for bad in ("null", "email", "@acme.test", "none@acme.test", "ada", "a b@acme.test", 7.5, ["x"], True):
        assert names(counts, user="u1", type="identify", traits={"email": bad}) is None
    for bad in ("anonymous", "00000000-0000-0000-0000-000000000000", "", {}):
        assert names(counts, user="u1", type="alias", properties={"previous_id": bad}) is None
    assert counts == {("link_refused", "placeholder:email"): 9, ("link_refused", "placeholder:anonymous"): 4}


# --- accounts ---


def test_a_group_call_names_the_account_in_every_system() -> None:
    traits = {"domain": "WWW.Acme.test.", "stripe_customer": "cus_1", "crm_company": 77}
    found = account_names(event(account="a1", type="group", traits=traits), Counter())
    assert found == {"as": "account", "domain": "acme.test", "stripe_customer": "stripe:cus_1", "crm_company": "77"}
    assert account_names(event(account="a1", traits=traits), Counter()) is None


def test_an_event_of_billing_crm_or_support_names_it_whatever_its_type_but_by_no_domain() -> None:
    traits = {"domain": "acme.test", "stripe_customer": "stripe:cus_1"}
    for place in ("billing", "crm", "support"):
        found = account_names(event(account="a1", place=place, traits=traits), Counter())
        assert found == {"as": "account", "stripe_customer": "stripe:cus_1"}


@pytest.mark.parametrize(
    ("account", "kind"),
    [("a1", "account"), ("team:7", "account"), ("stripe:cus_1", "stripe_customer"), ("hubspot:7", "hubspot_company"),
     ("hubspot:deal:7", "hubspot_deal"), ("salesforce:001", "salesforce_account"), ("zendesk:9", "zendesk_organization")],
)  # fmt: skip
def test_an_accounts_kind_is_told_by_its_name_space(account: str, kind: str) -> None:
    assert kind_of_account(account) == kind


def test_every_account_that_a_decoder_emits_can_be_named_by_a_trait() -> None:
    """Each name space in a source's ways to an account is one of a trait; without one it is the company's own id."""
    ways = {way for source in REGISTRY for way in source.precedence.account if "{" in way}
    spaces = {way.partition("{")[0] for way in ways}
    assert len(spaces) > 10
    assert spaces <= {written.removesuffix("{}") for written in ACCOUNT_TRAITS.values()}
    assert all(kind_of_account(space + "7") in ACCOUNT_TRAITS for space in spaces)


def test_a_mail_hosts_domain_stands_for_no_company() -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for bad in ("gmail.com", "acme", "null"):
        assert account_names(event(account="a1", type="group", traits={"domain": bad}), counts) is None
    assert counts == {("link_refused", "placeholder:domain"): 3}


# --- the order ---

named = st.tuples(st.sampled_from(["anonymous", "email", "user"]), st.sampled_from("abcd"))


@given(st.lists(named, min_size=3, max_size=3, unique=True))
def test_of_two_names_one_is_above_and_being_above_is_passed_on(three: list[tuple[str, str]]) -> None:
    for a, b, c in permutations(three):
        assert above(*a, *b) != above(*b, *a)
        assert not (above(*a, *b) and above(*b, *c)) or above(*a, *c)


def test_a_user_id_is_stronger_than_an_address_and_that_than_an_anonymous_id() -> None:
    assert sorted(["user", "anonymous", "email"], key=lambda k: STRENGTH[k]) == ["anonymous", "email", "user"]
    accounts = ["domain", "hubspot_deal", "zendesk_organization", "stripe_customer", "hubspot_company", "account"]
    assert [STRENGTH[kind] for kind in accounts] == sorted(STRENGTH[kind] for kind in accounts)
    assert len({STRENGTH[kind] for kind in (*ACCOUNT_TRAITS, "domain", "account")}) == len(ACCOUNT_TRAITS) + 2


# --- messages ---


def test_a_message_comes_back_as_it_was_and_begins_with_its_mark() -> None:
    sent = link_to("c1", "anonymous", "u1", "user", 5, "e1", "u1")
    for told in (sent, Message(sent.what, sent.id, sent.to, sent.t, sent.said, valid=False)):
        assert told.to_json().startswith(MARKS)
        assert message(told.to_json(), "c1") == told


def test_a_link_takes_effect_right_after_the_event_that_made_it() -> None:
    link = link_to("c1", "anonymous", "u1", "user", 5, "e1", "u1")
    assert "e1" < passed_on("e1", "c1") < link.id < "e2"
    assert plain(passed_on(passed_on("e1", "c1"), "u1")) == "e1"
