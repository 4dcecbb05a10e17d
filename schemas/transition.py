"""Transition: one machine of one entity changed its state. The product of this project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from schemas.records import content, content_id, decode, encode

PublishedBecause = Literal["live", "backfill", "migration", "correction"]


@dataclass(slots=True)
class Transition:
    """A stage change. `at` is event time, or the deadline of the timer that made it; the newest `seq` of an id is its truth.

    id          hash of every field but id, detected_at, seq, valid, supersedes, origin: equal id, equal payload
    account     the account of a user; null for an account
    from, to    states; from null enters the first one, to null ends the entity (label says why)
    name        the rule that fired
    seq         position in this entity's and machine's published log, from 1, no gaps
    dwell_s     seconds spent in `from`
    cause       {event: id} | {timer: deadline} | {member: id} | {link: id} | {definition: version}
    because     each condition of the guard: {measure, value, op, threshold, holds}
    signals     the signals that held
    evidence    ids of the events that moved those measures
    carry       attributes that the definition names
    valid       false takes the id back; supersedes hints at the one it replaces
    """

    NAME: ClassVar[str] = "transition"
    RENAMED: ClassVar[dict[str, str]] = {"from_": "from"}
    TIMES: ClassVar[frozenset[str]] = frozenset({"at", "detected_at"})

    id: str
    kind: Literal["user", "account"]
    entity: str
    account: str | None
    machine: str
    from_: str | None
    to: str | None
    name: str
    label: str | None
    at: int
    detected_at: int
    seq: int
    dwell_s: float | None
    definition: str
    version: int
    digest: str
    cause: dict[str, Any]
    because: list[dict[str, Any]]
    signals: list[str]
    evidence: list[str]
    carry: dict[str, Any]
    origin: PublishedBecause = "live"
    valid: bool = True
    supersedes: str | None = None

    def to_json(self) -> bytes:
        return encode(self, self.RENAMED, self.TIMES)

    @classmethod
    def from_json(cls, data: bytes) -> Transition:
        found: Transition = decode(cls, data, cls.RENAMED, cls.TIMES)
        return found


_APART = frozenset({"id", "detected_at", "seq", "valid", "supersedes", "origin"})


def transition_id(transition: Transition) -> str:
    return content_id(content(transition, _APART))
