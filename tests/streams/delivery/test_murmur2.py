"""The hash that says which partition a key belongs to, held against Kafka's own clients."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.murmur2 import murmur2


@pytest.mark.parametrize(
    ("key", "signed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_it_gives_what_the_java_clients_own_tests_ask_for(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=64))
def test_it_is_aiokafkas_of_any_key(key: bytes) -> None:
    assert murmur2(key) == of_aiokafka(key)
