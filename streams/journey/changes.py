"""Changes: what a fold produces, and the facts of members that go into one."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from schemas.alert import Alert
from schemas.draft import FactDraft, TransitionDraft
from streams.journey.identity import Message
from streams.journey.rollup import Member


class Change:
    """Something to publish: its id says what it is, so two folds are compared by ids. `opening`: what an alert resolves."""

    __slots__ = ("id", "kind", "opening", "record")

    def __init__(
        self, kind: Literal["transition", "alert", "fact", "message"],
        record: TransitionDraft | Alert | FactDraft | Message, opening: Alert | None = None,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.id: str = record.change if isinstance(record, Message) else record.id
        self.record = record
        self.opening = opening


class Fact(NamedTuple):
    """A member's facts as an account's input. `event` is the user's event behind it."""

    t: int
    id: str
    user: str
    member: Member
    event: str | None
    received: int | None = None
    how: dict[str, str] | None = None  # of one that identity brought about: see redirect.py


class Out:
    """What a fold produced, in order: changes, and the mornings at which an account was written down."""

    __slots__ = ("behind", "changes", "days", "entity")

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.behind: str | None = None  # id of the event behind the input being folded
        self.changes: list[Change] = []
        self.days: list[tuple[int, dict[str, Any]]] = []
