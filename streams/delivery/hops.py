"""Hops: how far the partitions of one stage have heard each other out, so that nobody settles what another may still change.

What an input makes its entity say to another one (a link, what is passed on) reaches that one's partition late, and may
make it say something to a third. Each partition announces to all of its stage, behind its outputs and so in their order,

    level 0    all that came from outside the stage before T is read here, and what it said is out
    level k    so is what was said in answer to level k - 1: the least that everybody announced as that

so nobody waits in a circle: each level waits for the one below it, and the lowest for nobody of its stage. Before the
last one every chain of HOPS messages has come to its end. See "Between hops" in `docs/guarantee.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

HOPS: Final = 4
"""A link, a link in answer to it, what is passed on, and what its receiver passes on. What a longer chain brings is late by
as much as partitions are apart, and the grace period has to be enough for it."""

LEVELS: Final = tuple(f"^{level}" for level in range(HOPS))
"""Behind a sender's name: its levels."""

HEARD: Final = "^"
"""Behind a sender's name: up to where it has heard its stage out, for the stage that follows."""

Names = tuple[bytes, ...]


class Hops:
    """Whom one input topic is to be heard of. `peers`: partitions of our own stage that write to it, or nobody.

    before   {sender from outside the stage: whether it has a stage of its own to hear out}
    """

    __slots__ = ("levels", "outside")

    def __init__(self, peers: Collection[str] = (), before: Mapping[str, bool] | None = None) -> None:
        self.levels: tuple[Names, ...] = tuple(tuple((name + mark).encode() for name in peers) for mark in LEVELS)
        self.outside: Names = tuple((name + HEARD * hears).encode() for name, hears in (before or {}).items())


def levels(first: int, heard: list[int]) -> dict[str, int]:
    """What to announce, {mark: ms}. `first`: level 0; `heard`: for each level the least that all announced."""
    return dict(zip(LEVELS, (first, *(min(first, below) for below in heard[:-1])), strict=True))
