"""Days of a time zone, those with 23 and 25 hours among them, and windows that slide at their real beginnings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.journey.calendar import DAY, Calendar
from tests.streams.journey.harness import START, Person
from tests.streams.journey.small import ruled

HOUR = DAY // 24
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_day_begins_at_its_own_midnight() -> None:
    berlin = Calendar("Europe/Berlin")
    day = berlin.day(at("2024-01-15T12:00"))
    assert berlin.start(day) == at("2024-01-14T23:00")
    assert berlin.day(at("2024-01-14T22:59")) == day - 1


@pytest.mark.parametrize(
    ("noon", "hours"), [("2024-03-31T12:00", 23), ("2024-10-27T12:00", 25), ("2024-06-01T12:00", 24)]
)
def test_the_days_on_which_clocks_change_are_shorter_or_longer(noon: str, hours: int) -> None:
    berlin = Calendar("Europe/Berlin")
    day = berlin.day(at(noon))
    assert berlin.start(day + 1) - berlin.start(day) == hours * HOUR


def test_a_zone_a_quarter_of_an_hour_off_has_its_own_midnight() -> None:
    assert Calendar("Asia/Kathmandu").start(0) == -int(5.5 * HOUR)  # half an hour in 1970, three quarters since 1986
    nepal = Calendar("Asia/Kathmandu")
    assert nepal.start(nepal.day(at("2024-05-01T12:00"))) == at("2024-04-30T18:15")


@pytest.mark.parametrize("zone", ZONES)
@given(st.integers(631_152_000_000, 4_102_444_800_000 - 1))
@settings(max_examples=60, deadline=None)
def test_every_instant_lies_in_its_day(zone: str, instant: int) -> None:
    calendar = Calendar(zone)
    day = calendar.day(instant)
    assert calendar.start(day) <= instant < calendar.start(day + 1)


@pytest.mark.parametrize("zone", ZONES)
def test_days_follow_each_other_without_a_gap_over_years(zone: str) -> None:
    calendar = Calendar(zone)
    for day in range(19_000, 19_800):
        begins = calendar.start(day)
        assert (calendar.day(begins - 1), calendar.day(begins)) == (day - 1, day)


@pytest.mark.parametrize(
    ("said", "slides"), [("2024-03-29T23:30", "2024-03-31T22:00"), ("2024-10-25T22:30", "2024-10-27T23:00")]
)
def test_a_window_slides_at_midnight_of_the_zone_when_clocks_change(said: str, slides: str) -> None:
    """Two days: the event of the 30th (26th) is in the window until the day of 23 (25) hours has ended."""
    person = Person(ruled("n == 0", "n: {count: any, within: 2d}", zone="Europe/Berlin"), account=None)
    person.event("Other", (at(said) - START) / DAY)
    person.put([], at(slides) - 1)
    assert not person.fired("rule")
    person.put([], at(slides))
    assert person.fired("rule")[0]["cause"] == {"timer": slides + ":00.000Z"}
