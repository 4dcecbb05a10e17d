"""A proposed definition parses, uses the names of the sample, and marks each guess."""

from __future__ import annotations

import orjson
import pytest

from schemas.definition.parse import parse
from streams.commands.init import propose
from streams.commands.sample import look
from tests.streams.commands import tiny


def proposal(events: list[dict[str, object]]) -> str:
    return propose(
        tiny.TEXT, tiny.definition(), look([orjson.dumps(found) for found in events], "canonical"), "canonical"
    )


def line(text: str, name: str) -> str:
    return next(found for found in text.splitlines() if found.startswith(f"  {name}:"))


def test_names_that_are_there_stay_and_carry_no_todo() -> None:
    text = proposal(tiny.ada())
    assert parse(text).selections["report"].names == ("Report Created",)
    assert "TODO" not in text.split("events:")[1]


def test_the_spelling_of_the_sample_is_taken_over() -> None:
    text = proposal([found | {"event": str(found["event"]).lower().replace(" ", "_")} for found in tiny.ada()])
    assert parse(text).selections["report"].names == ("report_created",)
    assert set(parse(text).selections["any"].names) == {"report_created", "signed_up"}
    assert "TODO" not in line(text, "report")


def test_a_name_by_likeness_is_a_guess_and_marked() -> None:
    text = proposal([found | {"event": str(found["event"]).replace("Created", "Made")} for found in tiny.ada()])
    assert parse(text).selections["report"].names == ("Report Made",)
    assert "# TODO" in line(text, "report")


def test_a_name_that_nothing_resembles_stays_and_is_marked() -> None:
    text = proposal([tiny.event(1, "Signed Up", "ada", 0)])
    assert parse(text).selections["report"].names == ("Report Created",)
    assert "# TODO nothing like it" in line(text, "report")


def test_events_that_no_selection_names_are_listed() -> None:
    text = proposal([*tiny.ada(), tiny.event(9, "Invoice Paid", "ada", 2)])
    assert "# TODO not used by any selection: Invoice Paid (1 times)" in text


def test_the_head_says_what_was_seen() -> None:
    head = proposal(tiny.ada()).splitlines()[:3]
    assert "4 events of source canonical" in head[0]
    assert "Signed Up (2)" in head[1]
    assert "2 users, 100% of them with an account" in head[2]


@pytest.mark.parametrize(
    "name", ['He said "hi"', "ends with: colon", "a # hash", "yes", "null", "12", "- dash", "back\\slash", "{braces}", "a, b",
             "two\nlines", "zoë", "a  b", "report_created"],
)  # fmt: skip
def test_whatever_an_event_is_called_the_proposal_parses(name: str) -> None:
    text = propose(
        tiny.TEXT.replace("Report Created", "xx"), parse(tiny.TEXT.replace("Report Created", repr_yaml(name))),
        look(tiny.lines([tiny.event(1, name, "ada", 0), tiny.event(2, "Signed Up", "ada", 1)]), "canonical"), "canonical",
    )  # fmt: skip
    assert parse(text).selections["report"].names == (name,)


def repr_yaml(name: str) -> str:
    return orjson.dumps(name).decode()
