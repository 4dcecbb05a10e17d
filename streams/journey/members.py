"""Members: what a fold sees of an account's members, which stand beside the account, one record each."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from streams.delivery.contracts import Beside
from streams.journey.rollup import Member


class Members:
    """The members that an account's fold sees: those of this fold over those settled beside the account."""

    def get(self, user: str) -> Member | None:
        raise NotImplementedError

    def put(self, user: str, member: Member) -> None:
        raise NotImplementedError


class Alone(Members):
    """A user has no members."""

    def get(self, user: str) -> Member | None:
        return None

    def put(self, user: str, member: Member) -> None:
        raise TypeError("a user has no members")


class Settled(Members):
    """The members that stand beside the account, each a record of its own."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    def get(self, user: str) -> Member | None:
        found = self._beside.get(b"m:" + user.encode())
        return None if found is None else Member(*orjson.loads(found))

    def users(self) -> Iterable[str]:
        return (name[2:].decode() for name in self._beside.all())

    def put(self, user: str, member: Member) -> None:
        raise TypeError("settled members are written by the timeline")


class Overlay(Members):
    """Members as a fold sees them: those it moved itself, else those settled beside the account."""

    def __init__(self, moved: dict[str, Member], settled: Members) -> None:
        self._moved = moved
        self._settled = settled

    def get(self, user: str) -> Member | None:
        found = self._moved.get(user)
        return self._settled.get(user) if found is None else found

    def put(self, user: str, member: Member) -> None:
        self._moved[user] = member
