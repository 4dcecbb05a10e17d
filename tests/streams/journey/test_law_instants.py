"""Instants that random histories seldom meet: each once went wrong, or nearly did. All held against the model too."""

from __future__ import annotations

from schemas.definition.parse import parse
from schemas.event import Event
from streams.replay.plant import Kept
from tests.model.driver import Driven, Published
from tests.model.laws import check
from tests.strategies.histories import DAY, HOUR, START, History, Turn

HEAD = """\
language: 1
definition: instants
version: 1
clock: {timezone: UTC, grace: 1h, wall: off}
events:
  every: {type: track}
  alpha: {name: Alpha}
  beta: {name: Beta}
"""


def event(key: int, day: float, name: str = "Alpha", account: str | None = None, **properties: object) -> Event:
    return Event(f"e{key}", name, "track", START + round(day * DAY), user="u1", account=account, properties=properties)


def follow(text: str, *events: Event, until: float) -> Published:
    """One event a turn, in order, then time to `until` (days); every law is checked on the way."""
    turns = [Turn((e,), e.at, n % 2 == 0) for n, e in enumerate(events)]
    end = START + round(until * DAY)
    return check(parse(HEAD + text), History(events, (*turns, Turn((), end, True)), end))


def days(published: Published, name: str) -> list[float]:
    """When a rule fired, in days since the start."""
    return [(m.at - START) / DAY for m in published.moved() if m.name == name]


MIDNIGHT = 15 * HOUR / DAY
"""START is nine in the morning."""


def test_a_refund_that_slides_out_of_its_window_lets_a_sum_rise() -> None:
    text = """\
user:
  activity: every
  measures: {spent: {sum: properties.n, of: every, within: 3d}}
  stage:
    states: [low, high]
    transitions: [{name: rises, from: low, to: high, when: spent >= 5}]
"""
    assert days(follow(text, event(1, 0, n=-3), event(2, 1, n=6), until=9), "rises") == [2 + MIDNIGHT]


def test_a_signal_ends_at_the_midnight_that_makes_it_unknown() -> None:
    text = """\
user:
  activity: every
  measures: {bought: {first: beta}, recent: {count: every, within: 2d}}
  stage: {states: [here, there], transitions: [{name: goes, from: here, to: there, when: idle >= 9d}]}
  signals: {fresh: age(bought) < 9d or recent >= 1}
alerts: [{name: trying, user: signals, enters: fresh, severity: low}]
"""
    (alarm,) = follow(text, event(1, 0), until=5).alarms()
    assert alarm.resolved == START + DAY + 15 * HOUR


def test_a_hold_breaks_at_the_midnight_that_makes_its_guard_unknown() -> None:
    text = """\
user:
  activity: every
  measures: {bought: {first: beta}, recent: {count: every, within: 2d}}
  stage:
    states: [here, there]
    transitions: [{name: goes, from: here, to: there, when: age(bought) < 9d or recent >= 1, hold: 2d}]
"""
    assert days(follow(text, event(1, 0), event(2, 1.9), until=9), "goes") == []


def test_an_alert_resolves_when_its_entity_is_forgotten() -> None:
    text = """\
user:
  activity: every
  forget: {stage: here, idle: 5d}
  measures: {ever: {count: every}}
  stage: {states: [here, there], transitions: [{name: goes, from: here, to: there, when: ever >= 9}]}
  signals: {some: ever >= 1}
alerts: [{name: known, user: signals, enters: some, severity: low}]
"""
    (alarm,) = follow(text, event(1, 0), until=20).alarms()
    assert alarm.resolved == START + 5 * DAY


def test_the_first_transition_names_the_account_of_its_event() -> None:
    text = """\
user:
  activity: every
  measures: {ever: {count: every}}
  stage: {states: [here, there], transitions: [{name: goes, from: here, to: there, when: ever >= 2}]}
"""
    published = follow(text, event(1, 0, account="a1"), event(2, 1, account="a2"), until=2)
    assert [(m.name, m.account) for m in published.moved()] == [("begins", "a1"), ("goes", "a2")]


def test_a_count_since_a_flag_goes_on_after_the_flag_fell_and_is_nothing_before_it_rose() -> None:
    text = """\
user:
  activity: every
  measures:
    contract: {flag: {set: alpha, clear: beta}}
    grew: {count: every, since: contract}
  stage: {states: [here, there], transitions: [{name: goes, from: here, to: there, when: grew >= 3}]}
"""
    found = follow(
        text, event(1, 0, "Beta"), event(2, 1, "Beta"), event(3, 2), event(4, 3, "Beta"), event(5, 4, "C"), until=9
    )
    assert days(found, "goes") == [4]


def test_a_forgotten_entity_goes_when_the_grace_period_is_over_restarted_or_not() -> None:
    text = """\
user:
  activity: every
  forget: {stage: here, idle: 5d}
  measures: {ever: {count: every}}
  stage: {states: [here, there], transitions: [{name: goes, from: here, to: there, when: ever >= 9}]}
"""
    driven = Driven(parse(HEAD + text))
    driven.turn(Turn((event(1, 0),), START, False))
    driven.turn(Turn((), START + 5 * DAY, False))
    logic, ((key, entity),) = driven.users.logic, driven.users.entities.items()
    loaded = logic.load(key, logic.dump(entity))
    gone = START + 5 * DAY + HOUR + 1
    for found in (entity, loaded):
        assert min(logic.deadline(found), logic.settles(found)) <= gone
        assert not logic.advance(key, found, [], gone - 1, 0, Kept()).ended
        assert logic.settles(found) == gone
        assert logic.advance(key, found, [], gone, 0, Kept()).ended
