"""Counterfactuals are true: what is said makes the transition fire, and one unit less does not. Said of values, done with events."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.journey.counterfactual import Counterfactual, Move
from streams.journey.next_steps import NextStep, NextSteps
from tests.strategies.definitions import EVENTS, WORDS, definition_texts
from tests.streams.journey import lives
from tests.streams.journey.harness import DAY, START, Customer, Followed, Person, ms
from tests.streams.journey.small import small

HEAD = """\
language: 1
definition: counted
version: 1
clock: {timezone: UTC, grace: 1h}
events:
  visit: {name: Visit}
  buy:   {name: Bought}
  use:   {name: Used}
  work:  {name: Worked}
  pay:   {name: Paid}
  rate:  {name: Rated}
  turn_on:  {name: On}
  turn_off: {name: Off}
  hello: {name: Hello}
user:
  activity: visit
  measures:
    n:     {count: buy, within: 7d}
    ever:  {count: buy}
    kinds: {distinct: properties.x, of: use, within: 28d, cap: 32}
    days:  {active_days: work, within: 28d}
    paid:  {sum: properties.amount, of: pay}
    score: {latest: properties.score, of: rate}
    seats: {latest: properties.seats, of: rate, else: ever}
    flag:  {flag: {set: turn_on, clear: turn_off}}
    seen:  {first: hello}
"""


NOW = ms(30)
"""When everything is asked and done."""


@cache
def definition(when: str, more: str = "", hold: str = "", tail: str = "") -> Definition:
    """One rule, `rule`, out of the first state; each measure is moved by events of its own, and none is activity."""
    held = f", hold: {hold}" if hold else ""
    return parse(
        HEAD
        + f"""\
  stage:
    states: [first, second]
    transitions:
      - {{name: rule, from: first, to: second, when: "{when}"{held}}}
{more}{tail}"""
    )


def begun(when: str, *history: tuple[str, float, dict[str, Any]], **given: str) -> Person:
    """Somebody with a history, as of day 30."""
    person = Person(definition(when, **given), "ann", None)
    person.event("Visit", 0)
    for name, day, said in history:
        person.event(name, day, **said)
    person.wait(30)
    return person


def step(person: Person, name: str = "rule") -> NextStep:
    head = person.entity.head
    assert head is not None
    return next(s for s in NextSteps(person.logic.fold).of(head, NOW) if s.name == name)


def moves(person: Person) -> list[Move] | None:
    return step(person).moves


# --- doing what is said ---


def done(person: Person, said: list[Move], less: Move | None = None) -> Person:
    """Do it at once, with real events, on day 30; of `less` one unit less."""
    for move in said:
        short = 0 if move is not less else 1
        if move.kind == "count":
            for _ in range(round(move.by or 0) - short):
                person.event("Bought", 30)
        elif move.kind == "distinct":
            for n in range(round(move.by or 0) - short):
                person.event("Used", 30, x=f"new {n}")
        elif move.kind == "active_days":
            idle = [d for d in range(30, 2, -1) if not worked(person, d)]
            for day in idle[: round(move.by or 0) - short]:
                person.event("Worked", day)
        elif move.kind == "sum":
            person.event("Paid", 30, amount=(move.by or 0) - short * unit(move))
        elif move.kind == "latest":
            person.event("Rated", 30, **{move.term: move.to - short * unit(move)})
        elif move.kind == "flag":
            person.event("On" if move.to else "Off", 30)
        elif move.kind == "first":
            person.event("Hello", 30)
    return person


def unit(move: Move) -> float:
    """Of what takes any value: a thousandth, or all of a change that is smaller."""
    by = 1.0 if move.by is None else move.by
    return min(0.001, abs(by)) * (1 if by > 0 else -1)


def worked(person: Person, day: int) -> bool:
    cell = person.entity.head.cells[person.logic.fold.terms.index["days"]]  # type: ignore[union-attr]
    if cell is None:
        return False
    ago = cell[0] - (START // DAY + day)
    return (ago < 0 and False) or (ago >= 0 and bool(cell[1] >> ago & 1))


def doable(said: list[Move]) -> bool:
    """Whether events can do it now: nothing has to be forgotten, and one count does not stand for two measures."""
    kinds = [move.kind for move in said]
    if kinds.count("count") > 1 or ("count" in kinds and any(m.term == "seats" and m.now is not None for m in said)):
        return False
    down = any(m.by is not None and m.by < 0 and m.kind not in ("latest", "sum") for m in said)
    return not down and all(m.to is not None for m in said) and not any(m.kind == "first" and m.by for m in said)


ATOMS = [
    "n >= {0}", "n > {0}", "kinds >= {0}", "days >= {0}", "days > {0}", "paid >= {0}", "paid > {0}", "paid < {0}",
    "score >= {0}", "score < {0}", "score != {0}", "flag", "not flag", "known(seen)", "known(score)", "n + kinds >= {0}",
    "days / max(1, kinds) >= 0.{0}", "kinds / (days + 1) > 0.{0}", "paid / 4 >= {0}", "n == {0}", "min(n, kinds) >= {0}",
    "paid + score >= {0}", "{0} <= n", "2 <= kinds <= {0}",
]  # fmt: skip
_atoms = st.builds(lambda text, n: text.format(n), st.sampled_from(ATOMS), st.integers(1, 6))
_guards = st.recursive(
    _atoms, lambda inner: st.builds(lambda a, word, b: f"({a} {word} {b})", inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=4,
)  # fmt: skip
_past = st.lists(
    st.one_of(
        st.tuples(st.just("Bought"), st.floats(20, 29.9), st.just({})),
        st.tuples(st.just("Used"), st.floats(4, 29.9), st.fixed_dictionaries({"x": st.sampled_from(WORDS)})),
        st.tuples(st.just("Worked"), st.floats(4, 29.9), st.just({})),
        st.tuples(st.just("Paid"), st.floats(1, 29.9), st.fixed_dictionaries({"amount": st.integers(1, 5)})),
        st.tuples(st.just("Rated"), st.floats(1, 29.9), st.fixed_dictionaries({"score": st.integers(0, 9)})),
        st.tuples(st.sampled_from(["On", "Off"]), st.floats(1, 29.9), st.just({})),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda e: e[1]))


@given(_guards, _past)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_what_is_said_makes_it_fire_and_one_unit_less_does_not(when: str, past: list[Any]) -> None:
    person = begun(when, *past)
    assume(person.state() == "first")
    said = moves(person)
    assume(said is not None and doable(said))
    assert said
    assert done(begun(when, *past), said).state() == "second", (when, said)
    for move in said:
        if move.by is not None:
            assert done(begun(when, *past), said, move).state() == "first", (when, said, move)


@given(st.sampled_from(["idle >= {}h", "in_state >= {}h", "age(seen) >= {}h", "idle + 1h >= {}h", "age(flag) >= {}h"]),
       st.integers(1, 3_000), st.integers(0, 20 * 24))  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_waiting_as_long_as_is_said_makes_it_fire_and_a_millisecond_less_does_not(
    text: str, hours: int, since: int
) -> None:
    when = text.format(hours)
    past = [("Hello", since / 24, {}), ("On", since / 24, {})]
    person = begun(when, *past)
    assume(person.state() == "first")
    (move,) = moves(person) or [None]
    assert move is not None
    assert move.by is not None
    person.put([], ms(30) + round(move.by) - 1)
    assert person.state() == "first"
    person.put([], ms(30) + round(move.by))
    assert person.state() == "second"


def test_ending_a_silence_takes_one_act() -> None:
    person = begun("idle < 1d and known(seen)")
    said = moves(person)
    assert said is not None
    idle = next(move for move in said if move.term == "idle")
    assert (idle.kind, idle.to) == ("duration", DAY - 1)
    person.event("Hello", 30)
    assert person.state() == "first"
    person.event("Visit", 30)
    assert person.state() == "second"


# --- what is said ---


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("n >= 3", [("n", "count", 1, 3, 2)]),
        ("n > 3", [("n", "count", 1, 4, 3)]),
        ("n >= 3 and kinds >= 2", [("n", "count", 1, 3, 2), ("kinds", "distinct", 0, 2, 2)]),
        ("n >= 3 or kinds >= 2 and days >= 1", [("n", "count", 1, 3, 2)]),
        ("n >= 5 and n >= 3", [("n", "count", 1, 5, 4)]),
        ("n >= 5 or n >= 3", [("n", "count", 1, 3, 2)]),  # the smaller one, whichever stands first
        ("not (n < 3)", [("n", "count", 1, 3, 2)]),
        ("flag", [("flag", "flag", False, True, None)]),
        ("known(seen)", [("seen", "first", None, ms(30), None)]),
        ("score >= 7", [("score", "latest", None, 7, None)]),
        ("idle >= 31d", [("idle", "duration", 30 * DAY, 31 * DAY, DAY)]),
        ("n / ever >= 0.5 and n >= 0 and kinds >= 1", [("kinds", "distinct", 0, 1, 1)]),
        ("days >= 29", None),  # of 28
        ("not reached(first)", None),
        ("flag and (n == 0 or kinds >= 2)", [("flag", "flag", False, True, None), ("kinds", "distinct", 0, 2, 2)]),
        ("score >= 7 or kinds >= 2", [("kinds", "distinct", 0, 2, 2)]),
        ("flag and n == 0", [("flag", "flag", False, True, None), ("n", "count", 1, 0, -1)]),
    ],
)
def test_the_smallest_change_is_told_term_by_term(when: str, said: list[Any] | None) -> None:
    found = moves(begun(when, ("Bought", 29, {})))
    assert (None if found is None else [tuple(move) for move in found]) == said


def test_of_a_rule_that_holds_and_waits_nothing_is_missing_but_time() -> None:
    found = step(begun("n >= 1", ("Bought", 29, {}), hold="3d"))
    assert (found.moves, found.hold) == ([], 3 * DAY)


def test_an_earlier_transition_that_would_win_is_named() -> None:
    more = '      - {name: later, from: first, to: second, when: "n >= 5"}\n'
    person = begun("n >= 3", more=more)
    assert step(person, "later").instead == "rule"
    assert step(person).instead is None


SIGNALS = """\
  signals:
    quiet: idle >= 3d
    thin:  n < 2
  risk:
    states: [healthy, at_risk]
    transitions:
      - {name: bad, from: healthy, to: at_risk, when: count(signals) >= 1}
      - {name: good, from: at_risk, to: healthy, when: count(signals) == 0}
"""
ALERTS = """\
alerts:
  - {name: at_risk, user: risk, enters: at_risk, severity: low}
  - {name: thin, user: signals, enters: thin, severity: low}
"""


def clearing(person: Followed, name: str) -> NextStep:
    fold, head = person.logic.fold, person.entity.head
    assert head is not None
    alert = next(alert for alert in fold.alerts.rules if alert.rule.name == name)
    found = NextSteps(fold).clearing(head, alert, max(NOW, head.now))
    assert found is not None
    return found


def test_signals_that_have_to_end_are_told_with_what_ends_each() -> None:
    found = clearing(begun("flag", more=SIGNALS, tail=ALERTS), "at_risk")
    assert found.moves is not None
    assert [tuple(move) for move in found.moves] == [("count(signals)", "signals", 2, 0, -2)]
    stops = {name: [tuple(move) for move in said or ()] for name, said in found.signals}
    assert stops == {
        "quiet": [("idle", "duration", 30 * DAY, 3 * DAY - 1, -27 * DAY - 1)],
        "thin": [("n", "count", 0, 2, 2)],
    }


def test_what_is_said_to_clear_an_alert_resolves_it_and_one_unit_less_does_not() -> None:
    for short in (1, 0):
        person = begun("flag", more=SIGNALS, tail=ALERTS)
        (move,) = clearing(person, "thin").moves or ()
        for _ in range(round(move.by or 0) - short):
            person.event("Bought", 30)
        assert [a["status"] for a in person.alerts if a["name"] == "thin"] == ["opened", "resolved"][: 2 - short]
        person.event("Visit", 30)
        assert [a["status"] for a in person.alerts if a["name"] == "at_risk"] == ["opened", "resolved"][: 2 - short]


@pytest.mark.parametrize(
    ("live", "alert", "said"),
    [
        (lives.deserted, "champion_quiet", [("champions_14", "members", 0, 1, 1)]),
        (lives.deserted, "on_single_threaded", [("monthly", "members", 0, 2, 2)]),
        (lives.deserted, "on_thin_use", [("weekly", "members", 0, 2, 2)]),
        (lives.deserted, "on_no_executive_30d", [("executives_30", "members", 0, 1, 1)]),
        (lives.unhappy, "on_overdue_10d", [("overdue", "flag", True, False, None)]),
        (lives.unstarted, "on_never_started", [("stage", "machine", "conversion", "onboarding", None)]),
    ],
)
def test_what_a_person_can_do_is_told_before_a_stage_and_a_stage_that_a_rule_leads_to(
    live: Callable[[], Customer], alert: str, said: list[Any]
) -> None:
    found = clearing(live(), alert)
    assert [tuple(move) for move in found.moves or ()] == said


def test_of_states_that_are_asked_for_one_is_told_that_a_rule_leads_to() -> None:
    rest = """\
  stage:
    states: [first, second, third]
    transitions:
      - {name: opens, from: first, to: second, when: known(opened)}
      - {name: back,  from: second, to: first, when: n >= 4}
  signals:
    reason: stage == second
"""
    tail = "alerts:\n  - {name: it, user: signals, enters: reason, severity: low}\n"
    found = Person(small("n: {count: any}", rest, tail), account=None)
    found.event("Opened", 0)
    assert clearing(found, "it").moves == [Move("stage", "machine", "second", "first", None)]


def test_the_way_that_asks_for_least_ends_an_alert_not_the_one_of_fewest_terms() -> None:
    more = """\
  risk:
    states: [well, ill]
    transitions:
      - {name: falls, from: well, to: ill, when: idle >= 3d}
      - {name: stage, from: ill, to: well, when: stage == second}
      - {name: acts,  from: ill, to: well, when: n >= 2 and days >= 1}
"""
    tail = "alerts:\n  - {name: ill, user: risk, enters: ill, severity: low}\n"
    found = clearing(begun("flag", more=more, tail=tail), "ill")
    assert [move.term for move in found.moves or ()] == ["n", "days"]


# --- values, for every definition there is ---


@given(
    definition_texts(),
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.sampled_from([0.01, 1, 2, 5]), st.sampled_from(WORDS), st.integers(0, 3)),
        min_size=2,
        max_size=12,
    ),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_in_any_state_of_any_definition_the_values_that_are_said_are_enough_and_least(
    text: str, life: list[Any]
) -> None:
    person, day = Person(parse(text), account=None), 0.0
    for name, wait, word, n in life:
        day += wait
        person.event(name, day, x=word, n=n)
    head, fold = person.entity.head, person.logic.fold
    assert head is not None
    today = fold.calendar.day(head.now)
    for machine in fold.machines:
        for rule in [rule for rules in machine.leaving for rule in rules]:
            asked = Counterfactual(fold.guards, rule.rule.when, machine.number)
            holds = rule.holds.of(head, head.now, today)
            assert asked.holds(head, head.now, today, {}) == holds
            values = asked.values(head, head.now, today)
            if values is None:
                continue
            assert (values == {}) == holds
            assert asked.holds(head, head.now, today, values)
            for key, move in zip(values, asked.moves(head, head.now, today) or (), strict=True):
                if move.by and move.kind not in ("sum", "latest"):
                    less = {**values, key: values[key] - (1 if move.by > 0 else -1)}
                    assert not asked.holds(head, head.now, today, less), (text, move)
