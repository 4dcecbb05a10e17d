"""How many alerts a definition makes: what the people who get them would have seen. Before anything else is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import Any, NamedTuple

from schemas.time import parse_time

WEEK = 7 * 86_400_000


class Volume(NamedTuple):
    """Alerts over a span of event time. Retracted ones never were.

    opened                how many opened
    weekly_per_100        a week and per 100 accounts (per 100 users where there are no accounts)
    per_owner_p95         in 19 of 20 weeks an owner gets at most so many; weeks without any count; None: no owners
    unowned               opened ones that name no owner
    resolved_in_a_week    share of those opened at least a week before the end that resolved within a week; None: none
    """

    opened: int
    weekly_per_100: float | None
    per_owner_p95: int | None
    unowned: int
    resolved_in_a_week: float | None


def volume(records: Iterable[dict[str, Any]], entities: int, begun: int, ended: int) -> Volume:
    """From alert records in the order in which they were published. `begun`, `ended`: the span, ms; `entities`: see above."""
    lives = _lives(records)
    weeks = max(ended - begun, WEEK) / WEEK
    per_100 = round(len(lives) / weeks / (entities / 100), 3) if entities else None
    ripe = [(opened, closed) for opened, closed, _ in lives if opened <= ended - WEEK]
    soon = sum(closed is not None and closed - opened <= WEEK for opened, closed in ripe)
    owned = [(owner, (opened - begun) // WEEK) for opened, _, owner in lives if owner is not None]
    return Volume(
        len(lives), per_100, _p95(owned, ceil(weeks)), len(lives) - len(owned), round(soon / len(ripe), 3) if ripe else None
    )  # fmt: skip


def _lives(records: Iterable[dict[str, Any]]) -> list[tuple[int, int | None, str | None]]:
    """(opened at, resolved at, owner) of each alert that was not taken back."""
    found: dict[str, tuple[int, int | None, str | None]] = {}
    for record in records:
        at, opens = parse_time(record["at"]) or 0, record["opens"]
        match record["status"]:
            case "opened":  # also one that a correction opens again
                found[opens] = (at, None, record["owner"])
            case "resolved" if opens in found:
                found[opens] = (found[opens][0], at, found[opens][2])
            case "retracted":
                found.pop(opens, None)
    return list(found.values())


def _p95(owned: list[tuple[str, int]], weeks: int) -> int | None:
    """Of the alerts that opened for one owner in one week, over all owners and weeks, the nearest rank."""
    owners = {owner for owner, _ in owned}
    if not owners:
        return None
    counts = sorted(Counter(owned).values())
    rank = ceil(0.95 * len(owners) * weeks)
    quiet = len(owners) * weeks - len(counts)
    return 0 if rank <= quiet else counts[rank - quiet - 1]
