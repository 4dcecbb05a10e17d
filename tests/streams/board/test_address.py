"""Addresses: filters are kept, changed and taken out; what makes no sense is no filter."""

from __future__ import annotations

import pytest

from streams.board.address import LONGEST, Address
from streams.board.pages.accounts import sorting


def test_a_change_keeps_the_rest_and_begins_at_the_first_page() -> None:
    at = Address.of("/accounts", {"owner": "Ines Okafor", "page": "3", "risk": ""})
    assert at.to(risk="at_risk") == "/accounts?owner=Ines+Okafor&risk=at_risk"
    assert at.to(page=4) == "/accounts?owner=Ines+Okafor&page=4"
    assert at.to(owner=None) == "/accounts"


def test_filters_by_what_accounts_carry_stay_and_others_do_not() -> None:
    at = Address.of("/", {"owner": "Ines Okafor", "attr.region": "North & West", "risk": "at_risk", "days": "90"})
    assert at.kept() == "?owner=Ines+Okafor&attr.region=North+%26+West"
    assert at.kept(sort="mrr") == "?owner=Ines+Okafor&attr.region=North+%26+West&sort=mrr"
    assert Address.of("/", {"risk": "at_risk"}).kept() == ""


def test_an_attribute_that_no_account_carries_is_no_filter() -> None:
    at = Address.of("/", {"attr.region": "North", "attr.colour": "red", "region": "South"})
    assert at.scope(0, [], ["region", "tier"]).attributes == (("region", "North"),)
    assert at.scope(0, [], ["region"]).narrow
    assert not at.scope(0, [], []).narrow


def test_the_token_and_novels_are_no_filter() -> None:
    at = Address.of("/", {"token": "secret", "q": "x" * 1_000})
    assert at.query == {"q": "x" * LONGEST}


@pytest.mark.parametrize("text", ["", "-1", "1e9", "9" * 40, "²", "90; DROP TABLE events"])
def test_what_is_no_number_is_the_default(text: str) -> None:
    assert Address.of("/", {"days": text}).number("days", 30, 1, 365) == 30


def test_a_number_stays_within_bounds() -> None:
    assert Address.of("/", {"days": "100000"}).number("days", 30, 1, 365) == 365
    assert Address.of("/", {"renews": "90", "risk": "at_risk", "stage": "x"}).scope(0, ["risk"], []).states == (
        ("risk", "at_risk"),
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, ("name", False)), ({"sort": "mrr"}, ("mrr", True)), ({"sort": "mrr", "order": "asc"}, ("mrr", False)),
     ({"sort": "entity; DROP TABLE"}, ("name", False))],
)  # fmt: skip
def test_only_known_columns_sort(query: dict[str, str], expected: tuple[str, bool]) -> None:
    assert sorting(Address.of("/accounts", query)) == expected
