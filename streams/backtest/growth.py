"""Growth accounting: who is new, returning, resurrected or dormant from one interval to the next, and that it adds up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from streams.backtest.history import Activity


class Growth(NamedTuple):
    """One interval, beginning on day `start`. Conservation: active - before = new + resurrected - dormant."""

    start: int
    active: int
    before: int
    new: int
    returning: int
    resurrected: int
    dormant: int

    @property
    def conserved(self) -> bool:
        moved = self.new + self.resurrected - self.dormant
        return self.active - self.before == moved and self.active == self.new + self.returning + self.resurrected


def growth(active: dict[str, Activity], starts: Sequence[int]) -> list[Growth]:
    """One row for each interval [starts[n], starts[n + 1]) of days. What happened before the first start is history too."""
    found: list[Growth] = []
    seen = {key for key, a in active.items() if a.days and starts and a.days[0] < starts[0]}
    previous: set[str] | None = None
    for first, end in pairwise(starts):
        now = {key for key, a in active.items() if _within(a, first, end)}
        if previous is None:
            previous = {key for key in seen if _within(active[key], 2 * first - end, first)}
        new, stayed = now - seen, now & previous
        found.append(
            Growth(first, len(now), len(previous), len(new), len(stayed), len(now - new - stayed), len(previous - now))
        )
        seen |= now
        previous = now
    return found


def _within(a: Activity, first: int, end: int) -> bool:
    return bisect_left(a.days, first) < bisect_left(a.days, end)
