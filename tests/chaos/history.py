"""Histories for the fault suite: seeded, told from the input alone, with times that never meet."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import orjson

BEGIN = 1_714_550_400_000
"""2024-05-01T08:00:00Z in ms."""

DAY = 86_400_000
IDLE = 6 * 3_600_000
GRACE = 600_000
"""As in chaos.yaml."""


class Happened(NamedTuple):
    """One event. `at`: ms."""

    at: int
    id: str
    user: str
    name: str
    amount: int

    @property
    def account(self) -> str:
        return f"a{int(self.user[1:]) % 7}"

    @property
    def line(self) -> bytes:
        """As it stands on the source topic."""
        told = {
            "id": self.id, "event": self.name, "user": self.user, "account": self.account, "at": self.at / 1000,
            "properties": {"amount": self.amount},
        }  # fmt: skip
        return orjson.dumps(told)


@dataclass(frozen=True)
class History:
    """Events in order of event time, and when their time ends (ms)."""

    events: tuple[Happened, ...]
    until: int

    @property
    def lines(self) -> list[bytes]:
        return [event.line for event in self.events]


LATEST = 1_767_225_600_000
"""2026-01-01T00:00:00Z in ms: what is later than the clock is a dead letter, and a million events take two years."""


def history(seed: int, count: int = 2_500, users: int = 40, hot: int = 0, latest: int = LATEST) -> History:
    """`hot`: users that half of all events are of. No two events have one time, and none happens when a user falls quiet.
    What would end after `latest` (ms) begins as many days earlier."""
    luck = Random(seed)
    at, found = BEGIN, dict[int, Happened]()
    while len(found) < count:
        at += luck.choice((1, 2, 5, 10, 20)) * 1_000
        if luck.random() < 0.004:
            at += luck.choice((1, 4, 7)) * 3_600_000
        user = luck.randrange(hot) if hot and luck.random() < 0.5 else int(luck.random() ** 1.5 * users)
        name = luck.choices(("ping", "up", "down"), (4, 1, 1))[0]
        event = Happened(at + user, f"e{len(found)}", f"u{user}", name, luck.randrange(1, 100))
        if event.at not in found and event.at - IDLE not in found:
            found[event.at] = event
    events = tuple(found[at] for at in sorted(found))  # of more than a thousand users, some overtake others
    until = events[-1].at + 2 * IDLE
    days = max(0, -(-(until - latest) // DAY)) * DAY
    return History(tuple(event._replace(at=event.at - days) for event in events) if days else events, until - days)


def shuffled(events: tuple[Happened, ...], seed: int, within: int = GRACE // 2) -> list[Happened]:
    """In an order of arrival in which each comes up to `within` ms late."""
    luck = Random(seed)
    return sorted(events, key=lambda event: event.at + luck.random() * within)
