"""Alert: something that somebody should act on; opened, resolved, or retracted as if it had never been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from schemas.records import content, content_id, decode, encode


@dataclass(slots=True)
class Alert:
    """One step in an alert's life.

    opens        id of the opening record, the same through its life
    title        one readable sentence
    clears_when  the smallest change that ends it
    do, act_by   what to do, and until when
    transition   id of the transition behind it, where there is one
    """

    NAME: ClassVar[str] = "alert"
    RENAMED: ClassVar[dict[str, str]] = {}
    TIMES: ClassVar[frozenset[str]] = frozenset({"at", "detected_at", "act_by"})

    id: str
    name: str
    status: Literal["opened", "resolved", "retracted"]
    opens: str
    kind: Literal["user", "account"]
    entity: str
    account: str | None
    severity: Literal["info", "low", "medium", "high", "critical"]
    title: str
    signals: list[str]
    because: list[dict[str, Any]]
    evidence: list[str]
    clears_when: str | None
    do: str
    act_by: int | None
    owner: str | None
    carry: dict[str, Any]
    transition: str | None
    at: int
    detected_at: int
    definition: str
    version: int
    origin: Literal["live", "backfill", "migration", "correction"] = "live"

    def to_json(self) -> bytes:
        return encode(self, self.RENAMED, self.TIMES)

    @classmethod
    def from_json(cls, data: bytes) -> Alert:
        found: Alert = decode(cls, data, cls.RENAMED, cls.TIMES)
        return found


_APART = frozenset({"id", "detected_at", "origin"})


def alert_id(alert: Alert) -> str:
    """An opened record's `opens` is its own id, so it cannot be part of it."""
    return content_id(content(alert, _APART | {"opens"} if alert.status == "opened" else _APART))
