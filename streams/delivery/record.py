"""Changelog records: how an entity, its outbox and the records beside it become bytes, and come back.

Keys are namespaced: `e:<key>` an entity, `b:<length of key><key><name>` a record beside it, `p:` the partition's own
record, `d:<digest>` a definition that entities are or were kept under, `x:<hash of key>` what is kept of an entity that
ended, `c:` a claim. Every value begins with format,
flags and the generation that wrote it. A null value cannot say who wrote it, so each group of records begins with one
that has a value: its generation speaks for the nulls behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from streams.delivery.contracts import Output

FORMAT: Final = 1
"""First byte of every value. Readers refuse a higher one; older ones stay readable."""

CLAIM_KEY: Final = b"c:"
PARTITION_KEY: Final = b"p:"
DEFINITION_SPACE: Final = b"d:"
KEPT_SPACE: Final = b"x:"

ENDED: Final = 1
"""Flag: the entity is gone; the record stays until nothing that was applied to it can be read again."""

HAS_OUTBOX: Final = 2
"""Flag: outputs precede the payload."""

_VERSION: Final = 2
"""The other six flags are a number: under which of the partition's definitions the entity is kept (see versions.py)."""

_PREFIX: Final = struct.Struct("<BBI")  # format, flags, generation
_HEADER: Final = struct.Struct("<BBIQqB")  # prefix, batch, deadline, how many applied offsets follow
_ONE: Final = struct.Struct("<BBIQqBBQ")  # the header with exactly one applied offset: by far the most common record
_APPLIED: Final = struct.Struct("<BQ")  # index of the input topic, offset
_KEY_LENGTH: Final = struct.Struct("<H")
_LENGTH: Final = struct.Struct("<I")
_OUTPUT: Final = struct.Struct(
    "<IiiiBB"
)  # index, partition or -1, key length or -1, value length or -1, topic length, headers
_OUTPUT_HEADER: Final = struct.Struct("<BI")  # name length, value length


_BATCH: Final = struct.Struct("<Q")


class UnknownFormat(Exception):
    """A changelog record was written by a newer version of this program: start that version, or one after it."""


class Header(NamedTuple):
    """What recovery needs of an entity without decoding it. `deadline` in ms, `applied` as (input index, offset)."""

    flags: int
    generation: int
    batch: int
    deadline: int
    applied: tuple[tuple[int, int], ...]
    body: int
    """Where outbox or payload begin."""


def entity_key(key: bytes) -> bytes:
    return b"e:" + key


def beside_key(key: bytes, name: bytes) -> bytes:
    return b"b:" + _KEY_LENGTH.pack(len(key)) + key + name


def split_beside_key(raw: bytes) -> tuple[bytes, bytes]:
    """(entity key, name) of a `b:` key."""
    (length,) = _KEY_LENGTH.unpack_from(raw, 2)
    return raw[4 : 4 + length], raw[4 + length :]


def definition_key(digest: str) -> bytes:
    return DEFINITION_SPACE + digest.encode()


def kept_key(key: bytes) -> bytes:
    """Where what is kept of an entity stands. A hash: the record outlives the entity for good, and names nobody."""
    return KEPT_SPACE + blake2b(key, digest_size=16, person=b"journeys kept").digest()


def version_of(value: bytes) -> int:
    """Number of the definition that an entity's record is kept under."""
    return value[1] >> _VERSION


def encode_tagged(generation: int, body: bytes = b"") -> bytes:
    """A claim, a partition's record or a record beside an entity: the prefix and then anything."""
    return _PREFIX.pack(FORMAT, 0, generation) + body


def tagged_body(value: bytes) -> bytes:
    return value[_PREFIX.size :]


def encode_partition(generation: int, batch: int, snapshot: bytes) -> bytes:
    """The partition's own record: the batch it was written in, and a snapshot of what has been read."""
    return encode_tagged(generation, _BATCH.pack(batch) + snapshot)


def decode_partition(value: bytes) -> tuple[int, bytes]:
    """(batch, snapshot)."""
    body = tagged_body(value)
    return _BATCH.unpack_from(body)[0], body[_BATCH.size :]


def generation_of(value: bytes) -> int:
    """The generation that wrote this value, of any kind of record. Raises UnknownFormat."""
    version, _, generation = _PREFIX.unpack_from(value)
    if version > FORMAT:
        raise UnknownFormat(f"a changelog record has format {version}; this program reads up to {FORMAT}")
    return int(generation)


def with_generation(value: bytes, generation: int) -> bytes:
    """The same record, written again by a later generation; batch and outbox stay as they were."""
    version, flags, _ = _PREFIX.unpack_from(value)
    return _PREFIX.pack(version, flags, generation) + value[_PREFIX.size :]


def encode_entity(
    generation: int,
    batch: int,
    deadline: int,
    applied: Sequence[int],
    payload: bytes,
    outbox: bytes = b"",
    *,
    ended: bool = False,
    version: int = 0,
) -> bytes:
    """One entity. `applied[i]` is the last offset of input i that it has taken, -1 for none; `version`: see versions.py."""
    flags = (ENDED if ended else 0) | (HAS_OUTBOX if outbox else 0) | version << _VERSION
    if len(applied) == 1 and applied[0] >= 0:
        head = _ONE.pack(FORMAT, flags, generation, batch, deadline, 1, 0, applied[0])
    else:
        pairs = [_APPLIED.pack(i, offset) for i, offset in enumerate(applied) if offset >= 0]
        head = _HEADER.pack(FORMAT, flags, generation, batch, deadline, len(pairs)) + b"".join(pairs)
    return head + _LENGTH.pack(len(outbox)) + outbox + payload if outbox else head + payload


def header_of(value: bytes) -> Header:
    _, flags, generation, batch, deadline, count = _HEADER.unpack_from(value)
    body = _HEADER.size + count * _APPLIED.size
    applied = tuple(_APPLIED.iter_unpack(value[_HEADER.size : body]))
    return Header(flags, generation, batch, deadline, applied, body)


def payload_of(value: bytes, header: Header) -> bytes:
    """What Logic.dump returned."""
    if not header.flags & HAS_OUTBOX:
        return value[header.body :]
    (length,) = _LENGTH.unpack_from(value, header.body)
    return value[header.body + _LENGTH.size + length :]


def outbox_of(value: bytes, header: Header) -> list[tuple[int, Output]]:
    """(index in the batch, output) of an entity's record, as they were first sent."""
    if not header.flags & HAS_OUTBOX:
        return []
    (length,) = _LENGTH.unpack_from(value, header.body)
    start = header.body + _LENGTH.size
    return decode_outbox(value[start : start + length])


def without_outbox(value: bytes, header: Header) -> bytes:
    """The same record, of an entity whose outputs are known to be out."""
    if not header.flags & HAS_OUTBOX:
        return value
    return bytes((value[0], value[1] & ~HAS_OUTBOX)) + value[2 : header.body] + payload_of(value, header)


def encode_outbox(outputs: Sequence[tuple[int, Output]]) -> bytes:
    parts: list[bytes] = []
    for index, output in outputs:
        _put_output(index, output, parts)
    return b"".join(parts)


def _put_output(index: int, output: Output, parts: list[bytes]) -> None:
    topic, key, value = output.topic.encode(), output.key, output.value
    partition = -1 if output.partition is None else output.partition
    key_length = -1 if key is None else len(key)
    value_length = -1 if value is None else len(value)
    parts.append(_OUTPUT.pack(index, partition, key_length, value_length, len(topic), len(output.headers)))
    parts.append(topic)
    if key is not None:
        parts.append(key)
    if value is not None:
        parts.append(value)
    for name, content in output.headers:
        raw = name.encode()
        parts.append(_OUTPUT_HEADER.pack(len(raw), len(content)))
        parts.append(raw)
        parts.append(content)


def decode_outbox(raw: bytes) -> list[tuple[int, Output]]:
    outputs: list[tuple[int, Output]] = []
    at = 0
    while at < len(raw):
        index, output, at = _decode_output(raw, at)
        outputs.append((index, output))
    return outputs


def _decode_output(raw: bytes, at: int) -> tuple[int, Output, int]:
    index, partition, key_length, value_length, topic_length, count = _OUTPUT.unpack_from(raw, at)
    topic, at = _take(raw, at + _OUTPUT.size, topic_length)
    key, at = _take(raw, at, key_length)
    value, at = _take(raw, at, value_length)
    headers: list[tuple[str, bytes]] = []
    for _ in range(count):
        name_length, content_length = _OUTPUT_HEADER.unpack_from(raw, at)
        name, at = _take(raw, at + _OUTPUT_HEADER.size, name_length)
        content, at = _take(raw, at, content_length)
        headers.append(((name or b"").decode(), content or b""))
    output = Output((topic or b"").decode(), key, value, tuple(headers), None if partition < 0 else partition)
    return index, output, at


def _take(raw: bytes, at: int, length: int) -> tuple[bytes | None, int]:
    return (None, at) if length < 0 else (raw[at : at + length], at + length)
