"""MemberFacts: what a user's journey tells an account about one of its members. Internal, between the two agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from schemas.records import content_id

PREFIX = b'{"fact":'
"""How a fact begins on the wire: the members topic also carries the accounts' own events."""


@dataclass(slots=True)
class MemberFacts:
    """A member's status from `at` (ms) on, and perhaps a day on which it was active.

    id          hash of all fields but id and valid
    reached     stages the member has ever been in
    level       user, manager, executive or unknown; admin is a permission beside it
    active_day  day number in the definition's zone, null when this is no activity
    event       id of the user's event behind it
    valid       false: the fact with this id never was
    """

    NAME: ClassVar[str] = "member"
    RENAMED: ClassVar[dict[str, str]] = {}
    TIMES: ClassVar[frozenset[str]] = frozenset()

    id: str
    user: str
    account: str
    at: int
    stage: str
    reached: list[str]
    risk: str | None
    level: str
    admin: bool
    active_day: int | None
    event: str | None
    valid: bool = True

    @classmethod
    def of(cls, **given: Any) -> MemberFacts:
        """The fact with this content, its id computed."""
        return cls(id=content_id(given), **given)

    def to_json(self) -> bytes:
        return PREFIX + orjson.dumps(self) + b"}"

    @classmethod
    def from_json(cls, data: bytes) -> MemberFacts:
        """Raises ValueError where the bytes are no fact."""
        try:
            return cls(**orjson.loads(data)["fact"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a member's fact: {error}") from None
