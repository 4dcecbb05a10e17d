"""Outgoing: groups stay whole, order is kept, every output goes to its partition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.contracts import Output
from streams.delivery.outgoing import BATCH_BYTES, MOST_BYTES, TooLarge, by_partition, fill, record_batches
from streams.delivery.partition import Partitioner
from streams.delivery.wire import RecordBatch
from tests.streams.batch.test_append import records_of

NOW = 1_700_000_000_000

values = st.one_of(st.none(), st.integers(0, BATCH_BYTES // 3).map(bytes))
groups = st.lists(st.lists(st.tuples(st.binary(max_size=20), values), min_size=1, max_size=5), max_size=12)


@given(groups)
def test_no_group_straddles_two_record_batches_and_all_is_there_in_order(given: Any) -> None:
    batches = [records_of(batch) for batch in record_batches(given, NOW)]
    assert [record for batch in batches for record in batch] == [record for group in given for record in group]
    ends, at = set(), 0
    for batch in batches:
        at += len(batch)
        ends.add(at)
    at = 0
    for group in given:
        inside = {at + n for n in range(1, len(group))}
        assert not inside & ends
        at += len(group)


def test_a_group_larger_than_a_batch_gets_one_of_its_own() -> None:
    group = [(b"e:big", bytes(2 * BATCH_BYTES)), (b"b:beside", b"x")]
    assert next(records_of(batch) for batch in record_batches([group, [(b"e:a", b"1")]], NOW)) == group


def test_a_state_beyond_all_bounds_says_whose_it_is() -> None:
    with pytest.raises(TooLarge, match=r"e:whale.*lower the caps"):
        record_batches([[(b"e:whale", bytes(MOST_BYTES + 1))]], NOW)


outputs = st.lists(
    st.builds(
        Output, st.sampled_from(["events", "members"]), st.binary(max_size=3), st.binary(max_size=400), st.just(()),
        st.none() | st.integers(0, 3),
    ),
    max_size=40,
)  # fmt: skip


@given(outputs)
def test_every_output_is_where_its_key_or_it_itself_says_and_in_order(given: list[Output]) -> None:
    found = by_partition(given, "p.", Partitioner({"p.events": 4, "p.members": 4}))
    for topic, partitions in found.items():
        for partition, waiting in partitions.items():
            belongs = [
                o for o in given
                if o.topic == topic
                and partition == (Partitioner({topic: 4}).of(topic, o.key) if o.partition is None else o.partition)
            ]  # fmt: skip
            assert waiting == belongs
    assert sum(len(waiting) for partitions in found.values() for waiting in partitions.values()) == len(given)


@given(outputs, st.integers(100, 3_000))
def test_batches_are_filled_one_after_the_other(given: list[Output], limit: int) -> None:
    at, read = 0, list[tuple[bytes | None, bytes | None]]()
    while at < len(given):
        batch = RecordBatch(limit)
        filled = fill(batch, given, at, None, NOW, None)
        assert filled > at
        read += records_of(batch)
        at = filled
    assert read == [(o.key, o.value) for o in given]
