"""Measures: what each kind counts, in the day it happened, in whatever order it arrived, and never without bound."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.journey.calendar import DAY
from streams.journey.measures import (
    LARGEST,
    ActiveDays,
    ActiveWeeks,
    Distinct,
    First,
    Flag,
    Gauge,
    Latest,
    Total,
    Wide,
    Windowed,
    as_time,
)
from tests.streams.journey.small import Asked

Said = tuple[int, Any]
"""(day, value)."""


def kept(gauge: Gauge, *said: Said) -> Any:
    """The cell after events of these days, in this order, written down and read back after each."""
    cell = None
    for day, value in said:
        cell = gauge.hit(cell, day, day * DAY, value)
        cell = orjson.loads(orjson.dumps(cell))
    return cell


def asked(gauge: Gauge, today: int, *said: Said) -> Any:
    return gauge.value(kept(gauge, *said), today)


# --- first, counts and sums ---


def test_first_is_the_earliest_time_whenever_it_arrives() -> None:
    assert asked(First(), 9, (5, 1), (3, 1), (4, 1)) == 3 * DAY
    assert First().value(None, 9) is None


def test_a_total_needs_no_window() -> None:
    assert asked(Total(), 10_000, (1, 2), (5_000, 3)) == 5
    assert Total().value(None, 5) == 0


@pytest.mark.parametrize(("today", "value"), [(10, 7), (16, 7), (17, 0)])
def test_a_window_is_today_and_the_days_before(today: int, value: int) -> None:
    assert asked(Windowed(7), today, (10, 7)) == value


def test_an_event_counts_on_its_own_day_however_late_it_comes() -> None:
    assert asked(Windowed(3), 10, (10, 1), (9, 1), (8, 1), (9, 1), (7, 1)) == 4


def test_what_has_left_the_window_is_no_longer_kept() -> None:
    cell = kept(Windowed(3), *[(day, 1) for day in range(1_000)])
    assert len(cell) == 2 * 3


def test_what_is_too_old_for_the_window_is_not_kept_either() -> None:
    assert kept(Windowed(3), (10, 1), (7, 1)) == [10, 1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-3, 3)), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_a_window_is_the_same_in_every_order(said: list[Said], luck: random.Random) -> None:
    newest = max((day for day, _ in said), default=0)
    expected = [sum(v for day, v in said if day > today - 7) for today in range(newest, newest + 9)]
    luck.shuffle(said)
    cell = kept(Windowed(7), *said)
    assert [Windowed(7).value(cell, today) for today in range(newest, newest + 9)] == expected


def test_a_window_says_on_which_day_it_next_changes() -> None:
    cell = kept(Windowed(7), (10, 1), (12, 1))
    assert [Windowed(7).changes(cell, today) for today in (12, 17, 18, 19)] == [17, 19, 19, None]


@pytest.mark.parametrize("amount", [2**63, -(2**63), 2**64 - 1, 1e308, -1e308])
@pytest.mark.parametrize("gauge", [Total(), Windowed(9), Windowed(9_000)])
def test_absurd_amounts_stay_a_number_that_is_written_and_read_back(gauge: Gauge, amount: float) -> None:
    """Found by malformed records: a sum of 64-bit numbers made a state that could not be written, for ever."""
    value = asked(gauge, 8, *[(day, amount) for day in (1, 1, 2, 8, 8)])
    assert abs(value) == LARGEST
    assert (value > 0) is (amount > 0)


def test_a_sum_skips_what_is_no_number() -> None:
    person = Asked("paid: {sum: properties.n, of: any}")
    for day, said in enumerate([1, "2", None, [3], {"n": 4}, 5.5]):
        person.person.event("Paid", day, n=said)
    assert person.value("paid", 9) == 6.5


# --- active days and weeks ---


def test_active_days_count_each_day_once() -> None:
    assert asked(ActiveDays(28), 20, (18, 1), (18, 1), (20, 1), (19, 1), (1, 1)) == 4


@pytest.mark.parametrize(("today", "days"), [(0, 1), (27, 1), (28, 0), (1_000_000, 0)])
def test_an_active_day_slides_out_of_the_window(today: int, days: int) -> None:
    assert asked(ActiveDays(28), today, (0, 1)) == days


def test_active_days_say_on_which_day_they_next_change() -> None:
    cell = kept(ActiveDays(5), (10, 1), (12, 1))
    assert [ActiveDays(5).changes(cell, today) for today in (12, 14, 15, 16, 17)] == [15, 15, 17, 17, None]


@pytest.mark.parametrize(("said", "weeks"), [((20, 14), 1), ((20, 13), 2), ((20, 13, 6), 3), ((20, 19, 18), 1)])
def test_active_weeks_are_blocks_of_seven_days_counted_back_from_today(said: tuple[int, ...], weeks: int) -> None:
    assert asked(ActiveWeeks(28), 20, *[(day, 1) for day in said]) == weeks


def test_active_weeks_may_rise_by_themselves() -> None:
    """Two days side by side fall into two blocks on the day that puts a boundary between them."""
    cell = kept(ActiveWeeks(28), (10, 1), (11, 1))
    assert [ActiveWeeks(28).value(cell, today) for today in (11, 16, 17, 18)] == [1, 1, 2, 1]
    assert ActiveWeeks(28).changes(cell, 16) == 17


@pytest.mark.parametrize("days", [63, 84, 365])
def test_windows_of_more_than_62_days_are_kept_whole(days: int) -> None:
    """Their bits are more than JSON's 64."""
    said = [(day, 1) for day in range(0, days, 7)]
    assert asked(Wide(ActiveDays(days)), days - 1, *said) == len(said)
    assert asked(Wide(ActiveWeeks(days)), days - 1, *said) == len(said)
    assert asked(Wide(ActiveDays(days)), days, *said) == len(said) - 1
    assert Wide(ActiveDays(days)).changes(kept(Wide(ActiveDays(days)), *said), days - 1) == days


@given(st.sets(st.integers(0, 200), max_size=20), st.sampled_from([5, 28, 84]), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_active_days_are_the_same_in_every_order(days: set[int], within: int, luck: random.Random) -> None:
    said = [(day, 1) for day in days]
    luck.shuffle(said)
    gauge = Wide(ActiveDays(within))
    today = max(days, default=0) + 3
    assert asked(gauge, today, *said) == sum(day > today - within for day in days)


# --- distinct and latest ---


def test_distinct_counts_values_and_the_members_of_lists() -> None:
    assert asked(Distinct(None, 64), 5, (1, "a"), (1, ["a", "b"]), (2, "c"), (3, 7)) == 4


def test_distinct_forgets_a_value_that_was_not_seen_in_the_window() -> None:
    said = ((1, "a"), (1, "b"), (5, "a"))
    assert [asked(Distinct(7, 64), today, *said) for today in (7, 8, 11, 12)] == [2, 1, 1, 0]
    assert Distinct(7, 64).changes(kept(Distinct(7, 64), *said), 5) == 8


def test_distinct_keeps_no_more_than_its_cap() -> None:
    cell = kept(Distinct(None, 3), *[(1, f"v{n}") for n in range(100)])
    assert sorted(cell) == ["v0", "v1", "v2"]


def test_a_full_window_makes_room_for_the_newest_value() -> None:
    cell = kept(Distinct(7, 2), (1, "a"), (2, "b"), (3, "c"))
    assert sorted(cell) == ["b", "c"]
    assert sorted(kept(Distinct(7, 2), (2, "a"), (3, "b"), (1, "c"))) == ["a", "b"]


def test_latest_is_newest_by_event_time() -> None:
    assert asked(Latest(None, False), 9, (5, "new"), (3, "old")) == "new"


def test_latest_ignores_what_is_no_single_value() -> None:
    assert asked(Latest(None, False), 9, (1, "team"), (2, {"a": 1}), (3, ["b"])) == "team"


def test_latest_is_unknown_when_it_has_left_the_window() -> None:
    said = ((10, "x"),)
    assert [asked(Latest(7, False), today, *said) for today in (16, 17)] == ["x", None]
    assert Latest(7, False).changes(kept(Latest(7, False), *said), 12) == 17
    assert Latest(7, False).changes(kept(Latest(7, False), *said), 17) is None


def test_an_event_without_the_property_leaves_the_latest_value() -> None:
    person = Asked("plan: {latest: properties.plan, of: any}")
    person.person.event("Changed", 0, plan="team")
    person.person.event("Changed", 1)
    assert person.value("plan", 2) == "team"


@pytest.mark.parametrize(
    "said", [1_714_564_800, 1_714_564_800.0, 1_714_564_800_000, "2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00"]
)
def test_a_time_may_be_seconds_milliseconds_or_text(said: Any) -> None:
    assert as_time(said) == 1_714_564_800_000


@pytest.mark.parametrize("said", ["soon", True, None, [], 0, -1e300, 1e300, 2**64 - 1, 9e14, "9999-12-31"])
def test_what_is_no_time_of_our_centuries_is_unknown(said: Any) -> None:
    """Found by malformed records: a renewal in the year 10^290 could not be shown, and ended the process."""
    assert as_time(said) is None


# --- flags ---


def test_a_flag_is_set_and_cleared_by_event_time() -> None:
    assert asked(Flag(), 9, (1, True)) is True
    assert asked(Flag(), 9, (1, True), (3, False)) is False
    assert asked(Flag(), 9, (3, False), (1, True)) is False
    assert asked(Flag(), 9, (1, False), (3, True)) is True


def test_a_flag_that_is_set_again_keeps_since_when_it_holds() -> None:
    assert kept(Flag(), (1, True), (4, True))[1] == 1 * DAY
    assert kept(Flag(), (1, True), (2, False), (4, True))[1] == 4 * DAY


def test_one_event_that_sets_and_clears_clears() -> None:
    person = Asked("on: {flag: {set: [open, any], clear: close}}")
    person.person.event("Opened", 0)
    assert person.value("on", 0) is True
    person.person.event("Closed", 1)
    assert person.value("on", 1) is False


def test_a_count_since_a_flag_begins_again_when_the_flag_is_set_anew() -> None:
    person = Asked("on: {flag: {set: open, clear: close}}\nn: {count: any, since: on}")
    found = []
    for day, name in enumerate(["Other", "Opened", "Other", "Opened", "Closed", "Other", "Opened"]):
        person.person.event(name, day)
        found.append(person.value("n", day))
    assert found == [0, 1, 2, 3, 4, 5, 1]  # the event that sets the flag counts; setting it twice changes nothing
