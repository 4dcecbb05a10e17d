"""Diagrams say what the definition says: those in the docs are those of the shipped definitions, and nothing breaks Mermaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.definition.parse import load, parse
from streams.commands.diagram import mermaid, page
from tests.schemas.definition.writing import BASE

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(path.stem for path in (ROOT / "schemas" / "definitions").glob("*.yaml"))
ARROW = re.compile(r"    (\[\*\]|\w+) --> (\w+)(?:: (.+))?")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_docs_show_the_shipped_definitions_as_they_are(name: str) -> None:
    """If this fails: `journeys diagram NAME --out docs/diagrams/NAME.md`."""
    found = load(ROOT / "schemas" / "definitions" / f"{name}.yaml")
    assert (ROOT / "docs" / "diagrams" / f"{name}.md").read_text() == page(found, name)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_is_an_arrow_out_of_every_state_it_leaves_and_there_is_no_other(name: str) -> None:
    definition = load(ROOT / "schemas" / "definitions" / f"{name}.yaml")
    for entity in (definition.user, definition.account):
        for machine in entity.machines if entity is not None else ():
            arrows = [match.groups() for line in mermaid(machine) if (match := ARROW.fullmatch(line))]
            rules = [(state, rule.to, rule.name) for rule in machine.rules for state in rule.from_states]
            assert arrows == [("[*]", machine.states[0], None), *rules]


def test_a_state_that_mermaid_has_a_word_for_is_drawn_under_another_id() -> None:
    text = BASE.replace("churn", "end")
    lines = list(mermaid(parse(text).user.machines[0]))
    assert '    state "end" as s_end' in lines
    assert "    activation --> s_end: down" in lines


def test_a_name_with_signs_that_mermaid_reads_is_escaped() -> None:
    text = BASE.replace("name: quiet,", 'name: "quiet: 14 d; #1",')
    assert "    healthy --> at_risk: quiet#58; 14 d#59; #35;1" in list(mermaid(parse(text).user.machines[1]))


def test_conditions_are_told_with_params_put_in_and_bars_do_not_break_the_table() -> None:
    text = BASE.replace("name: quiet,", 'name: "a | b",').replace(
        'when: "count(signals) >= 2"', 'when: "idle >= quiet"'
    )
    assert "| healthy | at_risk | a \\| b | `idle >= 14d` |" in page(parse(text), "x")


def test_where_a_machine_runs_at_all_is_said() -> None:
    assert "Only while `stage` is engagement or adoption or retention; elsewhere it is back in healthy." in page(
        load(ROOT / "schemas" / "definitions" / "saas.yaml"), "saas"
    )
