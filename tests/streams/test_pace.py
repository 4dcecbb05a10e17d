"""Pace: a worker with time to spare takes each record as it comes, a busy one lets the broker gather."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.batch.consumer import AT_ONCE
from streams.pace import BUSY, GATHERED, LONGEST_MS, SHORTEST_MS, SPARE, Pace, fetching

TICK = 0.05


class Day:
    """A clock, and a thread's CPU time on it."""

    def __init__(self) -> None:
        self.now = self.spent = 0.0
        self.pace = Pace(lambda: self.spent, lambda: self.now)

    def passes(self, seconds: float, share: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            self.spent += TICK * share
            self.found = self.pace.look()


def test_a_worker_begins_by_taking_what_there_is() -> None:
    assert Pace().look() == AT_ONCE


def test_a_worker_with_time_to_spare_takes_each_record_as_it_comes() -> None:
    day = Day()
    day.passes(60, SPARE)
    assert day.found == AT_ONCE


def test_a_busy_worker_lets_the_broker_gather_and_a_second_of_rest_ends_that() -> None:
    day = Day()
    day.passes(5, 0.9)
    assert (day.found.min_bytes, day.found.max_wait_ms) == (GATHERED, LONGEST_MS)
    day.passes(2, 0.05)
    assert day.found == AT_ONCE


def test_a_moment_of_work_is_no_reason_to_wait() -> None:
    day = Day()
    day.passes(10, 0.1)
    day.passes(0.2, 1.0)
    assert day.found == AT_ONCE


def test_a_look_at_the_very_same_instant_changes_nothing() -> None:
    day = Day()
    day.passes(5, 0.9)
    assert day.pace.look() == day.found


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_busier_the_longer_and_never_longer_than_a_quiet_partition_waits(one: float, other: float) -> None:
    less, more = fetching(min(one, other)), fetching(max(one, other))
    if less != AT_ONCE:
        assert SHORTEST_MS <= less.max_wait_ms <= more.max_wait_ms <= AT_ONCE.max_wait_ms
    assert fetching(BUSY).max_wait_ms == LONGEST_MS
