"""The month-end task: on the first of each month, who of those still around will be silent for the horizon to come?

Only what happened before a cut-off is used for its scores. Whoever is asked must have come on three days and not be
silent for the horizon already; an account must also be one: two people, or twenty events.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from typing import NamedTuple

from schemas.definition.model import Kind
from streams.backtest.history import Activity, History
from streams.journey.calendar import DAY

EPOCH = date(1970, 1, 1).toordinal()

ENOUGH_USERS = 50
"""Different users in the year before the first cut-off: below, a month has too few rows to say anything."""

YEAR = 365
MIN_DAYS = 3
"""Active days before anything can be said of an entity."""

MIN_PEOPLE_EVENTS = 20
"""Events that make an account of one person an account to look after."""


class Row(NamedTuple):
    """An entity at a cut-off (day number), and whether the horizon that follows is silent."""

    cutoff: int
    entity: str
    churned: bool


def cutoffs(history: History, horizon: int) -> list[int]:
    """The day numbers of the firsts of months: from enough users on, to two horizons (days) before the last event."""
    latest = history.end - 2 * horizon * DAY
    found = [day for day in months(history) if history.calendar.start(day) <= latest]
    begin = next((n for n, day in enumerate(found) if _users(history, day) >= ENOUGH_USERS), len(found))
    return found[begin:]


def months(history: History) -> list[int]:
    """The day numbers of all firsts of months: what is learnt from begins earlier than what is scored."""
    if not history.users:
        return []
    first = history.calendar.day(min(a.times[0] for a in history.users.values()))
    return _firsts(first, history.calendar.day(history.end))


def _firsts(first: int, last: int) -> list[int]:
    when = date.fromordinal(first + EPOCH)
    numbers = range(12 * when.year + when.month, 12 * date.fromordinal(last + EPOCH).year + 12)
    found = [date(month // 12, month % 12 + 1, 1).toordinal() - EPOCH for month in numbers]
    return [day for day in found if day <= last]


def _users(history: History, day: int) -> int:
    return sum(bisect_left(a.days, day) > bisect_left(a.days, day - YEAR) for a in history.users.values())


def asked(kind: Kind, a: Activity, day: int, at: int, horizon: int) -> bool:
    """Whether an entity is one to ask about at a cut-off: the day `day`, which begins at `at` ms."""
    n = bisect_left(a.days, day)
    if n < MIN_DAYS or a.days[n - 1] < day - horizon:
        return False
    if kind == "user" or (a.second is not None and a.second < at):
        return True
    return bisect_left(a.times, at) >= MIN_PEOPLE_EVENTS


def rows(history: History, kind: Kind, cuts: list[int], horizon: int) -> list[Row]:
    """All rows of these cut-offs, in order. The outcome is read off what comes after; scores must not be."""
    found = []
    for day in cuts:
        at = history.calendar.start(day)
        for key, a in history.of(kind).items():
            if asked(kind, a, day, at, horizon):
                n = bisect_left(a.days, day)
                found.append(Row(day, key, n == len(a.days) or a.days[n] >= day + horizon))
    return found
