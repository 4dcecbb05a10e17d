"""Levels: sixty real-looking titles read by the shipped patterns, and the rules of matching one by one."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.definition.model import Levels
from schemas.definition.parse import load
from streams.journey.levels import Matcher, level_of

TITLES = [line.split("\t") for line in (Path(__file__).parent / "titles.tsv").read_text(encoding="utf-8").splitlines()]
"""(title as found in a CRM, the level a person would give it); `<missing>` has no title at all."""

SAAS = Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml"


def shipped() -> Matcher:
    levels = load(SAAS).levels
    assert levels is not None
    return Matcher(levels)


def traits(title: str) -> dict[str, Any]:
    return {} if title == "<missing>" else {"title": title}


def levels(*patterns: tuple[str, tuple[str, ...]], **given: Any) -> Matcher:
    return Matcher(Levels("title", patterns, **given))


@pytest.mark.parametrize(("title", "expected"), TITLES)
def test_the_shipped_patterns_read_a_title_as_a_person_would(title: str, expected: str) -> None:
    assert shipped().level_of(traits(title)) == (expected, False)


def test_the_share_unknown_is_that_of_the_missing_titles() -> None:
    matcher = shipped()
    found = Counter(matcher.level_of(traits(title))[0] for title, _ in TITLES)
    assert found == {"executive": 22, "user": 16, "manager": 16, "unknown": 6}
    assert found["unknown"] / len(TITLES) == 0.1


@pytest.mark.parametrize(
    ("title", "matches"), [("CEO", True), ("cto", True), ("Cook", False), ("COO of Europe", False)]
)
def test_a_question_mark_is_one_character_of_the_whole_title(title: str, matches: bool) -> None:
    found, _ = levels(("executive", ("C?O",))).level_of({"title": title})
    assert (found == "executive") is matches


def test_the_first_level_that_matches_wins() -> None:
    title = {"title": "VP Manager"}
    assert levels(("executive", ("VP*",)), ("manager", ("*Manager",))).level_of(title)[0] == "executive"
    assert levels(("manager", ("*Manager",)), ("executive", ("VP*",))).level_of(title)[0] == "manager"


@pytest.mark.parametrize("title", [None, "", "  ", "N/A", 7, ["CEO"]])
def test_no_title_is_unknown_even_where_everything_else_is_a_user(title: object) -> None:
    assert levels(("user", ("*",))).level_of({"title": title})[0] == "unknown"


def test_a_title_that_no_pattern_matches_is_unknown() -> None:
    assert levels(("executive", ("CEO",))).level_of({"title": "Nurse"})[0] == "unknown"


def test_accents_match_however_they_are_stored() -> None:
    apart = unicodedata.normalize("NFD", "Geschäftsführer")
    assert levels(("executive", ("Geschäftsführer",))).level_of({"title": apart})[0] == "executive"


@pytest.mark.parametrize(
    ("role", "admin"),
    [("admin", True), (" OWNER ", True), (["viewer", "admin"], True), ("viewer", False), (None, False)],
)
def test_a_permission_stands_beside_the_level(role: object, admin: bool) -> None:
    matcher = levels(("user", ("*",)), admin_trait="role", admin_values=("admin", "owner"))
    assert matcher.level_of({"title": "Nurse", "role": role}) == ("user", admin)


def test_a_permission_may_be_a_truth_value() -> None:
    rules = Levels("title", (), admin_trait="is_admin", admin_values=("true",))
    assert level_of(rules, {"is_admin": True}) == ("unknown", True)
    assert level_of(rules, {"is_admin": False}) == ("unknown", False)


def test_more_titles_than_are_remembered_do_not_pile_up() -> None:
    matcher = levels(("user", ("*",)))
    for n in range(10_000):
        matcher.level_of({"title": f"Clerk {n}"})
    assert len(matcher._known) <= 4_096
