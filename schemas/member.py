"""MemberFacts: what a user tells its account about itself. Between our own agents, so times stay whole milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from schemas.shape import ID, Shape

Level = Literal["user", "manager", "executive", "unknown"]


@dataclass(slots=True)
class MemberFacts:
    """A user's standing as its account sees it, effective from `at` (ms). A newer fact replaces the older one.

    In JSON the id comes first and is called `fact`: that is how the account agent tells a fact from an event.
    """

    fact: Annotated[str, ID, "hash of the content: equal ids have equal payloads"]
    user: Annotated[str, "who"]
    account: Annotated[str, "of which account"]
    at: Annotated[int, "event time from which it holds, in ms since the epoch"]
    stage: Annotated[str, "state of the user's stage machine"]
    reached: Annotated[list[str], "every state that this machine was ever in"]
    risk: Annotated[str | None, "state of the user's risk machine; null where the definition has none"]
    level: Annotated[Level, "from the job title; unknown is never `not an executive`"]
    admin: Annotated[bool, "a permission, beside the level"]
    active_day: Annotated[int | None, "day number in the definition's zone; null where the fact is no activity"]
    event: Annotated[str | None, "id of the event behind it"]
    champion: Annotated[bool, "named a champion by a CRM contact role"] = False
    valid: Annotated[bool, "false: this fact is taken back"] = True

    @property
    def id(self) -> str:
        return self.fact

    @staticmethod
    def of(
        user: str, account: str, at: int, stage: str, reached: list[str], risk: str | None, level: Level, admin: bool,
        active_day: int | None, event: str | None = None, champion: bool = False,
    ) -> MemberFacts:  # fmt: skip
        """A fact under the id of its content."""
        fact = MemberFacts("", user, account, at, stage, reached, risk, level, admin, active_day, event, champion)
        fact.fact = SHAPE.content_id(fact)
        return fact

    def to_json(self) -> bytes:
        return SHAPE.to_json(self)

    @staticmethod
    def from_json(data: bytes) -> MemberFacts:
        """Raises ShapeError, a ValueError, naming the field that does not fit."""
        return SHAPE.from_json(data)


SHAPE = Shape(MemberFacts, uncounted=("fact", "valid"))
