"""Produce requests: the bytes are those that aiokafka makes of them, and a record batch among them is not copied."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from aiokafka.protocol import produce
from aiokafka.protocol.struct import Struct
from hypothesis import given
from hypothesis import strategies as st

from streams.batch import requests

partitions = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.none() | st.binary(max_size=50)), max_size=3)
topics = st.lists(st.tuples(st.text(max_size=9), st.none() | partitions), max_size=3)


@pytest.mark.parametrize("kind", requests.KINDS)
@given(st.none() | st.text(max_size=9), st.integers(-1, 1), st.integers(0, 2**31 - 1), st.none() | topics)
def test_the_bytes_are_the_clients(kind: Any, transaction: str | None, acks: int, timeout: int, told: Any) -> None:
    request = kind(transaction, acks, timeout, told)
    assert b"".join(requests.pieces(request)) == Struct.encode(request)


def test_every_version_that_the_client_may_send_to_a_broker_of_today_is_one_of_them() -> None:
    before = (produce.ProduceRequest_v0, produce.ProduceRequest_v1, produce.ProduceRequest_v2)
    assert {*requests.KINDS} == {*get_args(produce.ProduceRequestStruct)} - {*before}
