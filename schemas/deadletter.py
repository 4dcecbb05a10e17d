"""DeadLetter: a record that could not be processed, its bytes untouched, with origin and reason in the headers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

Headers = tuple[tuple[str, bytes], ...]

@dataclass(slots=True)
class DeadLetter:
    """One refused record. Its original key, value and headers are those of its record on the dead-letter topic.

    id         the same refusal read twice is one dead letter
    index      which part of the record: a batch may hold several
    timestamp  Kafka's own, ms
    """

    NAME: ClassVar[str] = "dead-letter"
    RENAMED: ClassVar[dict[str, str]] = {}
    TIMES: ClassVar[frozenset[str]] = frozenset()

    id: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    index: int
    timestamp: int

    def headers(self) -> Headers:
        return tuple((name, str(getattr(self, name)).encode()) for name in self.__slots__)

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes]]) -> DeadLetter:
        """Ours come first, the original record's own after them. Raises ValueError where one is missing or no number."""
        told: dict[str, str] = {}
        for name, value in headers:
            told.setdefault(name, value.decode("utf-8", "replace"))
        try:
            numbers = {name: int(told[name]) for name in ("partition", "offset", "index", "timestamp")}
            texts = {name: told[name] for name in ("id", "reason", "detail", "topic")}
        except KeyError as missing:
            raise ValueError(f"a dead letter needs the header {missing.args[0]}") from None
        return cls(**texts, **numbers)
