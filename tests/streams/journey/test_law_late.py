"""What arrives beyond the grace period: applied and counted, and no earlier instant is told anew for it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.event import Event
from tests.model.driver import Driven, drive
from tests.model.laws import equal_ids_have_equal_payloads, positions_have_no_gaps
from tests.strategies.histories import DAY, HOUR, START, History, Turn, companies, histories

COUNTED = parse(
    """\
language: 1
definition: counted
version: 1
clock: {timezone: UTC, grace: 1h, wall: off}
events:
  every: {type: track}
user:
  activity: every
  measures:
    week: {count: every, within: 7d}
  stage:
    states: [new, regular, gone]
    transitions:
      - {name: returns, from: new, to: regular, when: week >= 3}
      - {name: leaves, from: regular, to: gone, when: idle >= 5d}
      - {name: returns again, from: gone, to: regular, when: idle < 1d}
"""
)


def event(n: int, day: float) -> Event:
    return Event(f"e{n}", "Alpha", "track", START + round(day * DAY), user="u1")


def turns(*given: tuple[list[Event], float]) -> History:
    """[(events, watermark in days)] as a history."""
    made = tuple(Turn(tuple(events), START + round(day * DAY), False) for events, day in given)
    return History(tuple(e for turn in made for e in turn.events), made, made[-1].until)


def told(history: History, definition: Definition = COUNTED) -> list[tuple[str, float]]:
    """(rule, day) of the transitions that stand."""
    found = drive(definition, history)
    return [(m.name, round((m.at - START) / DAY, 3)) for m in sorted(found.moved(), key=lambda m: m.at)]


def test_a_late_event_counts_in_the_day_it_happened() -> None:
    assert told(turns(([event(1, 0)], 0), ([event(2, 3)], 3), ([event(3, 1)], 3))) == [("begins", 0), ("returns", 3)]


def test_a_late_event_counts_no_longer_than_its_own_day_would() -> None:
    late = turns(([event(1, 0)], 0), ([event(2, 6.9)], 6.9), ([event(3, 6)], 7.1), ([event(4, 0.5)], 7.1))
    assert told(late) == [("begins", 0)]


def test_a_late_event_does_not_undo_a_silence_that_was_published() -> None:
    seen = turns(([event(n, 0) for n in (1, 2, 3)], 0), ([], 6), ([event(4, 3)], 6))
    assert told(seen)[:3] == [("begins", 0), ("returns", 0), ("leaves", 5)]


def test_an_event_at_the_edge_of_the_grace_period_is_not_late() -> None:
    history = turns(([event(1, 1)], 1), ([event(2, 1 - HOUR / DAY)], 1), ([event(3, 1)], 1))
    published = drive(COUNTED, history)
    assert published.counts.get(("late", "input"), 0) == 0
    assert [m.at - START for m in published.moved() if m.name == "begins"] == [DAY - HOUR]


def test_a_busy_hour_settles_early_and_tells_the_same() -> None:
    many = [event(n, n / 10_000) for n in range(200)]
    driven = Driven(COUNTED)
    for n in range(0, 200, 7):
        driven.turn(Turn(tuple(many[n : n + 7]), many[min(n + 6, 199)].at, n % 2 == 0))
    assert [m.name for m in driven.published.moved()] == ["begins", "returns"]
    assert driven.users.logic.counts["settled_early", ""] > 0


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_the_order_nothing_is_lost_and_nothing_breaks(data: st.DataObject) -> None:
    definition = data.draw(companies())
    history = data.draw(histories(definition))
    order = data.draw(st.permutations(history.events))
    rushed = tuple(Turn((e,), START + n * 20 * DAY, n % 3 == 0) for n, e in enumerate(order))
    published = drive(definition, replace(history, turns=rushed))
    positions_have_no_gaps(published)
    equal_ids_have_equal_payloads(published)
    living = {(m.kind, m.entity) for m in published.moved()}
    assert {("user", e.user) for e in history.events} <= living
