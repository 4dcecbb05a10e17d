"""What a person sees of a record: durations as words, states in words, nothing left out of a card."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from streams.commands.show import (
    alert_card,
    alert_line,
    clearing,
    duration,
    money,
    reason,
    reasons,
    state,
    transition_line,
)

TRANSITION: dict[str, Any] = {
    "at": "2024-05-01T12:00:07.123Z", "kind": "account", "entity": "acme", "machine": "stage", "from": "onboarding",
    "to": "adoption", "name": "onboarded", "label": None, "carry": {"name": "Acme"}, "valid": True,
    "because": [
        {"measure": "idle", "value": 1209600.0, "op": ">=", "threshold": 1209600.0, "holds": True},
        {"measure": "seats", "value": 2, "op": ">=", "threshold": 5.0, "holds": False},
    ],
}  # fmt: skip
ALERT: dict[str, Any] = {
    "at": "2024-05-01T12:00:07.123Z", "name": "at_risk", "status": "opened", "kind": "account", "entity": "acme",
    "title": "Acme: champions quiet", "owner": "Kim", "signals": ["champions_quiet"], "because": TRANSITION["because"],
    "clears_when": "idle < 86400.0 (now 1209600.0) and seats >= 5.0 (now 2)", "do": "call", "act_by": "2024-05-08T00:00:00.000Z",
    "evidence": ["e1", "e2"], "carry": {"name": "Acme", "mrr": 125_000, "currency": "EUR", "renews_at": "2024-06-30T00:00:00.000Z"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (90, "90 s"), (600, "10 min"), (5400, "1.5 h"), (86_400, "1 d"), (1_209_600, "14 d"), (129_600, "1.5 d"),
     (34_560_000, "400 d"), (94_672_800, "3 y"), (-7200, "-2 h"), (0.25, "0.25 s")],
)  # fmt: skip
def test_a_duration_is_said_in_the_unit_that_a_person_would_take(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("row", "words"),
    [(("idle", 1209600.0, ">=", 1209600.0), "idle 14 d >= 14 d"),
     (("in_state", 3600.0, ">=", 7200.0), "in_state 1 h >= 2 h"),
     (("age(signed)", None, ">=", 86400.0), "age(signed) not known >= 1 d"),
     (("until(renews_at)", 5184000.0, "<=", 7776000.0), "until(renews_at) 60 d <= 90 d"),
     (("days_28", 86400, ">=", 2.0), "days_28 86400 >= 2"),
     (("share", 0.123456, "<", 0.5), "share 0.1235 < 0.5"),
     (("signed", "2024-05-01T12:00:00.000Z", "known", True), "signed is known (2024-05-01)"),
     (("signed", 1_714_564_800_000, "known", True), "signed is known (2024-05-01)"),
     (("merged", None, "known", False), "merged is not known"),
     (("reached(engagement)", True, "==", True), "reached(engagement) is true"),
     (("stage", "churn", "in", ["churn", "retention"]), "stage churn in churn or retention")],
)  # fmt: skip
def test_a_condition_reads_as_a_person_would_say_it(row: tuple[Any, ...], words: str) -> None:
    assert reason(dict(zip(("measure", "value", "op", "threshold"), row, strict=True))) == words


def test_only_what_held_is_a_reason() -> None:
    assert reasons(TRANSITION["because"]) == "idle 14 d >= 14 d"


def test_what_clears_an_alert_has_its_durations_as_words_too() -> None:
    assert clearing(ALERT["clears_when"]) == "idle < 1 d (now 14 d) and seats >= 5 (now 2)"
    assert clearing("overdue == False (now True)") == "overdue is false (now true)"
    assert clearing("idle < 86400.0 (now None)") == "idle < 1 d (now not known)"


def test_a_transition_is_one_line_with_its_rule_and_reason() -> None:
    line = transition_line(TRANSITION).plain
    assert " ".join(line.split()) == "2024-05-01 account Acme onboarding → adoption onboarded: idle 14 d >= 14 d"
    assert transition_line(TRANSITION, clock=True).plain.startswith("2024-05-01 12:00:07  ")


def test_beginning_ending_and_taken_back_can_be_told_apart() -> None:
    assert "· → awareness" in transition_line(TRANSITION | {"from": None, "to": "awareness"}).plain
    assert (
        "churn → forgotten" in transition_line(TRANSITION | {"from": "churn", "to": None, "label": "forgotten"}).plain
    )
    assert any("strike" in str(span.style) for span in transition_line(TRANSITION | {"valid": False}).spans)
    assert not any("strike" in str(span.style) for span in transition_line(TRANSITION).spans)


@pytest.mark.parametrize(
    ("to", "colour"),
    [("churn", "red"), ("at_risk", "red"), ("watch", "yellow"), ("healthy", "green"), ("retention", "green"),
     ("advocacy", "magenta"), ("ready", "magenta"), ("adoption", "cyan"), ("somewhere", "bold")],
)  # fmt: skip
def test_the_new_state_has_the_colour_of_its_kind(to: str, colour: str) -> None:
    line = transition_line(TRANSITION | {"to": to})
    assert [(line.plain[span.start : span.end], span.style) for span in line.spans][2] == (to, colour)
    assert state(to).style == colour


def test_an_alert_card_holds_everything_that_is_needed_to_act() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(alert_card(ALERT))
    text = console.export_text()
    for wanted in ("Acme (acme)", "Kim", "1,250.00 EUR", "2024-06-30", "champions quiet", "idle 14 d >= 14 d",
                   "idle < 1 d (now 14 d)", "call, by 2024-05-08", "e1, e2", "at_risk opened 2024-05-01"):  # fmt: skip
        assert wanted in text


def test_an_alert_line_says_how_it_stands() -> None:
    assert alert_line(ALERT).plain == "2024-05-01  ALERT opened  Acme: champions quiet"
    for status, colour in (("opened", "bold red"), ("resolved", "green"), ("retracted", "dim")):
        line = alert_line(ALERT | {"status": status})
        assert [(line.plain[span.start : span.end], span.style) for span in line.spans] == [
            ("2024-05-01  ", "dim"), (f"ALERT {status}", colour),
        ]  # fmt: skip


def test_money_is_shown_in_whole_units_and_nothing_as_nothing() -> None:
    assert money(125_000) == "1,250.00"
    assert money(None) == "-"
