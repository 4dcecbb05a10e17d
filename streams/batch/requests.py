"""Requests: one that carries record batches as pieces of bytes, of which a record batch is one.

aiokafka's own way joins what it has at each level of a request's schema, then puts the head before it, then the length:
a record batch is copied seven times before the socket sees it, a twentieth of a busy worker's CPU (docs/performance.md).
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.protocol import produce
from aiokafka.protocol.types import Array, Bytes, Int32, Schema

KINDS: Final = (
    produce.ProduceRequest_v3, produce.ProduceRequest_v4, produce.ProduceRequest_v5, produce.ProduceRequest_v6,
    produce.ProduceRequest_v7,
)  # fmt: skip
"""All that brokers since 1.0 are sent by this client."""


def pieces(request: Any) -> list[bytes]:
    """What the client's `Struct.encode` gives, cut."""
    parts: list[bytes] = []
    _put(request.SCHEMA, [request.__dict__[name] for name in request.SCHEMA.names], parts)
    return parts


def _put(kind: Any, value: Any, parts: list[bytes]) -> None:
    if isinstance(kind, Schema):
        for field, part in zip(kind.fields, value, strict=True):
            _put(field, part, parts)
    elif isinstance(kind, Array) and value is not None:
        parts.append(Int32.encode(len(value)))
        for item in value:
            _put(kind.array_of, item, parts)
    elif kind is Bytes and value is not None:
        parts += (Int32.encode(len(value)), value)
    else:
        parts.append(kind.encode(value))
