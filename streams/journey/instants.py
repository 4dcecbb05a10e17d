"""Instants: when, at the earliest, time alone may change what a guard says; each a small object that is asked of a state.

Never later than the true instant: a wake-up that comes too early finds nothing and asks again.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.definition.expression import MIRROR, CompareOp
from streams.delivery.contracts import NEVER
from streams.journey.asks import Ask
from streams.journey.calendar import Calendar
from streams.journey.churn import ChurnProbability
from streams.journey.gauge import Gauge
from streams.journey.rollup import next_change
from streams.journey.state import State
from streams.journey.truths import Truth


class When:
    """An instant (ms) from `now` on, which lies in day `today`; NEVER for none."""

    def of(self, s: State, now: int, today: int) -> int:
        raise NotImplementedError


class Never(When):
    """Time alone changes nothing."""

    def of(self, s: State, now: int, today: int) -> int:
        return NEVER


class Now(When):
    """At once."""

    def of(self, s: State, now: int, today: int) -> int:
        return now


never: Final = Never()
at_once: Final = Now()


# --- what a condition makes of its parts -----------------------------------------------------------------------------


class Where(When):
    """One instant where something is true, and another where it is not."""

    def __init__(self, truth: Truth, then: When, other: When) -> None:
        self._truth, self._then, self._other = truth, then, other

    def of(self, s: State, now: int, today: int) -> int:
        return (self._then if self._truth.of(s, now, today) else self._other).of(s, now, today)


class First(When):
    """The first of several instants."""

    def __init__(self, items: list[When]) -> None:
        self._items = items

    def of(self, s: State, now: int, today: int) -> int:
        found = NEVER
        for item in self._items:
            at = item.of(s, now, today)
            if at < found:
                found = at
        return found


class Last(When):
    """The last of several instants."""

    def __init__(self, items: list[When]) -> None:
        self._items = items

    def of(self, s: State, now: int, today: int) -> int:
        found = now
        for item in self._items:
            at = item.of(s, now, today)
            if at > found:
                found = at
        return found


class Held(When):
    """When a rule that must hold for a while fires: so long after it began to, unless it ends before; else when it begins."""

    def __init__(self, key: str, hold: int, ends: When, begins: When) -> None:
        self._key, self._hold, self._ends, self._begins = key, hold, ends, begins

    def of(self, s: State, now: int, today: int) -> int:
        since = s.holds.get(self._key)
        if since is None:
            return self._begins.of(s, now, today)
        return min(since + self._hold, self._ends.of(s, now, today))


class After(When):
    """The first of several instants that is later than now."""

    def __init__(self, items: list[When]) -> None:
        self._items = items

    def of(self, s: State, now: int, today: int) -> int:
        found = NEVER
        for item in self._items:
            at = item.of(s, now, today)
            if now < at < found:
                found = at
        return found


class Flips(When):
    """When one of some conditions may change, given the bit set of those that hold. Parts: (bit, it rises, it falls)."""

    def __init__(self, parts: list[tuple[int, When, When]]) -> None:
        self._parts = parts

    def of(self, s: State, now: int, today: int) -> int:
        found, signals = NEVER, s.signals
        for bit, rises, falls in self._parts:
            at = falls.of(s, now, today) if signals & bit else rises.of(s, now, today)
            if now < at < found:
                found = at
        return found


# --- atoms -----------------------------------------------------------------------------------------------------------


class Waited(When):
    """When a machine has been in its state for so long (ms)."""

    def __init__(self, machine: int, wait: int) -> None:
        self._machine, self._wait = machine, wait

    def of(self, s: State, now: int, today: int) -> int:
        at = s.since[self._machine] + self._wait
        return at if at > now else now


class Silent(When):
    """When nothing has been heard for so long (ms)."""

    def __init__(self, wait: int) -> None:
        self._wait = wait

    def of(self, s: State, now: int, today: int) -> int:
        if s.last < 0:
            return NEVER
        at = s.last + self._wait
        return at if at > now else now


class Aged(When):
    """When a moment lies so long (ms) back."""

    def __init__(self, moment: Ask, wait: int) -> None:
        self._moment, self._wait = moment, wait

    def of(self, s: State, now: int, today: int) -> int:
        moment: Any = self._moment.of(s, now, today)
        if moment is None:
            return NEVER
        at: int = moment + self._wait
        return at if at > now else now


class Crossing(When):
    """When a comparison that is false now comes true, while left - right moves by `slope` a ms."""

    def __init__(self, op: CompareOp, slope: int, left: Ask, right: Ask) -> None:
        self._mirrored = slope < 0
        self._op = MIRROR[op] if slope < 0 else op
        self._slope = abs(slope)
        self._left, self._right = left, right

    def of(self, s: State, now: int, today: int) -> int:
        left: Any = self._left.of(s, now, today)
        right: Any = self._right.of(s, now, today)
        if left is None or right is None:
            return NEVER
        # Both are numbers: the checker lets nothing else meet a moving term.
        gap = right - left if self._mirrored else left - right
        if self._op in ("<=", "<", "!=") or gap > 0:
            return now + 1 if self._op == "!=" else NEVER
        wait = -int(gap // self._slope)  # rounded up: the first whole ms at which gap >= 0
        return now + wait + (1 if self._op == ">" and gap + wait * self._slope <= 0 else 0)


# --- measures --------------------------------------------------------------------------------------------------------


class CellSlides(When):
    """When time alone changes a measure's value."""

    def __init__(self, cell: int, gauge: Gauge, calendar: Calendar) -> None:
        self._cell, self._gauge, self._calendar = cell, gauge, calendar

    def of(self, s: State, now: int, today: int) -> int:
        day = self._gauge.changes(s.cells[self._cell], today)
        return NEVER if day is None else self._calendar.start(day)


class MemberSlides(When):
    """When the next member of a rollup has been silent for so many days."""

    def __init__(self, rollup: int, days: int, calendar: Calendar) -> None:
        self._rollup, self._days, self._calendar = rollup, days, calendar

    def of(self, s: State, now: int, today: int) -> int:
        day = next_change(s.rollups[self._rollup], today - self._days, self._days)
        return NEVER if day is None else self._calendar.start(day)


class Reaches(When):
    """When a probability that only rises gets to a threshold, or beyond it."""

    def __init__(self, cell: int, churn: ChurnProbability, calendar: Calendar, threshold: float, beyond: bool) -> None:
        self._cell, self._churn, self._calendar = cell, churn, calendar
        self._threshold, self._beyond = threshold, beyond

    def of(self, s: State, now: int, today: int) -> int:
        day = self._churn.reaches(s.cells[self._cell], today, self._threshold, self._beyond)
        return NEVER if day is None else max(now, self._calendar.start(day))
