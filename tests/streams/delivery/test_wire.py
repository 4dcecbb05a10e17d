"""Record batches: byte for byte what Kafka's Python client makes of the same records."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, encode_varint
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.wire import RecordBatch, headers, varint

NOW = 1_700_000_000_000

maybe = st.none() | st.binary(max_size=300)
pairs = st.lists(st.tuples(st.text(max_size=8), maybe), max_size=4)
records = st.lists(st.tuples(st.integers(-5_000, 70_000), maybe, maybe, pairs), min_size=1, max_size=30)


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-20_000, 20_000))
def test_a_number_is_written_as_the_client_writes_it(n: int) -> None:
    theirs = bytearray()
    encode_varint(n, theirs.append)
    assert varint(n) == bytes(theirs)


def theirs(told: Any, sender: tuple[int, int, int] = (-1, -1, 0)) -> bytes:
    """The client's bytes. It has no limit here: near one, its compiled half takes long headers for a byte larger."""
    builder = BatchBuilder(1 << 30, 0)
    for at, key, value, about in told:
        assert builder.append(timestamp=NOW + at, key=key, value=value, headers=about) is not None
    builder._set_producer_state(*sender)
    return bytes(builder._build())


def ours(told: Any, limit: int, sender: tuple[int, int, int] = (-1, -1, 0)) -> tuple[int, bytes]:
    """How many records are taken before one is refused, and the bytes."""
    batch = RecordBatch(limit)
    for at, key, value, about in told:
        if not batch.add(NOW + at, key, value, headers(about)):
            break
    built = batch.built(calc_crc32c, *sender)
    assert len(built) == batch.size
    return batch.count, built


@given(records, st.sampled_from([(-1, -1, 0), (7, 3, 1_000)]))
def test_the_bytes_are_the_clients(told: Any, sender: tuple[int, int, int]) -> None:
    assert ours(told, 1 << 30, sender) == (len(told), theirs(told, sender))


@given(records, st.sampled_from([1, 200, 1_000]))
def test_a_batch_takes_records_until_the_next_would_make_it_larger_than_it_may_be(told: Any, limit: int) -> None:
    taken, built = ours(told, limit)
    assert built == theirs(told[:taken])
    assert taken == 1 or len(built) <= limit
    assert taken == len(told) or len(theirs(told[: taken + 1])) > limit


@given(records)
def test_a_batch_may_be_filled_to_the_last_byte(told: Any) -> None:
    size = len(theirs(told))
    assert ours(told, size)[0] == len(told)
    assert len(told) == 1 or ours(told, size - 1)[0] == len(told) - 1


@given(records)
def test_what_is_read_back_is_what_was_put_in(told: Any) -> None:
    unpacked = MemoryRecords(ours(told, 1 << 30)[1])
    batch = unpacked.next_batch()
    assert batch.validate_crc()
    assert [(r.timestamp - NOW, r.key, r.value, list(r.headers)) for r in batch] == told


@pytest.mark.parametrize("size", [0, 63, 64, 8_191, 8_192, 16_383, 16_384, 70_000])
def test_lengths_on_the_edges_of_their_encodings(size: int) -> None:
    told = [(0, b"k", bytes(size), [("h", bytes(size))])]
    assert ours(told, 1) == (1, theirs(told))
