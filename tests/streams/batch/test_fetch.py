"""Fetching: a batch ends by what it weighs as well as by how many records it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.batch.fetch import BATCH_BYTES, FEW, as_change, as_record, drain


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


def batches(sizes: list[int], limit: int, make: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that is drained of one fetch, batch after batch."""

    class Fetcher:
        _records = {TP: Found(sizes)}  # noqa: RUF012
        _wait_consume_future = None

        def _notify(self, future: Any) -> None:
            pass

    monkeypatch.setattr("streams.batch.fetch.FetchResult", Found)
    fetcher, found = Fetcher(), []
    while fetcher._records:
        found += drain(fetcher, {TP}, limit, 1, make)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 10, 3_000, 400_000, 1_000_000]), min_size=1, max_size=120), st.integers(1, 100))
def test_every_record_is_in_one_batch_and_no_batch_is_too_long_or_too_heavy(sizes: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = batches(sizes, limit, as_record, patch)
    assert [record.offset for batch in found for record in batch.records] == list(range(len(sizes)))
    assert [batch.begin for batch in found] == [0, *(batch.end for batch in found[:-1])]
    for batch in found:
        assert len(batch.records) <= limit
        assert batch.weight == sum(len(record.value) for record in batch.records)
        assert batch.weight < BATCH_BYTES + FEW * 1_000_000, "the first few are taken before anything is known"


def test_changes_are_weighed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = batches([1_000_000] * 40, 5_000, as_change, monkeypatch)
    assert len(found) == 3
    assert sum(batch.weight for batch in found) == 40_000_000


def test_many_small_records_are_still_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = batches([200] * 4_000, 4_000, as_record, monkeypatch)
    assert (len(found.records), found.weight) == (4_000, 800_000)
