"""DeadLetter: a record that could not be processed, kept whole: key and value untouched, the rest in headers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

from schemas.shape import ID, Form, Shape, ShapeError

Headers = tuple[tuple[str, bytes], ...]


def dead_letter_id(topic_id: str, partition: int, offset: int, index: int) -> str:
    """32 hex digits over the place it was read at: the same record read twice is the same dead letter.

    `topic_id` is Kafka's id of the topic (its name where there is none), so that a topic deleted and made again under
    its old name does not repeat ids.
    """
    return blake2b(f"{topic_id}/{partition}/{offset}/{index}".encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class DeadLetter:
    """What could not be processed, where it came from and why. `index`: which item of the record it was, from 0.

    On Kafka `key` and `value` are those of the original record, byte for byte (a null stays null), our headers come
    first and the original ones after them. `to_json` is the form for files, with both in base64.
    """

    id: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    index: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def to_record(self) -> tuple[bytes | None, bytes | None, Headers]:
        """(key, value, headers) as they go onto the dead-letter topic."""
        own = ((name, str(getattr(self, name)).encode()) for name in _OWN)
        return self.key, self.value, (*own, *self.headers)

    @staticmethod
    def from_record(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> DeadLetter:
        """The dead letter that `to_record` wrote. Raises ValueError for a record that is none."""
        found = tuple(headers)
        if tuple(name for name, _ in found[: len(_OWN)]) != _OWN:
            raise ValueError(f"no dead letter: its headers should begin with {', '.join(_OWN)}")
        told = {name: text.decode("utf-8", "replace") for name, text in found[: len(_OWN)]}
        numbers = {name: int(told.pop(name)) for name in ("partition", "offset", "index", "timestamp")}
        return DeadLetter(**told, **numbers, key=key, value=value, headers=found[len(_OWN) :])  # type: ignore[arg-type]

    def to_json(self) -> bytes:
        return SHAPE.to_json(
            DeadLetterFile(
                self.id, self.reason, self.detail, self.topic, self.partition, self.offset, self.index, self.timestamp,
                _base64(self.key), _base64(self.value), [[name, _base64(value) or ""] for name, value in self.headers],
            )
        )  # fmt: skip

    @staticmethod
    def from_json(data: bytes) -> DeadLetter:
        """Raises ShapeError, a ValueError, naming the field that does not fit."""
        told = SHAPE.from_json(data)
        try:
            headers = tuple((name, b64decode(value, validate=True)) for name, value in told.headers)
            key, value = _bytes(told.key), _bytes(told.value)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"key, value and headers should be base64: {error}") from None
        return DeadLetter(
            told.id, told.reason, told.detail, told.topic, told.partition, told.offset, told.index, told.timestamp, key,
            value, headers,
        )  # fmt: skip


_OWN = ("id", "reason", "detail", "topic", "partition", "offset", "index", "timestamp")


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)


_PAIRS = Form({"items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}})


@dataclass(slots=True)
class DeadLetterFile:
    """A dead letter as a line of a file: original key, value and headers in base64."""

    id: Annotated[str, ID, "hash of topic id, partition, offset and index"]
    reason: Annotated[str, "why, one of a closed list"]
    detail: Annotated[str, "what exactly, for a person"]
    topic: Annotated[str, "where it was read"]
    partition: Annotated[int, "where it was read"]
    offset: Annotated[int, "where it was read"]
    index: Annotated[int, "which item of that record, from 0"]
    timestamp: Annotated[int, "the record's Kafka timestamp, in ms since the epoch"]
    key: Annotated[str | None, "the original key, base64"]
    value: Annotated[str | None, "the original value, base64; null where the record had none"]
    headers: Annotated[list[list[str]], _PAIRS, "the original headers, each [name, value in base64]"]


SHAPE = Shape(DeadLetterFile)
