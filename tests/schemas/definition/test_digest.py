"""The digest is the identity of what a definition says: layout does not change it, and any change of meaning does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from schemas.definition.model import Definition
from schemas.definition.parse import load, parse
from tests.schemas.definition.writing import BASE
from tests.strategies.definitions import definitions

SAAS = Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml"

SAME = [
    ("a comment", "version: 1", "version: 1   # the first"),
    ("white space", "{name: Report Created}", "{ name:   Report Created }"),
    ("block style", "  core: {name: Report Created}", "  core:\n    name: Report Created"),
    ("key order", "{count: core, within: 7d}", "{within: 7d, count: core}"),
    ("order of sections", "language: 1\ndefinition: base\n", "definition: base\nlanguage: 1\n"),
    ("units", "within: 7d", "within: 1w"),
    ("a param's value put in", "silent: idle >= quiet", "silent: idle >= 14d"),
    ("quotes", "silent: idle >= quiet", "silent: 'idle >= quiet'"),
    ("a default written out", "within: 7d}", "within: 7d, publish: false}"),
    ("the version label", "version: 1", "version: 2"),
    ("brackets", '"idle >= 60d"', '"((idle >= (60d)))"'),
]

OTHER = [
    ("a threshold", "core_7 >= 1", "core_7 >= 2"),
    ("an operator", "core_7 >= 1", "core_7 > 1"),
    ("a param", "quiet: 14d", "quiet: 15d"),
    ("an event's name", "Report Created", "Report Made"),
    ("a state's name", "at_risk", "endangered"),
    ("a rule's name", "name: up", "name: upwards"),
    ("a hold", "hold: 1d", "hold: 2d"),
    ("the order of states", "states: [awareness, activation, churn]", "states: [awareness, churn, activation]"),
    ("the definition's name", "definition: base", "definition: other"),
    (
        "a signal's order",
        "    silent: idle >= quiet\n    thin: core_7 < 2\n",
        "    thin: core_7 < 2\n    silent: idle >= quiet\n",
    ),
    ("what is published", "within: 7d}", "within: 7d, publish: true}"),
]


@pytest.mark.parametrize(("what", "old", "new"), SAME, ids=[row[0] for row in SAME])
def test_layout_does_not_change_the_digest(what: str, old: str, new: str) -> None:
    assert old in BASE
    assert parse(BASE.replace(old, new)).digest == parse(BASE).digest


@pytest.mark.parametrize(("what", "old", "new"), OTHER, ids=[row[0] for row in OTHER])
def test_meaning_changes_the_digest(what: str, old: str, new: str) -> None:
    assert old in BASE
    assert parse(BASE.replace(old, new)).digest != parse(BASE).digest


def test_the_order_of_rules_changes_the_digest() -> None:
    """The first rule that holds wins, so their order means something."""
    lines = BASE.splitlines()
    up, down = (next(i for i, line in enumerate(lines) if f"name: {name}," in line) for name in ("up", "down"))
    lines[up], lines[down] = lines[down], lines[up]
    assert parse("\n".join(lines)).digest != parse(BASE).digest


def test_the_order_of_what_a_rule_leaves_does_not() -> None:
    text = BASE.replace("from: awareness, to: activation", "from: [awareness, churn], to: activation")
    other = BASE.replace("from: awareness, to: activation", "from: [churn, awareness], to: activation")
    assert parse(text).digest == parse(other).digest


def test_the_digest_is_the_same_in_another_process() -> None:
    code = (
        f"from pathlib import Path; from schemas.definition.parse import load; print(load(Path({str(SAAS)!r})).digest)"
    )
    root = str(SAAS.parents[2])
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7", "PYTHONPATH": root}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert found.stdout.strip() == load(SAAS).digest


@settings(max_examples=50, deadline=None)
@given(definitions())
def test_a_digest_survives_a_change_of_layout(definition: Definition) -> None:
    spaced = "\n\n".join(line + "   # said" for line in definition.text.splitlines())
    assert parse(spaced).digest == definition.digest
