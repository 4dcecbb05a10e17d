"""The ledger commits what is durable and takes batches only where the last one ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.ledger import Ledger, Seek, Stale, Take

TP = ("events", 0)


def assigned(position: int | None = 0) -> Ledger:
    ledger = Ledger()
    ledger.assign(1, {TP: position})
    return ledger


def test_a_batch_that_continues_the_last_one_is_taken() -> None:
    ledger = assigned()
    assert ledger.take(1, TP, 0, 10) == Take()
    assert ledger.take(1, TP, 10, 20) == Take()


def test_offsets_may_be_missing_in_the_log() -> None:
    ledger = assigned()
    assert ledger.take(1, TP, 5, 10) == Take()
    assert ledger.take(1, TP, 13, 20) == Take()


def test_a_batch_that_begins_before_the_end_of_the_last_one_makes_us_seek() -> None:
    ledger = assigned()
    ledger.take(1, TP, 0, 10)
    assert ledger.take(1, TP, 8, 20) == Seek(10)
    assert ledger.next_offset(TP) == 10


def test_a_stale_generation_is_ignored() -> None:
    ledger = assigned()
    ledger.assign(2, {TP: 0})
    assert ledger.take(1, TP, 0, 10) == Stale()
    assert not ledger.durable(1, TP, 10)
    assert ledger.committable(TP) is None


def test_a_partition_that_is_not_ours_is_ignored() -> None:
    assert assigned().take(1, ("events", 1), 0, 10) == Stale()


def test_nothing_is_committable_before_it_is_durable() -> None:
    ledger = assigned()
    ledger.take(1, TP, 0, 10)
    assert ledger.committable(TP) is None
    ledger.durable(1, TP, 10)
    assert ledger.committable(TP) == 10


def test_a_partition_kept_through_a_rebalance_keeps_its_place_and_a_lost_one_does_not() -> None:
    other = ("events", 1)
    ledger = Ledger()
    ledger.assign(1, {TP: 0, other: 0})
    for tp in (TP, other):
        ledger.take(1, tp, 0, 10)
        ledger.durable(1, tp, 10)
    ledger.assign(2, {TP: 0})
    assert ledger.committable(TP) == ledger.next_offset(TP) == 10
    assert ledger.committable(other) is None


def test_an_older_assignment_is_refused() -> None:
    ledger = assigned()
    with pytest.raises(ValueError, match="generation 0 is older than 1"):
        ledger.assign(0, {})


def test_a_revoked_partition_is_forgotten() -> None:
    ledger = assigned()
    ledger.durable(1, TP, 10)
    ledger.revoke({TP})
    assert ledger.committable(TP) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=20))
def test_no_offset_is_taken_twice_and_commits_never_go_back(batches: list[tuple[int, int]]) -> None:
    ledger = assigned()
    taken: list[int] = []
    committed = 0
    for first, count in batches:
        if ledger.take(1, TP, first, first + count) == Take():
            taken += range(first, first + count)
            ledger.durable(1, TP, first + count)
        assert (ledger.committable(TP) or 0) >= committed
        committed = ledger.committable(TP) or 0
    assert taken == sorted(set(taken))
