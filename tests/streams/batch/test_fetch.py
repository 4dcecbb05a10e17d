"""Fetching: a batch ends by what it weighs as well as by how many records it has."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.batch.fetch import BATCH_BYTES, FEW, drain, take_changes, take_records
from streams.delivery.wire import RecordBatch

TP = TopicPartition("log", 0)


class Assigned:
    """A partition's assignment, as far as a FetchResult asks it."""

    active, paused, highwater = True, False, 1 << 40

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, tp: Any) -> Assigned:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def as_sent(groups: list[list[Any]], control: int = -1, aborted: int = -1) -> bytes:
    """Record batches as a broker sends them; one may be a control batch, and one of a transaction of producer 7."""
    raw, offset = b"", 0
    for n, group in enumerate(groups):
        batch = RecordBatch(1 << 30)
        for key, value in group:
            batch.add(1_700_000_000_000, key, value)
        built = bytearray(batch.built(calc_crc32c))
        built[:8] = offset.to_bytes(8, "big")
        if n in (control, aborted):
            built[22] |= 0x20 if n == control else 0x10  # among the attributes, which the checksum covers
            built[43:51] = (7).to_bytes(8, "big")
            built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
        raw, offset = raw + bytes(built), offset + len(group)
    return raw


def fetched(raw: bytes, begin: int, aborted: Any = None) -> tuple[FetchResult, Assigned]:
    """The client's own result of a fetch, read from an offset on. `aborted`: (producer, first offset) of what was taken back."""
    assigned = Assigned(begin)
    level = READ_UNCOMMITTED if aborted is None else READ_COMMITTED
    records = PartitionRecords(TP, MemoryRecords(raw), aborted, begin, None, None, True, level)
    return FetchResult(TP, assignment=assigned, partition_records=records, backoff=0), assigned


def batches(sizes: list[int], limit: int) -> list[Any]:
    """All that is drained of one fetch, batch after batch."""
    found, _ = fetched(as_sent([[(b"k", bytes(size))] for size in sizes]), 0)

    class Fetcher:
        _records = {TP: found}  # noqa: RUF012
        _wait_consume_future = None

        def _notify(self, future: Any) -> None:
            pass

    fetcher, drained = Fetcher(), []
    while fetcher._records:
        drained += drain(fetcher, {TP}, limit, 1)
    return drained


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 10, 3_000, 400_000, 1_000_000]), min_size=1, max_size=120), st.integers(1, 100))
def test_every_record_is_in_one_batch_and_no_batch_is_too_long_or_too_heavy(sizes: list[int], limit: int) -> None:
    found = batches(sizes, limit)
    assert [record.offset for batch in found for record in batch.records] == list(range(len(sizes)))
    assert [batch.begin for batch in found] == [0, *(batch.end for batch in found[:-1])]
    for batch in found:
        assert len(batch.records) <= limit
        assert batch.weight == sum(len(record.value) for record in batch.records)
        assert batch.weight < BATCH_BYTES + FEW * 1_000_000, "the first few are taken before anything is known"


change = st.tuples(st.binary(max_size=8), st.none() | st.binary(max_size=40))


@given(st.lists(st.lists(change, min_size=1, max_size=9), min_size=1, max_size=9), st.data(), st.integers(1, 30))
def test_records_are_read_as_the_client_reads_them(groups: list[list[Any]], data: Any, limit: int) -> None:
    begin = data.draw(st.integers(0, sum(map(len, groups)) - 1))
    control, taken_back = (data.draw(st.integers(-1, len(groups) - 1)) for _ in range(2))
    if control >= 0:  # the end of a transaction that was given up, or kept
        groups[control] = [(data.draw(st.sampled_from([b"\0\0\0\0", b"\0\0\0\1"])), b"\0\0\0\0\0\0")]
    begin = min(begin, sum(map(len, groups)) - 1)
    first = sum(map(len, groups[: max(taken_back, 0)]))
    raw, aborted = as_sent(groups, control, taken_back), [(7, first)] if taken_back >= 0 else []
    (theirs, there), (ours, here) = fetched(raw, begin, aborted), fetched(raw, begin, aborted)
    found: list[Any] = []
    while ours.has_more():
        records, weight = take_records(ours, limit)
        assert weight == sum(len(record.value or b"") for record in records)
        assert len(records) <= limit
        found += records
        assert not found or here.position > found[-1].offset
    expected = [(TP.topic, TP.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in theirs.getall()]
    assert [tuple(record) for record in found] == expected
    assert here.position == there.position == sum(map(len, groups))


@given(st.lists(st.lists(change, min_size=1, max_size=9), min_size=1, max_size=9), st.data(), st.integers(1, 30))
def test_a_changelog_is_read_as_the_client_reads_it(groups: list[list[Any]], data: Any, limit: int) -> None:
    begin = data.draw(st.integers(0, sum(map(len, groups)) - 1))
    raw = as_sent(groups, data.draw(st.integers(-1, len(groups) - 1)))
    (theirs, there), (ours, here) = fetched(raw, begin), fetched(raw, begin)
    found: list[Any] = []
    while ours.has_more():
        changes, weight = take_changes(ours, limit)
        assert weight == sum(len(value or b"") for _, value in changes)
        assert len(changes) <= limit
        found += changes
    assert found == [(record.key, record.value) for record in theirs.getall()]
    assert here.position == there.position == sum(map(len, groups))


def test_a_changelog_that_was_damaged_on_its_way_is_not_taken() -> None:
    raw = bytearray(as_sent([[(b"k", b"value")]]))
    raw[-2] ^= 1
    with pytest.raises(CorruptRecordException):
        take_changes(fetched(bytes(raw), 0)[0], 10)


def test_heavy_changes_end_a_batch() -> None:
    found, _ = fetched(as_sent([[(b"k", bytes(1_000_000))]] * 12), 0)
    weights = []
    while found.has_more():
        weights.append(take_changes(found, 5_000)[1])
    assert weights == [5_000_000, 5_000_000, 2_000_000]


def test_many_small_records_are_still_one_batch() -> None:
    (found,) = batches([200] * 4_000, 4_000)
    assert (len(found.records), found.weight) == (4_000, 800_000)
