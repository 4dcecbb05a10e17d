"""What is odd about a valid definition is found without data, and what is not odd is not complained about."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.definition.check import check
from schemas.definition.parse import load, parse
from tests.schemas.definition.writing import BASE, marked, with_guard, with_line

SHIPPED = Path(__file__).parents[3] / "schemas" / "definitions"


def warnings(text: str) -> list[tuple[int, str]]:
    return [(p.line, p.message) for p in check(parse(text.replace("¦", "")))]


def said(text: str) -> str:
    return "\n".join(message for _, message in warnings(text) if "read by nothing" not in message)


@pytest.mark.parametrize("name", ["saas.yaml", "community.yaml"])
def test_what_we_ship_has_no_warnings(name: str) -> None:
    assert check(load(SHIPPED / name)) == []


NEVER = [
    "weeks >= 5",  # of four
    "core_7 < 0",
    "core_7 >= 3 and core_7 < 3",
    "core_7 > 2 and core_7 < 3",  # no whole number lies between
    "core_7 == 2 and core_7 != 2",
    "core_7 + 1 >= 5 and core_7 <= 3",
    "idle >= 14d and idle < 1d",
    "idle + 1d < 1d",
    "count(signals) >= 3",  # of two
    "contract and not contract",
    "silent and not silent",
    "stage == churn and stage == activation",
    "stage == churn and stage != churn",
    "stage not in [awareness, activation, churn]",
    "plan == 'pro' and plan == 'team'",
    "plan == 'pro' and plan != 'pro'",
    "nps <= 6 and not known(nps)",
    "not known(core_7)",
    "not reached(healthy)",
    "2 >= 3",
    "weeks >= 5 or contract and not contract",
    "not (weeks < 5 or idle < 1d)",
    "nps - weeks > 0 and nps - weeks < 0",
]


@pytest.mark.parametrize("condition", NEVER)
def test_a_rule_that_cannot_fire_is_told(condition: str) -> None:
    text = with_guard(f"¦{condition}")
    found = [p for p in check(parse(text.replace("¦", ""))) if "can never fire" in p.message]
    assert len(found) == 1
    assert found[0].line == marked(text)[0]
    assert found[0].severity == "warning"
    assert found[0].suggestion


@pytest.mark.parametrize(
    ("condition", "advised"),
    [
        ("weeks >= 5", "`weeks >= 5` is out of reach: weeks is 0 to 4"),
        ("core_7 < 0", "`core_7 < 0` is out of reach: core_7 is never below 0"),
        ("contract and core_7 < 0", "`core_7 < 0` is out of reach: core_7 is never below 0"),
        ("idle >= 14d and contract and idle < 1d", "`idle >= 14d` and `idle < 1d` exclude each other: drop one, or say `or`"),
        ("contract and not contract", "`contract` and `not contract` exclude each other: drop one, or say `or`"),
        ("not known(core_7)", "`not known(core_7)` is out of reach: core_7 always has a value"),
    ],
)  # fmt: skip
def test_what_makes_a_condition_impossible_is_named(condition: str, advised: str) -> None:
    found = [p for p in check(parse(with_guard(condition))) if "can never fire" in p.message]
    assert [p.suggestion for p in found] == [advised]


def test_only_in_says_what_earlier_machines_can_be() -> None:
    text = BASE.replace(
        "    states: [healthy, at_risk]\n", "    only_in: {stage: [activation]}\n    states: [healthy, at_risk]\n"
    )
    rule = '      - {name: probe, from: healthy, to: at_risk, when: "stage == churn"}\n'
    end = '      - {name: back, from: at_risk, to: healthy, when: "count(signals) == 0", hold: 1d}\n'
    assert "'probe' of machine 'risk' can never fire" in said(text.replace(end, rule + end))
    assert "can never fire" not in said(BASE.replace(end, rule + end))


def test_every_warning_says_what_to_do_and_how_it_is_printed() -> None:
    text = with_line("events", "  lonely: {name: X}")
    (found,) = check(
        parse(
            text.replace(
                "plan: {latest: properties.plan, of: bought, as: text}",
                "plan: {latest: properties.plan, of: bought, publish: true}",
            ).replace("as: time}", "as: time, publish: true}")
        )
    )[:1]
    assert found.text("d.yaml").startswith(f"d.yaml:{found.line}:{found.column}: warning: ")
    assert all(p.suggestion and not p.suggestion.endswith(".") for p in check(parse(text)))


POSSIBLE = [
    "weeks >= 4",
    "core_7 >= 3 and core_7 < 4",
    "nps > 2 and nps < 3",  # a property may be any number
    "idle >= 14d and weeks >= 3",
    "count(signals) >= 2",
    "contract or not contract and weeks >= 5",
    "stage == churn and stage not in [activation]",
    "not (nps <= 6)",
    "plan != 'pro' and plan != 'team'",
    "2 < 3 and weeks >= 1",
    "nps > weeks",
    "until(renews) < 0d",
]


@pytest.mark.parametrize("condition", POSSIBLE)
def test_a_rule_that_can_fire_is_left_alone(condition: str) -> None:
    assert "can never fire" not in said(with_guard(condition))


@pytest.mark.parametrize(
    "condition", ["core_7 >= 0", "core_7 >= 1 or core_7 < 1", "contract or not contract", "known(weeks)"]
)
def test_a_rule_that_always_holds_is_told(condition: str) -> None:
    assert "always holds, so healthy is left as soon as it is entered" in said(with_guard(condition))


@pytest.mark.parametrize(
    "condition", ["nps <= 6 or nps > 6", "idle >= 0d", "core_7 / weeks >= 0 or core_7 / weeks < 0"]
)
def test_what_may_be_unknown_does_not_always_hold(condition: str) -> None:
    assert "always" not in said(with_guard(condition))


def test_signals_that_never_or_always_hold_are_told() -> None:
    text = with_line("signals", "    none: weeks > 4\n    all: weeks <= 4")
    assert [m for _, m in warnings(text) if "signal" in m] == [
        "signal 'none' can never hold",
        "signal 'all' always holds",
    ]


def test_a_cap_that_never_holds_is_told() -> None:
    score = "{weight: 1, value: weeks, from: 0, to: 4}"
    text = with_line(
        "measures", f'    health: {{score: {{a: {score}}}, caps: [{{when: "weeks > 4", at: 50}}], publish: true}}'
    )
    assert "this cap of measure 'health' can never hold" in said(text)


def test_a_state_that_nothing_leads_to_is_told() -> None:
    text = BASE.replace("states: [awareness, activation, churn]", "states: [awareness, activation, churn, adrift]")
    assert "no way leads to state 'adrift' of machine 'stage'" in said(text)


def test_a_state_behind_a_rule_that_cannot_fire_is_told() -> None:
    text = BASE.replace("core_7 >= 1", "weeks >= 9")
    assert "no way leads to state 'activation'" in said(text)
    assert "no way leads to state 'churn'" in said(text)


def test_a_cycle_that_one_instant_can_run_through_is_told_with_values() -> None:
    text = with_line("stage", '      - {name: again, from: activation, to: awareness, when: "core_7 < 5"}')
    assert said(text) == (
        "machine 'stage' can run awareness -> activation -> awareness in one instant, for example with core_7 = 1"
    )


def test_a_cycle_of_three_is_told_once() -> None:
    text = BASE.replace("idle >= 60d", "weeks >= 1").replace(
        '      - {name: back, from: churn, to: activation, when: "idle < 1d"}\n',
        '      - {name: back, from: churn, to: awareness, when: "nps > 3"}\n',
    )
    assert said(text).count("in one instant") == 1
    assert "awareness -> activation -> churn -> awareness" in said(text)


@pytest.mark.parametrize(
    "rule",
    [
        '{name: again, from: activation, to: awareness, when: "core_7 < 1"}',
        '{name: again, from: activation, to: awareness, when: "core_7 < 5", hold: 1d}',
        '{name: again, from: activation, to: awareness, when: "core_7 < 5 and not reached(activation)"}',
    ],
)
def test_a_cycle_that_needs_time_or_cannot_close_is_not_told(rule: str) -> None:
    assert "in one instant" not in said(with_line("stage", f"      - {rule}"))


def test_waiting_in_one_state_of_two_does_not_break_a_cycle() -> None:
    """After an hour in activation it runs to awareness and, in the same instant, back."""
    rule = '      - {name: again, from: activation, to: awareness, when: "core_7 < 5 and in_state >= 1h"}'
    assert "activation -> awareness -> activation in one instant" in said(with_line("stage", rule))
    both = with_line("stage", rule).replace("core_7 >= 1", "core_7 >= 1 and in_state >= 1h")
    assert "in one instant" not in said(both)


def test_a_selection_and_a_measure_that_nothing_uses_are_told() -> None:
    text = with_line("events", "  lonely: {name: X}")
    text = text.replace("    weeks:", "    spare: {count: core}\n    weeks:")
    found = [m for _, m in warnings(text)]
    assert "selection 'lonely' is used by no measure, activity or `exclude`" in found
    assert "measure 'spare' is read by nothing and not published" in found


def test_what_is_published_carried_or_excluded_is_used() -> None:
    text = with_line("events", "  staff: {actor: staff}").replace(
        "user:\n", "exclude: [staff]\nuser:\n  carry: [plan]\n"
    )
    found = said(text.replace("as: time}", "as: time, publish: true}"))
    assert "staff" not in found
    assert not any(
        "'plan'" in m or "'renews'" in m for _, m in warnings(text.replace("as: time}", "as: time, publish: true}"))
    )


def test_a_level_behind_a_pattern_for_every_title_is_told() -> None:
    text = with_line("end", "levels:\n  trait: title\n  user: ['*']\n  executive: [CEO]")
    assert "level 'executive' is never found: the pattern * of 'user' before it takes every title" in said(text)
