"""The pages that are made are those of the code, and every page of the documentation is in the site's navigation."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.docs import reference
from schemas.definition import alerts_parser, entity_parser, machines_parser, measures_parser, migrate_parser, parse
from sinks.clickhouse.questions import questions

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_that_of_the_parser() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run `python -m deploy.docs`"


@pytest.mark.parametrize("module", [alerts_parser, migrate_parser, parse])
def test_every_key_that_the_parser_knows_is_in_the_reference(module: object) -> None:
    text = reference.PAGE.read_text()
    keys = (*module.KEYS, *machines_parser.RULE_KEYS, *machines_parser.MACHINE_KEYS, *entity_parser.ENTITY_KEYS)  # type: ignore[attr-defined]
    assert [key for key in (*keys, *measures_parser.KEYS) if f"| `{key}` |" not in text] == []


def test_every_question_is_on_its_page() -> None:
    text = (DOCS / "questions.md").read_text()
    for question in questions().values():
        assert f"## {question.title}\n" in text
        assert question.sql in text


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    listed = YAML(typ="safe").load((DOCS.parent / "mkdocs.yml").read_text())["nav"]

    def pages(part: object) -> set[str]:
        if isinstance(part, str):
            return {part}
        parts = part.values() if isinstance(part, dict) else part
        return {page for one in parts for page in pages(one)}  # type: ignore[attr-defined]

    assert pages(listed) == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
