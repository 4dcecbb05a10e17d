"""The producer's checksum: CRC-32C as aiokafka computes it, whoever computes it here."""

from __future__ import annotations

from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from streams.batch.producer import checksum


@given(st.binary(max_size=3_000))
def test_a_checksum_is_what_the_client_makes_it(data: bytes) -> None:
    assert checksum(data) == calc_crc32c(data)
