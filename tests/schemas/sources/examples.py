"""What the tests of the sources hold decoders against: published examples with their addresses, and full messages."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import orjson

from schemas.sources.precedence import RECORD, way

RECORD_TIME = 1_788_264_000_000
"""2026-09-01T12:00:00Z: Kafka's own timestamp of every record here; later than all of them."""

Expected = dict[str, Any]
"""Attributes of an event and their values; `properties` and `traits` name what must be among them."""


class Example(NamedTuple):
    """A record as it is published at an address, and the events that it means."""

    source: str
    address: str
    record: Any
    events: list[Expected]
    headers: tuple[tuple[str, bytes], ...] = ()


class Given(NamedTuple):
    """What a way leads to in a full message that has been changed: path -> value, None to take it out."""

    changes: dict[str, Any]
    value: Any


class Full(NamedTuple):
    """A message in which the ways of a source's precedence lead to different values.

    expect    attribute -> {way: its value once the better ways are taken out, or Given}
    companion field -> what to change once no way leads to it, so that the event stays one, and somebody's
    wrap      makes the record of a message, where the two are not the same
    """

    source: str
    message: Any
    expect: dict[str, dict[str, Any]]
    companion: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never mutated
    headers: tuple[tuple[str, bytes], ...] = ()
    wrap: Callable[[Any], Any] = lambda message: message

    def record(self, message: Any = None) -> bytes:
        """The message, or another form of it, as its record."""
        return encoded(self.wrap(self.message if message is None else message))


def encoded(record: Any) -> bytes:
    return record if isinstance(record, bytes) else orjson.dumps(record)


def changed(message: Any, changes: dict[str, Any]) -> Any:
    """A copy with values at paths; None takes out what stands there."""
    copy = deepcopy(message)
    for path, value in changes.items():
        put(copy, path.split("."), value)
    return copy


def put(node: Any, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        inner = node[int(step)] if isinstance(node, list) else node.get(step)
        if not isinstance(inner, (dict, list)):
            if value is None:
                return
            inner = node[step] = {}
        node = inner
    last: Any = int(path[-1]) if isinstance(node, list) else path[-1]
    if value is not None:
        node[last] = value
    elif isinstance(node, dict):
        node.pop(last, None)


def without(message: Any, text: str) -> Any:
    """A copy in which a way leads nowhere."""
    if text == RECORD:
        return message
    return changed(message, {".".join(path): None for path in way(text).paths})
