"""Kafka's hash of a record's key, murmur2 with the seed of its Java client: it says which partition a key belongs to.

In words of 64 bits where it is compiled, of which no product needs more: a hash then costs less than remembering it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # plain Python needs no such type, and a compiled module knows it
    from mypy_extensions import i64

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """32 bits, unsigned. Kafka's default partitioner takes the lower 31 of them, modulo the number of partitions."""
    length: i64 = len(key)
    whole: i64 = length & ~3
    h: i64 = _SEED ^ length
    at: i64 = 0
    while at < whole:
        k = _times(key[at] | key[at + 1] << 8 | key[at + 2] << 16 | key[at + 3] << 24)
        h = _times(h) ^ _times(k ^ k >> 24)
        at += 4
    if at < length:
        shift: i64 = 0
        while at < length:
            h ^= key[at] << shift
            shift += 8
            at += 1
        h = _times(h)
    h = _times(h ^ h >> 13)
    return h ^ h >> 15


def _times(word: i64) -> i64:
    """Modulo 2**32, in halves."""
    return (word & 0xFFFF) * _M + ((word >> 16) * _M << 16) & _WORD
