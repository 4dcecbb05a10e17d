"""The small journey in plain Python: what each Python engine of the bench calls for an event, and what the bench expects.

The state is a list, so that every engine can keep it as JSON without a conversion: stage (-1 before the first event),
signed up, [day, count] of core events, {feature: day last seen}, active days. It is changed in place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

STAGES = ("awareness", "activation", "engagement", "adoption")
SIGN_UPS = frozenset(("Signed Up", "Invite Accepted"))
CORE = frozenset(("Report Created", "Feature Used", "Data Exported"))
ACTIVE = frozenset(("track", "page", "screen"))

State = list[Any]
Event = dict[str, Any]


def fresh() -> State:
    """The state of a user of whom nothing is known."""
    return [-1, False, [], {}, []]


def advance(state: State, event: Event) -> list[Event]:
    """Count the event in; the stage changes that follow, as records: entity, from, to, at (ms since 1970)."""
    stamp = event["timestamp"]
    day = day_of(stamp[:10])
    measure(state, event, day)
    moved: list[Event] = []
    while (to := rule(state, day)) is not None:
        before, state[0] = state[0], to
        moved.append(
            {
                "entity": event["userId"],
                "from": STAGES[before] if before >= 0 else None,
                "to": STAGES[to],
                "at": day * 86_400_000 + time_of(stamp),
            }
        )
    return moved


def measure(state: State, event: Event, day: int) -> None:
    name = event.get("event")
    if name in SIGN_UPS:
        state[1] = True
    elif name in CORE:
        count(state[2], day)
        feature = event["properties"].get("feature")
        if feature is not None:
            state[3][feature] = day
    days = state[4]
    if event["type"] in ACTIVE and (not days or days[-1] != day):
        state[4] = [d for d in days if d > day - 28] + [day]


def count(counts: list[list[int]], day: int, window: int = 7) -> None:
    """One more on this day; days that left the window go."""
    if counts and counts[-1][0] == day:
        counts[-1][1] += 1
        return
    counts[:] = [[d, n] for d, n in counts if d > day - window] + [[day, 1]]


def rule(state: State, day: int) -> int | None:
    """The stage that comes next, or None."""
    stage = state[0]
    if stage == -1:
        return 0
    if stage == 0 and state[1]:
        return 1
    if stage == 1 and sum(n for d, n in state[2] if d > day - 7) >= 3:
        return 2
    if stage == 2 and sum(d > day - 28 for d in state[4]) >= 2 and sum(d > day - 28 for d in state[3].values()) >= 3:
        return 3
    return None


@lru_cache(4096)
def day_of(date: str) -> int:
    """Days since 1970 of `2024-01-31`."""
    from datetime import date as calendar

    return calendar.fromisoformat(date).toordinal() - 719_163


def time_of(stamp: str) -> int:
    """ms since midnight of `2024-01-31T23:59:59.999Z`."""
    return int(stamp[11:13]) * 3_600_000 + int(stamp[14:16]) * 60_000 + int(stamp[17:19]) * 1_000 + int(stamp[20:23])
