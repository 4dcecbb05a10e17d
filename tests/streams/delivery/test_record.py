"""Changelog records survive the way to bytes and back, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery import record as rec
from streams.delivery.contracts import NEVER, Output

OUTPUTS = st.builds(
    Output,
    topic=st.text(min_size=1, max_size=20),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=50),
    headers=st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=20)), max_size=3).map(tuple),
    partition=st.none() | st.integers(0, 1000),
)
NUMBERED = st.lists(st.tuples(st.integers(0, 2**32 - 1), OUTPUTS), max_size=4)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**63),
    st.integers(-(2**62), NEVER),
    st.lists(st.integers(-1, 2**62), min_size=1, max_size=4),
    st.binary(max_size=50),
    NUMBERED,
    st.booleans(),
)
def test_an_entity_comes_back_as_it_was(
    generation: int,
    batch: int,
    deadline: int,
    applied: list[int],
    payload: bytes,
    outputs: list[tuple[int, Output]],
    ended: bool,
) -> None:
    outbox = rec.encode_outbox(outputs)
    value = rec.encode_entity(generation, batch, deadline, applied, payload, outbox, ended=ended)
    header = rec.header_of(value)
    assert rec.generation_of(value) == header.generation == generation
    assert (header.batch, header.deadline) == (batch, deadline)
    assert dict(header.applied) == {i: offset for i, offset in enumerate(applied) if offset >= 0}
    assert rec.payload_of(value, header) == payload
    assert rec.outbox_of(value, header) == outputs
    assert bool(header.flags & rec.ENDED) == ended


@given(NUMBERED, st.binary(max_size=30), st.booleans())
def test_a_record_whose_outputs_are_out_is_the_one_that_never_had_any(
    outputs: list[tuple[int, Output]], payload: bytes, ended: bool
) -> None:
    value = rec.encode_entity(3, 7, 100, [5, 8], payload, rec.encode_outbox(outputs), ended=ended, version=2)
    without = rec.without_outbox(value, rec.header_of(value))
    assert without == rec.encode_entity(3, 7, 100, [5, 8], payload, ended=ended, version=2)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_key_beside_an_entity_splits_into_what_it_was_made_of(key: bytes, name: bytes) -> None:
    assert rec.split_beside_key(rec.beside_key(key, name)) == (key, name)


@given(NUMBERED, st.binary(max_size=30))
def test_a_later_generation_writes_the_same_record_but_for_its_own_number(
    outputs: list[tuple[int, Output]], payload: bytes
) -> None:
    value = rec.encode_entity(3, 7, 100, [5], payload, rec.encode_outbox(outputs))
    assert rec.with_generation(value, 9) == rec.encode_entity(9, 7, 100, [5], payload, rec.encode_outbox(outputs))


def test_a_partition_record_keeps_its_batch_beside_the_snapshot() -> None:
    value = rec.encode_partition(4, 17, b"{}")
    assert rec.generation_of(value) == 4
    assert rec.decode_partition(value) == (17, b"{}")


def test_a_newer_format_is_refused_by_name() -> None:
    value = bytes([rec.FORMAT + 1]) + rec.encode_tagged(1)[1:]
    with pytest.raises(rec.UnknownFormat, match=f"format {rec.FORMAT + 1}"):
        rec.generation_of(value)


def test_the_header_of_a_plain_entity_is_32_bytes() -> None:
    assert len(rec.encode_entity(1, 1, 1, [1], b"")) == 32
