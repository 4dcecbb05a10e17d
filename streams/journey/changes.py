"""Changes: what a fold produces, and the facts of members that go into one."""

from __future__ import annotations

from typing import Any, Literal

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


class Fact:
    """A member's facts as an account's input. `event` is the user's event behind it. Never changed once it is made.

    `how`: of one that identity brought about, see redirect.py. `packed`: its row as JSON, once somebody needed it.
    """

    __slots__ = ("event", "how", "id", "member", "packed", "received", "t", "user")

    def __init__(
        self, t: int, id: str, user: str, member: Member, event: str | None, received: int | None = None,
        how: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.t = t
        self.id = id
        self.user = user
        self.member = member
        self.event = event
        self.received = received
        self.how = how
        self.packed: bytes | None = None

    def row(self) -> tuple[Any, ...]:
        """As it is kept in a record: what the class is made from, in order."""
        return self.t, self.id, self.user, self.member.row(), self.event, self.received, self.how

    def moved(self, t: int) -> Fact:
        """The same, to be sorted at another time."""
        return Fact(t, self.id, self.user, self.member, self.event, self.received, self.how)

    def called(self, id: str) -> Fact:
        """The same under another id."""
        return Fact(self.t, id, self.user, self.member, self.event, self.received, self.how)

    def about(self, member: Member) -> Fact:
        """The same of another standing."""
        return Fact(self.t, self.id, self.user, member, self.event, self.received, self.how)


class Standing:
    """Where an entity stands: the later fields of its Snapshot as JSON, and a checksum of the values in them."""

    __slots__ = ("body", "said")

    def __init__(self, body: bytes, said: int) -> None:
        self.body = body
        self.said = said


class Out:
    """What a fold produced, in order: changes, and the mornings at which an account was written down."""

    __slots__ = ("behind", "changes", "days", "entity")

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.behind: str | None = None  # id of the event behind the input being folded
        self.changes: list[Change] = []
        self.days: list[tuple[int, Standing]] = []
