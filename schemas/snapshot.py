"""Snapshot: where an entity stands, for whoever does not want to replay its history. Its topic is compacted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from schemas.records import decode, encode


@dataclass(slots=True)
class Snapshot:
    """An entity at `as_of`.

    machines  {machine: {state, since}}
    signals   the signals that hold
    measures  the measures that the definition publishes; null is unknown
    """

    NAME: ClassVar[str] = "snapshot"
    RENAMED: ClassVar[dict[str, str]] = {}
    TIMES: ClassVar[frozenset[str]] = frozenset({"as_of"})

    kind: Literal["user", "account"]
    entity: str
    account: str | None
    machines: dict[str, Any]
    signals: list[str]
    measures: dict[str, Any]
    carry: dict[str, Any]
    as_of: int
    definition: str
    version: int

    def to_json(self) -> bytes:
        return encode(self, self.RENAMED, self.TIMES)

    @classmethod
    def from_json(cls, data: bytes) -> Snapshot:
        found: Snapshot = decode(cls, data, cls.RENAMED, cls.TIMES)
        return found
