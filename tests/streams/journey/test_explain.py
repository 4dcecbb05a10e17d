"""Explanation: why a rule fired and what would end it, in values a person and SQL can check."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.definition import words
from schemas.definition.expression import Arith, Const, Idle
from streams.journey.explain import plain, span
from tests.streams.journey.harness import Person, ms
from tests.streams.journey.small import ruled, small


def because(when: str, measures: str = "", day: float = 0, **said: Any) -> list[dict[str, Any]]:
    """The rows of the rule that fired, after one event on a day."""
    person = Person(ruled(when, measures), account=None)
    person.event("Other", 0)
    person.event("Other", day or 0.1, **said)
    person.wait(60)
    return list(person.fired("rule")[0]["because"])


def test_a_row_has_the_value_the_threshold_and_whether_it_holds() -> None:
    (row,) = because("n >= 2", "n: {count: any}")
    assert row == {"measure": "n", "value": 2, "op": ">=", "threshold": 2, "holds": True}


def test_durations_are_in_seconds() -> None:
    (row,) = because("idle >= 36h")
    assert (row["measure"], row["value"], row["threshold"]) == ("idle", 36 * 3_600, 36 * 3_600)


def test_times_are_in_rfc_3339() -> None:
    (row,) = because(
        "known(opened) or known(due)", "due: {latest: properties.due, of: any, as: time}", due=ms(5) // 1000
    )[1:]
    assert (row["measure"], row["op"], row["threshold"]) == ("due", "known", True)
    assert row["value"] == "2023-12-14T00:00:00.000Z"


def test_an_unknown_value_is_shown_as_unknown() -> None:
    rows = because("seats > 3 or n >= 2", "n: {count: any}\nseats: {latest: properties.seats, of: any}")
    assert rows[0] == {"measure": "seats", "value": None, "op": ">", "threshold": 3, "holds": "unknown"}
    assert rows[1]["holds"] is True


def test_a_negation_is_told_as_its_opposite() -> None:
    (row,) = because("not (n < 2)", "n: {count: any}")
    assert (row["op"], row["threshold"]) == (">=", 2)


def test_a_constant_on_the_left_is_told_from_the_measures_side() -> None:
    (row,) = because("2 <= n", "n: {count: any}")
    assert (row["measure"], row["op"], row["threshold"]) == ("n", ">=", 2)


def test_arithmetic_is_worded_as_its_author_wrote_it() -> None:
    (row,) = because("n / (seats + 1) > 0.5", "n: {count: any}\nseats: {latest: properties.seats, of: any}", seats=2)
    assert row["measure"] == "n / (seats + 1)"
    assert row["value"] == pytest.approx(2 / 3, abs=1e-6)


def test_evidence_is_what_last_moved_the_measures_and_the_event_itself() -> None:
    person = Person(ruled("n >= 2 and known(opened)", "n: {count: close}"), account=None)
    first = person.event("Opened", 0)
    person.event("Closed", 1)
    last = person.event("Closed", 2)
    assert person.fired("rule")[0]["evidence"] == [last, first]


def test_evidence_of_silence_is_the_newest_activity() -> None:
    person = Person(ruled("idle >= 2d"), account=None)
    person.event("Other", 0)
    last = person.event("Other", 1)
    person.wait(9)
    assert person.fired("rule")[0]["evidence"] == [last]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(14 * 86_400, "14 d"), (86_400, "1 d"), (36 * 3_600, "36 h"), (3_600, "1 h"), (300, "5 min"), (90, "90 s"),
     (0, "0 s"), (2.5 * 86_400, "2.5 d"), (None, "unknown"), (-3 * 86_400, "-3 d")],
)  # fmt: skip
def test_a_duration_is_told_as_people_say_it(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(3.0, "3"), (0.25, "0.25"), (7, "7"), (None, "unknown"), ("pro", "pro"), (True, "true"), (["a", "b"], "[a, b]")],
)
def test_a_value_has_no_needless_decimals(value: Any, words: str) -> None:
    assert plain(value) == words


@pytest.mark.parametrize("when", ["not known(began) or {0}", "{0} or not known(began)", "not reached(here) or {0}"])
def test_what_would_have_to_be_undone_is_the_greatest_effort(when: str) -> None:
    """Even next to a whole list of what somebody can do, and of what takes time."""
    list_ = "idle < 1d and n >= 5 and in_state >= 9d and k == 0"
    measures = "n: {count: any}\nk: {count: any, within: 28d}\nbegan: {first: any}"
    assert alerted(when.format(f"({list_})"), measures)["clears_when"] == (
        "idle < 1 d (now 2 d) and n >= 5 (now 1) and in_state >= 9 d (now 0 s) and k == 0 (now 1)"
    )


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("n >= 9 or n_week < 1", "n >= 9 (now 1)"),  # an act before time
        ("n_week < 1 or 4 <= n", "n >= 4 (now 1)"),
        ("n_week == 0 or n >= 9", "n >= 9 (now 1)"),
        ("score >= 7 or n >= 9", "n >= 9 (now 1)"),  # an act before another's word
        ("n_week < 1 or score >= 7", "score >= 7 (now unknown)"),  # that before time
        ("idle >= 9d or n >= 9", "n >= 9 (now 1)"),
        ("in_state >= 9d or n >= 9", "n >= 9 (now 1)"),
        ("score >= 7 or seats - n < 3", "seats - n < 3 (now 8)"),  # as more of n does
        ("score >= 7 or seats < n", "seats < 1 (now 9)"),
        ("n_week / seats < 0.1 or n >= 9", "n >= 9 (now 1)"),
        ("max(n, 2) >= 3 or n_week < 1", "max(n, 2) >= 3 (now 2)"),
        ("closed != 0 or n_week < 1", "closed >= 1 (now 0)"),
        ("0 == n or score >= 7", "score >= 7 (now unknown)"),  # it would have to fall
        ("n_week < 1 or 2 == n", "n == 2 (now 1)"),  # it only has to rise
        ("n != 1 or n_week < 1", "n != 1 (now 1)"),  # it may go up; only of the least that there is it must
        ("age(began) < 1d or score >= 7", "score >= 7 (now unknown)"),
        ("score >= 7 or until(due) > 9d", "score >= 7 (now unknown)"),  # either is another's word: the first
        ("in_state >= 9d or until(due) > 9d", "until(due) > 9 d (now unknown)"),
        ("in_state >= 9d or churn < 0.1", "churn < 0.1 (now 0.6201)"),
    ],
)
def test_what_somebody_can_do_is_told_before_what_only_others_or_time_can(when: str, said: str) -> None:
    measures = """\
        n: {count: any}
        n_week: {count: any, within: 7d}
        score: {latest: properties.score, of: any}
        seats: {latest: properties.seats, of: any}
        due: {latest: properties.due, of: any, as: time}
        closed: {count: close}
        began: {first: any}
        churn: {churn: any, horizon: 28d, after: 1, coefficients: {intercept: 0.5, 30d: -0.5}}"""
    assert alerted(when, measures, seats=9)["clears_when"].split(": ")[0] == said


def test_of_two_ways_that_ask_for_the_same_measures_the_nearer_one_is_told() -> None:
    """Found by the property of counterfactuals: the farther one was told where it stood first."""
    assert alerted("n >= 5 or n >= 3", "n: {count: any}")["clears_when"] == "n >= 3 (now 1)"
    assert alerted("n >= 3 or n >= 5", "n: {count: any}")["clears_when"] == "n >= 3 (now 1)"


# --- what ends an alert ---


def alerted(leaving: str, measures: str = "", hold: str = "", **said: Any) -> dict[str, Any]:
    """The alert of someone who is silent for two days; `leaving`: rules that lead away again."""
    held = f", hold: {hold}" if hold else ""
    rules = "".join(
        f'      - {{name: r{n}, from: gone, to: here, when: "{when}"{held}}}\n' for n, when in enumerate(leaving.split("|"))
    )  # fmt: skip
    rest = f"""\
  stage:
    states: [here, gone]
    transitions:
      - {{name: leaves, from: here, to: gone, when: idle >= 2d}}
{rules}"""
    tail = "alerts:\n  - {name: gone, user: stage, enters: gone, severity: low}\n"
    person = Person(small(measures, rest, tail), account=None)
    person.event("Other", 0, **said)
    person.wait(2)
    (alert,) = person.alerts
    return dict(alert)


def test_what_clears_an_alert_is_told_with_the_value_now() -> None:
    assert alerted("idle < 1d and n >= 2", "n: {count: any}")["clears_when"] == (
        "idle < 1 d (now 2 d) and n >= 2 (now 1)"
    )


def test_what_holds_already_is_not_asked_for() -> None:
    assert alerted("idle < 1d and n >= 1", "n: {count: any}")["clears_when"] == "idle < 1 d (now 2 d)"


def test_the_smallest_change_is_the_way_with_the_fewest_conditions() -> None:
    assert alerted("n >= 3 and idle < 1d|idle < 12h", "n: {count: any}")["clears_when"] == "idle < 12 h (now 2 d)"
    assert alerted("n >= 3 and idle < 1d or idle < 12h", "n: {count: any}")["clears_when"] == "idle < 12 h (now 2 d)"


def test_a_hold_is_told_with_what_clears() -> None:
    assert alerted("idle < 1d", hold="3d")["clears_when"] == "idle < 1 d (now 2 d), for 3 d"


def test_an_alert_tells_why_it_opened() -> None:
    (row,) = alerted("idle < 1d")["because"]
    assert (row["measure"], row["value"], row["threshold"]) == ("idle", 172_800, 172_800)


@pytest.mark.parametrize(
    "written",
    ["max(n, 3) - 1", "n / (seats + 1)", "n - (seats - 1)", "n - seats - 1", "n * (seats + 0.5)", "n + seats * 2",
     "n / (seats / 2)", "min(n, seats) / 4"],
)  # fmt: skip
def test_an_expression_is_worded_as_it_was_written(written: str) -> None:
    """Found here: the brackets were lost, so that who computed the words again found another value."""
    (row,) = because(
        f"n >= 3 or {written} > -99", "n: {count: any}\nseats: {latest: properties.seats, of: any}", seats=2
    )[1:]
    assert row["measure"] == written


def test_a_duration_in_an_expression_is_worded_as_a_duration() -> None:
    (row,) = because("idle - 1d >= 36h")
    assert (row["measure"], row["value"], row["threshold"]) == ("idle - 1d", 129_600, 129_600)
    assert words.number(Arith("+", Idle(), Const(3_600_000.0))) == "idle + 1h"
