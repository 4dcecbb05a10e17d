"""Fetching: a batch ends by what it weighs as well as by how many records it has."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.batch.fetch import BATCH_BYTES, FEW, drain, take_changes
from streams.delivery.wire import RecordBatch


class Raw:
    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.timestamp, self.key, self.headers = offset, 0, b"k", ()
        self.value = bytes(size)


class State:
    position, highwater = 0, 0


class Found:
    """A FetchResult, as far as `drain` looks at it: its records one by one, and the position behind the last one taken."""

    def __init__(self, sizes: list[int]) -> None:
        self._state = State()
        self._assignment = self
        self._partition_records: Any = self
        self._left = [Raw(n, size) for n, size in enumerate(sizes)]
        self._consumer_record: Any = None

    def state_value(self, tp: Any) -> State:
        return self._state

    def check_assignment(self, tp: Any) -> bool:
        return True

    def has_more(self) -> bool:
        return bool(self._left)

    def getall(self, limit: int) -> list[Any]:
        taken, self._left = self._left[:limit], self._left[limit:]
        if taken:
            self._state.position = taken[-1].offset + 1
        return [self._consumer_record(TP, raw) for raw in taken]


class Where:
    topic, partition = "t", 0

    def __hash__(self) -> int:
        return 0


TP = Where()


def batches(sizes: list[int], limit: int, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that is drained of one fetch, batch after batch."""

    class Fetcher:
        _records = {TP: Found(sizes)}  # noqa: RUF012
        _wait_consume_future = None

        def _notify(self, future: Any) -> None:
            pass

    monkeypatch.setattr("streams.batch.fetch.FetchResult", Found)
    fetcher, found = Fetcher(), []
    while fetcher._records:
        found += drain(fetcher, {TP}, limit, 1)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 10, 3_000, 400_000, 1_000_000]), min_size=1, max_size=120), st.integers(1, 100))
def test_every_record_is_in_one_batch_and_no_batch_is_too_long_or_too_heavy(sizes: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = batches(sizes, limit, patch)
    assert [record.offset for batch in found for record in batch.records] == list(range(len(sizes)))
    assert [batch.begin for batch in found] == [0, *(batch.end for batch in found[:-1])]
    for batch in found:
        assert len(batch.records) <= limit
        assert batch.weight == sum(len(record.value) for record in batch.records)
        assert batch.weight < BATCH_BYTES + FEW * 1_000_000, "the first few are taken before anything is known"


class Assigned:
    """A partition's assignment, as far as a FetchResult asks it."""

    active, paused, highwater = True, False, 1 << 40

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, tp: Any) -> Assigned:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def as_sent(groups: list[list[Any]], control: int = -1) -> bytes:
    """Record batches as a broker sends them; one may be a control batch."""
    raw, offset = b"", 0
    for n, group in enumerate(groups):
        batch = RecordBatch(1 << 30)
        for key, value in group:
            batch.add(1_700_000_000_000, key, value)
        built = bytearray(batch.built(calc_crc32c))
        built[:8] = offset.to_bytes(8, "big")
        if n == control:
            built[22] |= 0x20  # among the attributes, which the checksum covers
            built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
        raw, offset = raw + bytes(built), offset + len(group)
    return raw


def fetched(raw: bytes, begin: int) -> tuple[FetchResult, Assigned]:
    """The client's own result of a fetch, read from an offset on."""
    assigned, tp = Assigned(begin), TopicPartition("log", 0)
    records = PartitionRecords(tp, MemoryRecords(raw), [], begin, None, None, True, READ_UNCOMMITTED)
    return FetchResult(tp, assignment=assigned, partition_records=records, backoff=0), assigned


change = st.tuples(st.binary(max_size=8), st.none() | st.binary(max_size=40))


@given(st.lists(st.lists(change, min_size=1, max_size=9), min_size=1, max_size=9), st.data(), st.integers(1, 30))
def test_a_changelog_is_read_as_the_client_reads_it(groups: list[list[Any]], data: Any, limit: int) -> None:
    begin = data.draw(st.integers(0, sum(map(len, groups)) - 1))
    raw = as_sent(groups, data.draw(st.integers(-1, len(groups) - 1)))
    (theirs, there), (ours, here) = fetched(raw, begin), fetched(raw, begin)
    found: list[Any] = []
    while ours.has_more():
        changes, weight = take_changes(ours, limit)
        assert weight == sum(len(value or b"") for _, value in changes)
        assert len(changes) < limit + max(map(len, groups))
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


def test_many_small_records_are_still_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = batches([200] * 4_000, 4_000, monkeypatch)
    assert (len(found.records), found.weight) == (4_000, 800_000)
