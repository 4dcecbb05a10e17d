"""Guards: three-valued truth, values of any type and size, and wake-ups that never come too late."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.errors import DefinitionErrors
from schemas.definition.expression import Guard
from streams.delivery.contracts import NEVER
from tests.streams.journey.harness import DAY, START, Person, ms
from tests.streams.journey.small import ruled

MEASURES = """
n:     {count: any, within: 3d}
ever:  {count: any}
sum:   {sum: properties.n, of: any, within: 2d}
days:  {active_days: any, within: 4d}
weeks: {active_weeks: any, within: 14d}
kinds: {distinct: properties.x, of: any, within: 3d, cap: 4}
seats: {latest: properties.seats, of: any}
quota: {latest: properties.quota, of: any, within: 2d}
due:   {latest: properties.due, of: any, as: time}
on:    {flag: {set: open, clear: close}}
"""


def guard_of(when: str) -> tuple[Person, Guard]:
    definition = ruled(when, MEASURES)
    return Person(definition, account=None), definition.user.machines[0].rules[0].when


def truth(when: str, *events: dict[str, Any], day: float = 10) -> bool:
    """Whether a guard holds on a day, after events on the days from 0 on."""
    person, guard = guard_of(when)
    for n, properties in enumerate(events or ({},)):
        person.event(properties.pop("event", "Other"), n, **properties)
    head = person.entity.head
    assert head is not None
    now = ms(day)
    return person.logic.fold.guards.truth(guard).of(head, now, person.logic.fold.calendar.day(now))


# --- unknown ---


@pytest.mark.parametrize(
    "when", ["seats > 3", "seats <= 3", "seats == 3", "seats != 3", "not (seats > 3)", "not (seats == 3)",
             "seats + 1 > 0", "min(seats, 3) >= 0", "seats > 3 or seats <= 3", "until(due) < 5d", "age(due) >= 0d"],
)  # fmt: skip
def test_nothing_is_true_of_what_is_unknown(when: str) -> None:
    assert truth(when) is False


def test_unknown_does_not_spoil_what_is_true_anyway() -> None:
    assert truth("seats > 3 or ever >= 1")
    assert not truth("seats > 3 and ever >= 1")
    assert truth("not (seats > 3 and ever >= 5)")  # false and unknown is false, whose negation is true
    assert not truth("not (seats > 3 or ever >= 5)")


def test_known_is_the_one_question_that_unknown_answers() -> None:
    assert truth("not known(seats)")
    assert truth("known(seats)", {"seats": 0})
    assert truth("known(quota)", {"quota": 1}, day=1.9)
    assert truth("not known(quota)", {"quota": 1}, day=2)


def test_a_division_by_zero_is_unknown() -> None:
    for when in ("ever / seats > 0", "ever / seats <= 0", "not (ever / seats > 0)"):
        assert not truth(when, {"seats": 0})
    assert truth("ever / seats > 0", {"seats": 2})


def test_a_flag_never_set_is_false() -> None:
    assert truth("not on")
    assert truth("on", {"event": "Opened"})
    assert truth("not on", {"event": "Opened"}, {"event": "Closed"})


# --- values of any type ---


@pytest.mark.parametrize("said", ["ten", "10", "", 2**64 - 1, 1e308, -1e308, True, [1], {"a": 1}, None])
@pytest.mark.parametrize(
    "when",
    ["ever >= 0.8 * seats", "min(seats, quota) >= 5", "max(seats, 3) > 2", "seats - quota > 1", "seats / quota > 2",
     "seats + 1 > 3", "seats * seats >= 5", "seats >= 5", "seats == quota", "idle >= seats * 1d"],
)  # fmt: skip
def test_whatever_an_event_says_a_guard_can_be_asked_and_published(when: str, said: Any) -> None:
    """Found by malformed records: one `seats: "10"` from a CRM ended the process, and ended it again at each start."""
    person, _ = guard_of(when)
    person.event("Other", 0, seats=said, quota=said)
    person.event("Other", 1, seats=10, quota=2)
    person.wait(30)
    assert [t["seq"] for t in person.transitions] == list(range(1, len(person.transitions) + 1))


def test_text_where_a_number_should_be_is_unknown() -> None:
    assert not truth("ever >= 0.8 * seats", {"seats": "1"})
    assert not truth("not (ever >= 0.8 * seats)", {"seats": "1"})
    assert truth("ever >= 0.8 * seats", {"seats": 1})


def test_text_equals_text_and_is_neither_more_nor_less_than_a_number() -> None:
    assert truth("seats == 'team'", {"seats": "team"})
    assert truth("seats != 'team'", {"seats": "pro"})
    assert not truth("seats >= 5", {"seats": "9"})
    assert not truth("seats < 5", {"seats": "9"})


# --- time ---


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("idle >= 2d", ms(2.5)),
        ("idle > 2d", ms(2.5) + 1),
        ("n == 0", START + 3 * DAY),
        ("days < 1", START + 4 * DAY),
        ("idle >= 1d and n == 0", START + 3 * DAY),
        ("idle >= 9d or n == 0", START + 3 * DAY),
        ("in_state >= 36h", ms(2)),
        ("until(due) <= 3d", ms(4)),
        ("until(due) < 3d", ms(4) + 1),
        ("age(due) >= 1d", ms(8)),
        ("not known(quota)", START + 2 * DAY),
        ("idle - 1d >= 12h", ms(2)),
    ],
)
def test_a_rule_fires_at_the_first_instant_at_which_it_holds(when: str, at: int) -> None:
    person, _ = guard_of(when)
    person.event("Other", 0.5, due=ms(7) / 1000, quota=1)
    person.put([], at - 1)
    assert not person.fired("rule")
    person.put([], at)
    assert len(person.fired("rule")) == 1


def test_what_time_cannot_make_true_arms_no_timer() -> None:
    for when in ("ever >= 5", "n >= 2", "idle < 0d", "seats > 3", "known(opened)", "on"):
        person, _ = guard_of(when)
        person.event("Other", 0.5)
        assert person.logic.deadline(person.entity) == NEVER, when


def test_a_flag_counts_its_age_from_when_it_was_set() -> None:
    person, _ = guard_of("age(on) >= 2d")
    for day in (0.5, 1):
        person.event("Opened", day)
    person.wait(2.5, -1)
    assert not person.fired("rule")
    person.wait(2.5)
    assert person.fired("rule")


@st.composite
def guards(draw: st.DrawFn) -> str:
    atom = st.sampled_from(
        ["idle >= {d}", "idle < {d}", "idle > {d}", "in_state >= {d}", "n >= {k}", "n == 0", "n < {k}", "sum > {k}",
         "sum < 0", "days <= {k}", "days == {k}", "weeks >= {k}", "weeks == {k}", "kinds < {k}", "known(quota)",
         "quota > {k}", "until(due) <= {d}", "until(due) > {d}", "age(on) >= {d}", "on", "n / seats > 0.5",
         "n - days >= {k}", "max(n, days) < {k}", "idle - in_state < {d}", "not known(quota)"]
    )  # fmt: skip

    def one() -> str:
        filled = draw(atom).format(d=f"{draw(st.integers(1, 9))}d", k=draw(st.integers(1, 3)))
        return f"not ({filled})" if draw(st.booleans()) else filled

    words = [one()]
    for _ in range(draw(st.integers(0, 2))):
        words.append(draw(st.sampled_from(["and", "or"])))
        words.append(one())
    return " ".join(words)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["Other", "Opened", "Closed"]), st.integers(0, 4 * 86_400), st.integers(-2, 3)), min_size=1,
    max_size=5,
)  # fmt: skip


def _refused(when: str) -> bool:
    """Whether the checker knows that it never or always holds; then there is nothing to ask."""
    try:
        ruled(when, MEASURES)
    except DefinitionErrors:
        return True
    return False


@given(guards(), EVENTS, st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_a_guard_that_is_false_stays_false_until_its_earliest_instant(
    when: str, events: list[tuple[str, int, int]], luck: random.Random
) -> None:
    """And one that is true stays true until its end: sampled at instants between, on edges of days above all."""
    if _refused(when):
        return
    person, guard = guard_of(when)
    for name, second, n in sorted(events, key=lambda e: e[1]):
        person.event(name, second / 86_400, n=n, x=f"x{n}", quota=n, seats=n, due=ms(n * 2) / 1000)
    fold, head = person.logic.fold, person.entity.head
    assert head is not None
    guards = fold.guards
    holds, earliest, ends = guards.truth(guard), guards.earliest(guard), guards.ends(guard)
    now = ms(max(second for _, second, _ in events) / 86_400)
    for _ in range(6):
        today = fold.calendar.day(now)
        was = holds.of(head, now, today)
        until = ends.of(head, now, today) if was else earliest.of(head, now, today)
        assert until > now, (when, was)
        last = min(until - 1, now + 20 * DAY)
        for instant in _between(now, last, luck):
            assert holds.of(head, instant, fold.calendar.day(instant)) is was, (when, was, instant - now)
        if until >= NEVER:
            break
        now = until


def _between(now: int, last: int, luck: random.Random) -> list[int]:
    if last <= now:
        return []
    midnights = [day * DAY for day in range(now // DAY + 1, last // DAY + 1)]
    edges = [at + d for at in midnights for d in (-1, 0)]
    return [at for at in [*edges, last, luck.randint(now, last)] if now < at <= last]
