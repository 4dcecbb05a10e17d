"""Asks: the values that a guard compares, each a small object that is asked about a state at an instant.

A guard is a tree of such objects (see guards.py): asks under truths, truths and asks under instants. They are classes, and
no functions made at run time, because a compiled method calls another one at a tenth of what Python needs for a call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from streams.delivery.contracts import NEVER
from streams.journey.gauge import Gauge, Value
from streams.journey.rollup import total
from streams.journey.state import State


class Ask:
    """A value of a state at `now` (ms), which lies in day `today`; None for unknown."""

    def of(self, s: State, now: int, today: int) -> Value:
        raise NotImplementedError


class Constant(Ask):
    """What a definition says."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def of(self, s: State, now: int, today: int) -> Value:
        return self.value


# --- measures --------------------------------------------------------------------------------------------------------


class OfCell(Ask):
    """A measure's value, as its gauge reads it off the cell."""

    def __init__(self, cell: int, gauge: Gauge) -> None:
        self._cell, self._gauge = cell, gauge

    def of(self, s: State, now: int, today: int) -> Value:
        return self._gauge.value(s.cells[self._cell], today)


class SinceFlag(Ask):
    """A count since a flag was last set: its cell is [how often the flag had been set by then, amount]."""

    def __init__(self, cell: int, flag: int) -> None:
        self._cell, self._flag = cell, flag

    def of(self, s: State, now: int, today: int) -> Value:
        cell, mark = s.cells[self._cell], s.cells[self._flag]
        if cell is None or mark is None or cell[0] != mark[2]:
            return 0
        found: Value = cell[1]
        return found


class OfMembers(Ask):
    """How many members a rollup holds; `days`: those active within so many, None for all."""

    def __init__(self, rollup: int, days: int | None) -> None:
        self._rollup, self._days = rollup, days

    def of(self, s: State, now: int, today: int) -> Value:
        return total(s.rollups[self._rollup], None if self._days is None else today - self._days)


class Else(Ask):
    """A value, or another one where it is unknown."""

    def __init__(self, first: Ask, other: Ask) -> None:
        self._first, self._other = first, other

    def of(self, s: State, now: int, today: int) -> Value:
        found = self._first.of(s, now, today)
        return self._other.of(s, now, today) if found is None else found


# --- time ------------------------------------------------------------------------------------------------------------


class Idle(Ask):
    """ms since the last activity."""

    def of(self, s: State, now: int, today: int) -> Value:
        return now - s.last if s.last >= 0 else None


class InState(Ask):
    """ms since a machine entered its state."""

    def __init__(self, machine: int) -> None:
        self.machine = machine

    def of(self, s: State, now: int, today: int) -> Value:
        return now - s.since[self.machine]


class FlagSince(Ask):
    """Since when a flag holds, ms."""

    def __init__(self, cell: int) -> None:
        self._cell = cell

    def of(self, s: State, now: int, today: int) -> Value:
        cell = s.cells[self._cell]
        if cell is None:
            return None
        found: Value = cell[1]
        return found


class Age(Ask):
    """ms since a moment."""

    def __init__(self, moment: Ask) -> None:
        self._moment = moment

    def of(self, s: State, now: int, today: int) -> Value:
        moment: Any = self._moment.of(s, now, today)
        found: Value = None if moment is None else now - moment
        return found


class Until(Ask):
    """ms until a moment."""

    def __init__(self, moment: Ask) -> None:
        self._moment = moment

    def of(self, s: State, now: int, today: int) -> Value:
        moment: Any = self._moment.of(s, now, today)
        found: Value = None if moment is None else moment - now
        return found


# --- arithmetic ------------------------------------------------------------------------------------------------------


class SignalCount(Ask):
    """How many signals hold."""

    def of(self, s: State, now: int, today: int) -> Value:
        return s.signals.bit_count()


class LeastOrMost(Ask):
    """The least or the most of some numbers; unknown where one of them is."""

    def __init__(self, most: bool, items: list[Ask]) -> None:
        self._most, self._items = most, items

    def of(self, s: State, now: int, today: int) -> Value:
        best: Any = None
        for item in self._items:
            found: Any = as_number(item.of(s, now, today))
            if found is None:
                return None
            if best is None or (found > best if self._most else found < best):
                best = found
        result: Value = best
        return result


class Arithmetic(Ask):
    """Two numbers put together; unknown of unknown, and what no 64 bits hold. `fn` gives None where it cannot."""

    def __init__(self, fn: Callable[[Any, Any], Any], left: Ask, right: Ask) -> None:
        self._fn, self._left, self._right = fn, left, right

    def of(self, s: State, now: int, today: int) -> Value:
        a = as_number(self._left.of(s, now, today))
        b = as_number(self._right.of(s, now, today))
        return None if a is None or b is None else as_number(self._fn(a, b))


def as_number(value: Any) -> Value:
    """A number that is one: text where a number should be, and what no 64 bits hold, are unknown."""
    if isinstance(value, (int, float)) and -NEVER < value < NEVER:
        return value
    return None


def _quotient(a: Any, b: Any) -> Any:
    return a / b if b else None


ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _quotient,
}  # fmt: skip
