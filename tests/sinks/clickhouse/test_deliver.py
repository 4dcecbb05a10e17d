"""Deliver: every good row is stored, every bad one is named, and nothing is given up but by order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.clickhouse.deliver import MOST_BAD, Bad, Stopped, deliver
from sinks.clickhouse.retry import Refused, SinkError, Unavailable
from sinks.memory import MemoryWriter


def stage(n: int, bad: bool = False) -> tuple[Any, ...]:
    return ("saas", 1, "d", "user", "stage", f"s{n}", 2**16 if bad else 1, False, n)


def never(seconds: float) -> bool:
    raise AssertionError("nothing to wait for")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=80))
def test_bad_rows_are_named_and_all_others_are_stored(pattern: list[bool]) -> None:
    writer = MemoryWriter()
    rows = [stage(n, bad) for n, bad in enumerate(pattern)]
    found = deliver(writer, "stages", rows, never)
    assert sorted(bad.row for bad in found) == [n for n, bad in enumerate(pattern) if bad]
    assert sorted(writer.final("stages")) == sorted(row for row, bad in zip(rows, pattern, strict=True) if not bad)


def test_an_outage_is_waited_out_however_long() -> None:
    left = [100]

    def away(table: str, n: int) -> SinkError | None:
        left[0] -= 1
        return Unavailable("away", "network") if left[0] >= 0 else None

    pauses: list[float] = []
    heard: list[int] = []
    writer = MemoryWriter(away)

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return True

    found = deliver(writer, "stages", [stage(1)], pause, lambda e, n: heard.append(n), luck=lambda: 0.0)
    assert found == []
    assert writer.raw("stages") == [stage(1)]
    assert len(pauses) == 100
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(pauses) == 15.0
    assert heard == list(range(100))


def test_a_lost_answer_doubles_rows_and_not_what_final_shows() -> None:
    answers = iter([Unavailable("reset", "network"), None])
    writer = MemoryWriter(lambda table, n: next(answers), after=True)
    deliver(writer, "stages", [stage(1), stage(2)], lambda s: True)
    assert len(writer.raw("stages")) == 4
    assert len(writer.final("stages")) == 2


def test_being_told_to_stop_while_waiting_stops() -> None:
    writer = MemoryWriter(lambda table, n: Unavailable("away", "network"))
    with pytest.raises(Stopped):
        deliver(writer, "stages", [stage(1)], lambda s: False)
    assert writer.raw("stages") == []


def test_what_waiting_never_mends_is_raised_at_once() -> None:
    writer = MemoryWriter(lambda table, n: Refused("no right", "access_denied"))
    with pytest.raises(Refused, match="no right"):
        deliver(writer, "stages", [stage(1)], never)


def test_a_table_that_fits_no_row_stops_instead_of_draining_the_topic() -> None:
    rows = [stage(n, bad=True) for n in range(10 * MOST_BAD)]
    with pytest.raises(Refused, match=f"more than {MOST_BAD} rows"):
        deliver(MemoryWriter(), "stages", rows, never)


def test_as_many_bad_rows_as_allowed_pass() -> None:
    rows = [stage(n, bad=n < MOST_BAD) for n in range(3 * MOST_BAD)]
    assert len(deliver(MemoryWriter(), "stages", rows, never)) == MOST_BAD


def test_an_empty_batch_writes_nothing() -> None:
    writer = MemoryWriter(lambda table, n: Refused("never asked", "x"))
    assert deliver(writer, "stages", [], never) == []


def test_a_bad_row_says_why() -> None:
    (found,) = deliver(MemoryWriter(), "stages", [stage(1, bad=True)], never)
    assert found == Bad(0, "65536 does not fit column position UInt16")
