"""Batcher: bounded, in order, and never an offset before its rows."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.event import Event
from sinks.clickhouse.batcher import Bounds, Flush, SinkCore
from streams.delivery.contracts import Record
from tests.sinks.clickhouse.test_rows import ALERT, AT, SNAPSHOT, record


def raw(topic: str, offset: int, value: bytes | None = b"{", partition: int = 0) -> Record:
    return Record(topic, partition, offset, AT, b"k", value)


EVENT = Event("m1", "Signed Up", "track", AT, user="u1")


def test_a_record_without_a_reason_to_wait_is_flushed_when_it_is_old_enough() -> None:
    core = SinkCore[Record](Bounds(age=500))
    assert core.next_due() is None
    core.add(record("alerts", ALERT), now=1000)
    core.add(record("alerts", ALERT), now=1400)
    assert not core.due(1499)
    assert core.due(1500)
    assert core.next_due() == 1500


def test_many_rows_are_flushed_at_once_and_stop_the_fetching() -> None:
    core = SinkCore[Record](Bounds(rows=3))
    for offset in range(3):
        assert not core.full()
        core.add_events(raw("segment", offset), [EVENT], now=0)
    assert core.full()
    assert core.due(0)


def test_many_bytes_are_flushed_at_once_even_where_they_become_no_rows() -> None:
    core = SinkCore[Record](Bounds(bytes=1000))
    core.add_events(raw("segment", 0, b"x" * 1000), [], now=0)
    assert core.full()


def test_rows_of_one_record_go_to_their_tables_and_its_offset_is_committed_after_them() -> None:
    core = SinkCore[Record](topics={"prod.state.account": "state.account"})
    core.add(record("prod.state.account", SNAPSHOT), now=0)
    flush = core.take()
    assert {table: len(batch.rows) for table, batch in flush.tables.items()} == {"entities": 1, "account_days": 1}
    assert core.done(flush) == {("prod.state.account", 3): 43}


def test_while_one_flush_is_in_flight_another_is_collected_and_none_is_due() -> None:
    core = SinkCore[Record](Bounds(rows=1))
    core.add_events(raw("segment", 0), [EVENT], now=0)
    flush = core.take()
    core.add_events(raw("segment", 1), [EVENT], now=0)
    assert core.full()
    assert not core.due(10**9)
    with pytest.raises(RuntimeError, match="in flight"):
        core.take()
    core.done(flush)
    assert core.due(10**9)


def test_a_record_that_fits_no_table_is_a_dead_letter_of_the_same_flush() -> None:
    core = SinkCore[Record]()
    bad = raw("alerts", 7)
    core.add(bad, now=0)
    flush = core.take()
    assert [(dead.record, dead.reason) for dead in flush.dead] == [(bad, "not_json")]
    assert core.done(flush) == {("alerts", 0): 8}


def test_a_row_that_clickhouse_refuses_is_a_dead_letter_with_its_record() -> None:
    core = SinkCore[Record]()
    first, second = record("alerts", ALERT), raw("segment", 0)
    core.add(first, now=0)
    core.add_events(second, [EVENT, EVENT], now=0)
    flush = core.take()
    flush.refused("events", 1, "too long")
    assert [(dead.record, dead.item, dead.reason, dead.detail) for dead in flush.dead] == [
        (second, 1, "refused", "too long")
    ]


def test_a_dead_letter_that_cannot_be_stored_is_counted_and_not_sent_round_again() -> None:
    core = SinkCore[Record]()
    core.add(raw("dead-letters", 0), now=0)
    flush = core.take()
    flush.refused("dead_letters", 0, "too long")
    assert (flush.dead, flush.dropped) == ([], 1)


def test_nothing_is_committed_for_a_partition_lost_in_the_meantime() -> None:
    core = SinkCore[Record]()
    core.add_events(raw("segment", 0, partition=0), [EVENT], now=0)
    core.add_events(raw("segment", 9, partition=1), [EVENT], now=0)
    flush = core.take()
    core.add_events(raw("segment", 1, partition=0), [EVENT], now=0)
    core.revoke([("segment", 0)])
    assert core.done(flush) == {("segment", 1): 10}
    assert core.done(core.take()) == {}


def test_a_partition_that_comes_back_is_committed_again() -> None:
    core = SinkCore[Record]()
    core.add_events(raw("segment", 5), [EVENT], now=0)
    core.revoke([("segment", 0)])
    core.add_events(raw("segment", 5), [EVENT], now=0)
    assert core.done(core.take()) == {("segment", 0): 6}


def test_a_reset_forgets_what_is_not_stored() -> None:
    core = SinkCore[Record]()
    core.add_events(raw("segment", 5), [EVENT], now=0)
    flush = core.take()
    core.add_events(raw("segment", 6), [EVENT], now=0)
    core.reset()
    assert not core.due(10**9)
    with pytest.raises(RuntimeError, match="not the one in flight"):
        core.done(flush)


class Shell(RuleBasedStateMachine):
    """A shell that reads partitions in order, crashes and loses partitions. Each record has one row: offsets show."""

    def __init__(self) -> None:
        super().__init__()
        self.core = SinkCore[Record](Bounds(rows=5, age=10))
        self.position = {0: 0, 1: 0}
        self.committed = {0: 0, 1: 0}
        self.stored: set[tuple[int, int]] = set()
        self.flush: Flush[Record] | None = None
        self.now = 0

    @precondition(lambda self: not self.core.full())
    @rule(partition=st.integers(0, 1), dt=st.integers(0, 8))
    def read(self, partition: int, dt: int) -> None:
        self.now += dt
        self.core.add_events(raw("segment", self.position[partition], partition=partition), [EVENT], self.now)
        self.position[partition] += 1

    @precondition(lambda self: self.core.due(self.now))
    @rule()
    def take(self) -> None:
        self.flush = self.core.take()
        assert len(self.flush.tables["events"].rows) <= 5

    @precondition(lambda self: self.flush is not None)
    @rule()
    def store_and_commit(self) -> None:
        assert self.flush is not None
        self.stored |= {(record.partition, record.offset) for record, _ in self.flush.tables["events"].sources}
        for (_, partition), offset in self.core.done(self.flush).items():
            assert offset >= self.committed[partition]
            self.committed[partition] = offset
        self.flush = None

    @rule(partition=st.integers(0, 1))
    def rebalance(self, partition: int) -> None:
        self.core.revoke([("segment", partition)])
        self.position[partition] = self.committed[partition]

    @rule()
    def crash(self) -> None:
        self.core.reset()
        self.flush = None
        self.position = dict(self.committed)

    @invariant()
    def all_that_is_committed_is_stored(self) -> None:
        for partition, offset in self.committed.items():
            assert all((partition, before) in self.stored for before in range(offset))


TestShell = Shell.TestCase
TestShell.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
