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


def theirs(told: Any, limit: int, sender: tuple[int, int, int]) -> tuple[list[bool], bytes]:
    builder = BatchBuilder(limit, 0)
    taken = [
        builder.append(timestamp=NOW + at, key=key, value=value, headers=about) is not None
        for at, key, value, about in told
    ]
    builder._set_producer_state(*sender)
    return taken, bytes(builder._build())


def ours(told: Any, limit: int, sender: tuple[int, int, int]) -> tuple[list[bool], bytes]:
    batch, taken = RecordBatch(limit), list[bool]()
    for at, key, value, about in told:
        taken.append(all(taken) and batch.add(NOW + at, key, value, headers(about)))  # full once is full for good there
    built = batch.built(calc_crc32c, *sender)
    assert len(built) == batch.size
    assert batch.count == sum(taken)
    return taken, built


@given(records, st.sampled_from([1, 200, 1_000, 1_000_000]), st.sampled_from([(-1, -1, 0), (7, 3, 1_000)]))
def test_the_bytes_are_the_clients(told: Any, limit: int, sender: tuple[int, int, int]) -> None:
    assert ours(told, limit, sender) == theirs(told, limit, sender)


@given(records)
def test_what_is_read_back_is_what_was_put_in(told: Any) -> None:
    unpacked = MemoryRecords(ours(told, 1_000_000, (-1, -1, 0))[1])
    batch = unpacked.next_batch()
    assert batch.validate_crc()
    assert [(r.timestamp - NOW, r.key, r.value, list(r.headers)) for r in batch] == told


@pytest.mark.parametrize("size", [0, 63, 64, 8_191, 8_192, 16_383, 16_384, 70_000])
def test_lengths_on_the_edges_of_their_encodings(size: int) -> None:
    told = [(0, b"k", bytes(size), [("h", bytes(size))])]
    assert ours(told, 1, (-1, -1, 0)) == theirs(told, 1, (-1, -1, 0))
