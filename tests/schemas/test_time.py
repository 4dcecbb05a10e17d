"""Time on the wire: what is read, what is refused, and that writing and reading undo each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.time import EARLIEST, LATEST, parse_time, rfc3339

NOON = 1_714_564_800_000
"""2024-05-01T12:00:00Z."""

plausible = st.integers(EARLIEST, LATEST - 1)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(NOON) == "2024-05-01T12:00:00.000Z"
    assert rfc3339(NOON + 59_007) == "2024-05-01T12:00:59.007Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


@given(plausible)
def test_what_is_written_is_read_back(ms: int) -> None:
    assert parse_time(rfc3339(ms)) == ms
    assert parse_time(rfc3339(ms)) == ms  # the second time from memory
    assert parse_time(ms / 1000) == ms


@given(plausible, st.integers(-14 * 60, 14 * 60))
def test_an_offset_is_the_same_instant_told_elsewhere(ms: int, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    told = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)).astimezone(zone)
    assert parse_time(told.isoformat(timespec="milliseconds")) == ms


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_714_564_800, NOON),
        (1_714_564_800.5, NOON + 500),
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01T12:00:00.5Z", NOON + 500),
        ("2024-05-01T12:00:00.123456789Z", NOON + 123),
        ("2024-05-01T12:00:00.9996Z", NOON + 1_000),
        ("2024-05-01T12:00:00,250Z", NOON + 250),
        ("2024-05-01t12:00:00z", NOON),
        ("2024-05-01 12:00:00+00:00", NOON),
        ("2024-05-01T14:00:00+02:00", NOON),
        ("2024-05-01T14:00:00+0200", NOON),
        ("2024-05-01T06:30:00-05:30", NOON),
        ("2024-05-01T12:00Z", NOON),
        ("2024-05-01T12:00:00", NOON),
        ("2024-05-01", NOON - 43_200_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2016-12-31T23:59:60.500Z", 1_483_228_800_500),
    ],
)
def test_the_forms_that_systems_send_are_read(value: object, ms: int) -> None:
    assert parse_time(value) == ms


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", "now", "yesterday", "2024", "20240501", "1714564800", "2024-13-01T00:00:00Z",
        "2024-05-01T25:00:00Z", "2024-05-01T12:00:61Z", "01.05.2024", "2024-05-01T12:00:00 Europe/Berlin", 0, -1,
        float("nan"), float("inf"), -float("inf"), 10**400, NOON, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "1989-12-31T23:59:59Z", "2100-01-01T00:00:00Z", [], {}, b"2024-05-01",
    ],
)  # fmt: skip
def test_what_is_no_plausible_time_is_none(value: object) -> None:
    assert parse_time(value) is None


def test_the_bounds_are_sharp() -> None:
    assert parse_time("1990-01-01T00:00:00.000Z") == EARLIEST
    assert parse_time("1990-01-01T01:00:00+01:00") == EARLIEST
    assert parse_time("1989-12-31T23:59:59.999Z") is None
    assert parse_time("2099-12-31T23:59:59.999Z") == LATEST - 1
    assert parse_time(LATEST / 1000) is None


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers())
nearly = st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]?[\d:.,]{0,14}[Zz+-]?[\d:]{0,5}", fullmatch=True)


@given(anything | nearly)
def test_reading_a_time_never_raises_and_stays_within_bounds(value: object) -> None:
    at = parse_time(value)
    assert at is None or EARLIEST <= at < LATEST
