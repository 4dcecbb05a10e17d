"""What would have to happen next is said as a person would say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.definition.parse import load
from streams.commands.next_words import phrase, told
from streams.journey.counterfactual import JUST, Move
from streams.journey.next_steps import NextStep

SAAS = load(Path("schemas/definitions/saas.yaml"))
DAY = 86_400_000


def move(term: str, kind: str, now: object, to: object) -> Move:
    numbers = isinstance(now, (int, float)) and isinstance(to, (int, float)) and kind != "flag"
    return Move(term, kind, now, to, to - now if numbers else None)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("kind", "what", "said"),
    [
        ("user", move("days_7", "active_days", 1, 4), "3 more active days in 7d"),
        ("user", move("weeks", "active_weeks", 2, 3), "1 more active week in 28d"),
        ("user", move("core_7", "count", 0, 3), "3 more events of core in 7d"),
        ("user", move("features", "distinct", 2, 3), "1 more different feature in 28d"),
        ("user", move("signed_up", "first", None, 7), "an event of signed_up"),
        ("user", move("idle", "duration", 2 * DAY, 14 * DAY), "silent for 12 d more"),
        ("user", move("idle", "duration", 20 * DAY, DAY - 1), "active once"),
        ("user", move("in_state", "duration", 32 * DAY, 56 * DAY), "24 d more in this state"),
        ("user", move("reached(engagement)", "reached", False, True), "engagement has been reached"),
        ("account", move("contract", "flag", False, True), "an event of bought"),
        ("account", move("cancelling", "flag", True, False), "an event of stays or bought"),
        ("account", move("activated", "members", 3, 5), "2 more members (stage engagement or adoption or retention)"),
        ("account", move("weekly", "members", 2, 3), "1 more member (active within 7d)"),
        ("account", move("tickets", "count", 5, 3), "2 fewer events of ticket in 30d"),
        ("account", move("nps", "latest", 4, 7), "nps of 7 (now 4)"),
        ("account", move("nps", "latest", 4, 6 + JUST), "nps above 6 (now 4)"),
        ("account", move("nps", "latest", 9, 7 - JUST), "nps below 7 (now 9)"),
        ("account", move("champions_14", "members", 0, 1), "1 more member (reached retention, active within 14d)"),
        ("account", move("quota", "latest", None, 0.9), "quota of 0.9 (now unknown)"),
        ("account", move("until(renews_at)", "duration", 120 * DAY, 90 * DAY), "30 d nearer to renews_at"),
        ("account", move("age(stage)", "duration", 10 * DAY, 14 * DAY), "age(stage) of 14 d (now 10 d)"),
        ("account", move("count(signals)", "signals", 3, 0), "3 fewer signals"),
        ("account", move("count(signals)", "signals", 0, 1), "1 more signal"),
        ("account", move("stage", "machine", "conversion", "adoption"), "stage becomes adoption"),
        ("account", move("silent_14d", "signal", False, True), "signal silent_14d holds"),
    ],
)
def test_each_term_is_told_in_its_own_words(kind: str, what: Move, said: str) -> None:
    entity = SAAS.user if kind == "user" else SAAS.account
    assert entity is not None
    assert phrase(what, entity) == said


def test_a_probability_is_told_as_a_value_since_no_number_of_events_is_it() -> None:
    community = load(Path("schemas/definitions/community.yaml"))
    assert phrase(move("churn_90", "churn", 0.01, 0.47), community.user) == "churn_90 of 0.47 (now 0.01)"


def step(moves: list[Move] | None, **given: object) -> NextStep:
    found = NextStep("stage", "a", "b", "rule", moves, 0, None, (), None)
    return found._replace(**given)  # type: ignore[arg-type]


def test_a_whole_step_names_all_that_is_missing_how_long_and_what_would_win() -> None:
    two = [move("core_7", "count", 0, 3), move("features", "distinct", 2, 3)]
    assert told(step(two), SAAS.user) == "3 more events of core in 7d and 1 more different feature in 28d"
    assert told(step(two[:1], hold=3 * DAY), SAAS.user) == "3 more events of core in 7d, for 3 d"
    assert told(step([], hold=3 * DAY, left=2 * DAY), SAAS.user) == "nothing more, for 2 d more"
    assert told(step(two[:1], instead="other"), SAAS.user).endswith("(but 'other' would win)")
    assert told(step(None), SAAS.user) == "no change of single values does it"


def test_signals_that_have_to_end_are_told_one_by_one() -> None:
    assert SAAS.account is not None
    found = step(
        [move("count(signals)", "signals", 1, 0)], signals=(("many_tickets", [move("tickets", "count", 4, 3)]),)
    )
    assert told(found, SAAS.account) == "1 fewer signal and many_tickets would end with 1 fewer event of ticket in 30d"
