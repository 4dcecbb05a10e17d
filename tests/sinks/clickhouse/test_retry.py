"""Retry: each kind of error leads to the one thing that helps."""

from __future__ import annotations

import struct

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError, ProgrammingError
from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.retry import LONGEST_PAUSE, BadData, Refused, SinkError, Unavailable, backoff, classify


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("Error executing HTTP request"),
        DatabaseError("HTTP driver received HTTP status 502"),
        DatabaseError("Code: 252", code=252, name="TOO_MANY_PARTS"),
        DatabaseError("Code: 241", code=241, name="MEMORY_LIMIT_EXCEEDED"),
        DatabaseError("Code: 242", code=242, name="TABLE_IS_READ_ONLY"),
        DatabaseError("Code: 33", code=33, name="CANNOT_READ_ALL_DATA"),
        DatabaseError("Code: 4711", code=4711),
        TimeoutError(),
        ConnectionResetError(),
        OSError("no space left"),
    ],
)
def test_what_can_pass_is_waited_for(error: Exception) -> None:
    assert isinstance(classify(error), Unavailable)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("invalid literal"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        AttributeError("'int' object has no attribute 'encode'"),
        struct.error("argument out of range"),
        DataError("Unable to create native array"),
        DatabaseError("Code: 349", code=349, name="CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"),
        DatabaseError("HTTP driver received HTTP status 413"),
    ],
)
def test_what_is_wrong_with_the_rows_is_bad_data(error: Exception) -> None:
    assert isinstance(classify(error), BadData)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DatabaseError("Code: 60", code=60, name="UNKNOWN_TABLE"), "journeys migrate"),
        (DatabaseError("Code: 81", code=81, name="UNKNOWN_DATABASE"), "journeys migrate"),
        (DatabaseError("Code: 516", code=516, name="AUTHENTICATION_FAILED"), "password is wrong"),
        (DatabaseError("Code: 497", code=497, name="ACCESS_DENIED"), "grant"),
        (DatabaseError("HTTP driver received HTTP status 404"), "no ClickHouse"),
        (ProgrammingError("The client has been closed"), "closed"),
    ],
)
def test_what_waiting_never_mends_stops_and_says_what_to_do(error: Exception, says: str) -> None:
    found = classify(error)
    assert isinstance(found, Refused)
    assert says in str(found)


def test_a_message_never_carries_the_address() -> None:
    error = OperationalError(
        "Error X executing HTTP request attempt 1 (http://ana:secret@host:8123) (for url http://h/?p=s)"
    )
    assert "secret" not in str(classify(error))
    assert "http" not in str(classify(error)).replace("HTTP", "")


def test_an_error_that_is_classified_already_stays_as_it_is() -> None:
    error = BadData("x", "y")
    assert classify(error) is error


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_half_a_minute_and_never_beyond(attempt: int, luck: float) -> None:
    assert 0.1 <= backoff(attempt, luck) <= LONGEST_PAUSE
    assert backoff(attempt + 1, luck) >= backoff(attempt, luck)


@given(st.sampled_from([RuntimeError("x"), KeyboardInterrupt(), OperationalError(), DatabaseError(""), Exception()]))
def test_every_error_has_a_reason_and_a_message(error: BaseException) -> None:
    found = classify(error)
    assert isinstance(found, SinkError)
    assert found.reason
    assert str(found)
