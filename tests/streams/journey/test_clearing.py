"""What ends an alert is told as what somebody can do, and doing it ends the alert."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.streams.journey import lives
from tests.streams.journey.harness import Customer, Followed, Person
from tests.streams.journey.lives import LIVES
from tests.streams.journey.small import STAGE, small


def clears(found: Followed, name: str) -> str:
    """What the last such alert said when it opened."""
    return str([a["clears_when"] for a in found.alerts if a["name"] == name and a["status"] == "opened"][-1])


# --- the shipped definitions ---


@cache
def told() -> str:
    return lives.read()


def test_every_shipped_alert_and_signal_says_what_was_read_and_found_good() -> None:
    """Read data/clearing.txt after a change of it (see lives): would you know what to do?"""
    assert told() == lives.TEXT.read_text()


@pytest.mark.parametrize("name", LIVES)
def test_no_shipped_alert_or_signal_is_left_out(name: str) -> None:
    part = "".join(line for line in told().split("\n\n") if line.strip().startswith(f"{name}, "))
    missing = [rule.name for rule in lives.alarmed(name).alerts if f"  {rule.name}: " not in part]
    assert missing == []


def test_a_quiet_champion_clears_by_a_champion_who_comes_never_by_another_stage() -> None:
    found = lives.deserted()
    assert clears(found, "champion_quiet") == (
        "champions_14 >= 1 (now 0): 1 more member (reached retention, active within 14d)"
    )
    found.member("m0", 45, stage="retention", reached=("engagement", "retention"))
    assert [a["status"] for a in found.alerts if a["name"] == "champion_quiet"] == ["opened", "resolved"]


def start(found: Customer) -> None:
    found.event("Onboarding Kickoff", 14)


def finish(found: Customer) -> None:
    found.members(6, 31, admin=True)


@pytest.mark.parametrize(
    ("live", "do", "name"),
    [(lives.unstarted, start, "on_never_started"), (lives.unfinished, finish, "on_stalled")],
)
def test_what_is_said_of_a_stage_that_lasts_ends_it(
    live: Callable[[], Customer], do: Callable[[Customer], None], name: str
) -> None:
    found = live()
    statuses = [a["status"] for a in found.alerts if a["name"] == name]
    assert statuses == ["opened"]
    do(found)
    assert [a["status"] for a in found.alerts if a["name"] == name] == ["opened", "resolved"]


# --- which way is told ---


def signalled(when: str, measures: str = "", more: str = "") -> Person:
    """Somebody in the second of three stages, of whom a signal holds after two days."""
    rest = f"""\
  stage:
    states: [first, second, third]
    transitions:
      - {{name: begins, from: first, to: second, when: known(opened)}}
{more}  signals:
    reason: "{when}"
"""
    found = Person(
        small(measures, rest, "alerts:\n  - {name: it, user: signals, enters: reason, severity: low}\n"), account=None
    )
    found.event("Opened", 0)
    found.event("Other", 0.5)
    found.wait(2)
    return found


@pytest.mark.parametrize(
    "when", ["stage == second and n < 5", "n < 5 and stage == second", "not (n >= 5) and stage != first"]
)
def test_a_measure_wins_over_a_stage_wherever_it_stands(when: str) -> None:
    assert clears(signalled(when, "n: {count: any}"), "it") == "n >= 5 (now 1)"


@pytest.mark.parametrize("when", ["n >= 1 and n_close == 0", "n_close == 0 and n >= 1"])
def test_what_an_act_moves_wins_over_what_only_time_lowers(when: str) -> None:
    measures = "n: {count: open, within: 28d}\nn_close: {count: close}"
    assert clears(signalled(when, measures), "it") == "n_close >= 1 (now 0)"


@pytest.mark.parametrize("when", ["n < 9 and score < 5", "score < 5 and n < 9"])
def test_what_somebody_does_wins_over_what_somebody_would_have_to_report(when: str) -> None:
    found = signalled(when, "n: {count: any}\nscore: {latest: properties.score, of: any}")
    found.event("Other", 2.1, score=3)
    assert clears(found, "it") == "n >= 9 (now 3)"


def test_of_a_flag_and_its_age_the_flag_is_told() -> None:
    found = signalled("age(on) >= 1d and on", "on: {flag: {set: open, clear: close}}")
    assert clears(found, "it") == "on is false (now true)"


WAYS = {
    "back": "      - {name: back, from: second, to: first, when: n >= 4}\n",
    "on": "      - {name: on, from: second, to: third, when: n >= 3, hold: 3d}\n",
}


@pytest.mark.parametrize("order", [("back", "on"), ("on", "back")])
def test_where_only_the_stage_is_behind_it_the_rule_that_leads_on_is_told(order: tuple[str, str]) -> None:
    found = signalled("stage == second and age(stage) >= 1d", "n: {count: any}", "".join(WAYS[one] for one in order))
    assert clears(found, "it") == "stage becomes third (now second): n >= 3 (now 2), for 3 d"


def test_a_rule_that_leads_where_the_reason_stays_is_not_told() -> None:
    found = signalled("stage in [second, third] and age(stage) >= 1d", "n: {count: any}", "".join(WAYS.values()))
    assert clears(found, "it") == "stage becomes first (now second): n >= 4 (now 2)"


def test_a_stage_that_no_rule_leaves_is_told_as_it_is() -> None:
    assert clears(signalled("stage == second and age(stage) >= 1d"), "it") == "stage not in [second] (now second)"


# --- signals ---

SIGNALS = f"""\
{STAGE}  signals:
    slow:  stage_days >= 1
    quiet: idle >= 1d
    thin:  n < 5
  risk:
    states: [healthy, at_risk]
    transitions:
      - {{name: bad,  from: healthy, to: at_risk, when: count(signals) >= 3}}
      - {{name: good, from: at_risk, to: healthy, when: "WHEN"}}
alerts:
  - {{name: it, user: risk, enters: at_risk, severity: low}}
"""


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            "count(signals) == 0",
            "slow: stage_days < 1 (now 1) and quiet: idle < 1 d (now 1 d) and thin: n >= 5 (now 1)",
        ),
        ("count(signals) < 2", "quiet: idle < 1 d (now 1 d) and thin: n >= 5 (now 1)"),
        ("count(signals) <= 2", "quiet: idle < 1 d (now 1 d)"),
        ("not thin", "thin: n >= 5 (now 1)"),
    ],
)
def test_of_signals_that_have_to_end_so_many_are_told_as_is_asked_for_the_easiest(when: str, said: str) -> None:
    measures = "n: {count: any}\nstage_days: {count: any, within: 28d}"
    found = Person(small(measures, SIGNALS.replace("WHEN", when)), account=None)
    found.event("Other", 0)
    found.wait(1)
    assert clears(found, "it") == said
