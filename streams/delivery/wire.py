"""Wire: records as Kafka keeps them, in record batches of message format 2. Bytes only: no compression, no transaction.

Source: https://kafka.apache.org/documentation/#messageformat. The client's own builder makes the very same bytes, but
encodes all headers of each record anew, and most of ours are the same for a whole topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Final

_HEAD: Final = Struct(">qiibI")  # base offset, length from here on, leader's epoch, format, checksum of what follows
_REST: Final = Struct(">hiqqqhii")  # attributes, last offset, first and latest time, producer, epoch, sequence, count
_BEFORE_LENGTH: Final = 12
_FORMAT: Final = 2

_CACHED: Final = 16_384
_NULL: Final = b"\x01"
"""A length of -1."""


def _encode(n: int) -> bytes:
    left = 2 * n if n >= 0 else -2 * n - 1
    found = bytearray()
    while left > 127:
        found.append(left & 127 | 128)
        left >>= 7
    found.append(left)
    return bytes(found)


_VARINTS: Final[list[bytes]] = [_encode(n) for n in range(_CACHED)]


def varint(n: int) -> bytes:
    """A whole number of at most 64 bits as Kafka writes it: zigzag, seven bits a byte."""
    return _VARINTS[n] if 0 <= n < _CACHED else _encode(n)


class Encoded:
    """Headers of a record, encoded: `count` of them in `data`."""

    __slots__ = ("count", "data")

    def __init__(self, count: int, data: bytes) -> None:
        self.count = count
        self.data = data


def headers(pairs: Iterable[tuple[str, bytes | None]]) -> Encoded:
    """Encode (name, value) pairs, in their order."""
    count, parts = 0, list[bytes]()
    for name, value in pairs:
        count += 1
        raw = name.encode()
        parts.append(varint(len(raw)))
        parts.append(raw)
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(varint(len(value)))
            parts.append(value)
    return Encoded(count, b"".join(parts))


NO_HEADERS: Final = Encoded(0, b"")


class RecordBatch:
    """Records of one partition, to be sent as one record batch.

    size   bytes so far
    count  records so far
    """

    __slots__ = ("_first", "_latest", "_limit", "_parts", "count", "size")

    def __init__(self, limit: int) -> None:
        """`limit`: bytes that it may have; its first record may be larger."""
        self._limit = limit
        self._parts: list[bytes] = [b""]  # the first is the rest of the head, once it is known
        self._first = 0
        self._latest = 0
        self.count = 0
        self.size = _HEAD.size + _REST.size

    def add(self, timestamp: int, key: bytes | None, value: bytes | None, headers: Encoded = NO_HEADERS) -> bool:
        """Put a record behind the others; False where it is full. `timestamp`: ms."""
        if not self.count:
            self._first = self._latest = timestamp
        delta, offset, many = varint(timestamp - self._first), varint(self.count), varint(headers.count)
        key_length = _NULL if key is None else varint(len(key))
        value_length = _NULL if value is None else varint(len(value))
        key_bytes = b"" if key is None else key
        value_bytes = b"" if value is None else value
        body = (
            1 + len(delta) + len(offset) + len(key_length) + len(key_bytes) + len(value_length) + len(value_bytes)
            + len(many) + len(headers.data)
        )  # fmt: skip
        length = varint(body)
        grown = self.size + len(length) + body
        if self.count and grown > self._limit:
            return False
        parts = self._parts
        parts.append(length)
        parts.append(b"\0")  # attributes of a record, of which there are none
        parts.append(delta)
        parts.append(offset)
        parts.append(key_length)
        parts.append(key_bytes)
        parts.append(value_length)
        parts.append(value_bytes)
        parts.append(many)
        parts.append(headers.data)
        self.size = grown
        self.count += 1
        if timestamp > self._latest:
            self._latest = timestamp
        return True

    def built(self, checksum: Callable[[bytes], int], producer: int = -1, epoch: int = -1, sequence: int = 0) -> bytes:
        """The record batch. `checksum`: CRC-32C; the rest says who sends it, for a producer that may send it twice."""
        rest = _REST.pack(0, self.count - 1, self._first, self._latest, producer, epoch, sequence, self.count)
        self._parts[0] = rest  # half a megabyte is copied as seldom as can be
        checked = b"".join(self._parts)
        return _HEAD.pack(0, _HEAD.size + len(checked) - _BEFORE_LENGTH, -1, _FORMAT, checksum(checked)) + checked
