"""Volume: how many alerts a definition means, before anybody asks how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from streams.backtest.alerts import Raised

WEEK = 7 * 86_400_000


class Volume(NamedTuple):
    """Of one alert rule, or of all. Rates are None where nobody was there to raise one for."""

    alerts: int
    weekly_per_100: float | None
    p95_per_owner: int
    resolved_in_week: float | None


def volume(alerts: Sequence[Raised], entity_weeks: float, begin: int, end: int) -> Volume:
    """Alerts opened from `begin` to before `end` (ms). `entity_weeks`: how many entities were there, times weeks."""
    within = [a for a in alerts if begin <= a.opened < end]
    settled = [a for a in within if a.opened + WEEK <= end]
    soon = sum(a.resolved is not None and a.resolved - a.opened <= WEEK for a in settled)
    return Volume(
        alerts=len(within), weekly_per_100=100 * len(within) / entity_weeks if entity_weeks else None,
        p95_per_owner=_p95(within, begin, end), resolved_in_week=soon / len(settled) if settled else None,
    )  # fmt: skip


def _p95(alerts: Sequence[Raised], begin: int, end: int) -> int:
    """Alerts that an owner gets in a week, at most, in 95 of 100 weeks; weeks without any count. Nobody is an owner too."""
    weeks = max(1, ceil((end - begin) / WEEK))
    counts = Counter((a.owner, (a.opened - begin) // WEEK) for a in alerts)
    owners = len({a.owner for a in alerts})
    ordered = sorted(counts.values())
    idle = max(0, owners * weeks - len(ordered))
    at = ceil(0.95 * (idle + len(ordered))) - 1 - idle
    return ordered[at] if 0 <= at < len(ordered) else 0
