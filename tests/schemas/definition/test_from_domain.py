"""The key `from_domain` of accounts: what it names, what is wrong with one and where, and what it does to the digest."""

from __future__ import annotations

import pytest

from schemas.definition.differ import differences
from schemas.definition.digest import plain
from schemas.definition.model import EntityDefinition
from schemas.definition.parse import parse
from tests.schemas.definition.writing import BASE, MARK, marked, problems

LINE = "  from_domain: [core, bought]\n"
ACCOUNT = (
    "account:\n" + LINE + "  measures: {used: {count: core}, sold: {count: bought}}\n"
    "  stage:\n    states: [a, b]\n    transitions: [{name: up, from: a, to: b, when: used >= 1 and sold >= 1}]\n"
)


def with_key(line: str) -> str:
    return BASE + ACCOUNT.replace(LINE, line)


def account(line: str) -> EntityDefinition:
    found = parse(with_key(line)).account
    assert found is not None
    return found


def test_it_names_selections_one_or_several() -> None:
    assert account(LINE).from_domain == ("core", "bought")
    assert account("  from_domain: core\n").from_domain == ("core",)


def test_without_it_a_definition_keeps_its_identity() -> None:
    assert account("").from_domain is None
    assert "from_domain" not in plain(account(""))
    assert "from_domain" not in plain(parse(BASE).user)


def test_it_is_a_part_of_what_the_definition_says_and_its_order_is_not() -> None:
    with_it, without = parse(with_key(LINE)), parse(with_key(""))
    assert with_it.digest != without.digest
    assert with_it.digest == parse(with_key("  from_domain: [bought, core]\n")).digest
    assert [d.text() for d in differences(with_it, without)] == ["account.from_domain: [core, bought]; now None"]


WRONG = [
    (f"  from_domain: [core, {MARK}bougth]\n", "'bougth'", "bought"),
    (f"  from_domain: {MARK}{{core: 1}}\n", "from_domain", ""),
    (f"  {MARK}from_domains: [core]\n", "`account` has no key 'from_domains'", "from_domain"),
]


@pytest.mark.parametrize(("line", "words", "hint"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_said_with_its_place_and_what_was_meant(line: str, words: str, hint: str) -> None:
    found = problems(with_key(line))
    assert len(found) == 1
    assert (found[0].line, found[0].column) == marked(with_key(line))
    assert words in found[0].text("it")
    assert hint in found[0].text("it")


def test_users_have_none() -> None:
    text = BASE.replace("  activity: active\n", f"  activity: active\n  from_domain: {MARK}[core]\n")
    (found,) = problems(text)
    assert (found.line, found.column) == marked(text)
    assert "it belongs to `account`" in found.text("it")
