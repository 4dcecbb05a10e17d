"""Truths: what a guard says of a state at an instant, each a small object. An unknown atom is not true, and never under `not`."""

from __future__ import annotations

from typing import Any, Final

from schemas.definition.expression import CompareOp
from streams.journey.asks import Ask
from streams.journey.state import State


class Truth:
    """Whether a condition is true of a state at `now` (ms), which lies in day `today`."""

    def of(self, s: State, now: int, today: int) -> bool:
        raise NotImplementedError


class All(Truth):
    """`and`."""

    def __init__(self, items: list[Truth]) -> None:
        self._items = items

    def of(self, s: State, now: int, today: int) -> bool:
        for item in self._items:  # noqa: SIM110 - a generator costs more than the loop
            if not item.of(s, now, today):
                return False
        return True


class Some(Truth):
    """`or`."""

    def __init__(self, items: list[Truth]) -> None:
        self._items = items

    def of(self, s: State, now: int, today: int) -> bool:
        for item in self._items:  # noqa: SIM110
            if item.of(s, now, today):
                return True
        return False


class Compares(Truth):
    """Two values compared. Text is neither more nor less than a number, and what is unknown is not even different."""

    def __init__(self, op: CompareOp, left: Ask, right: Ask) -> None:
        self._op, self._left, self._right = _NUMBER[op], left, right

    def of(self, s: State, now: int, today: int) -> bool:
        a: Any = self._left.of(s, now, today)
        if a is None:
            return False
        b: Any = self._right.of(s, now, today)
        return b is not None and _holds(self._op, a, b)


def compares(op: CompareOp, a: Any, b: Any) -> bool:
    """The same of two values."""
    return a is not None and b is not None and _holds(_NUMBER[op], a, b)


def _holds(op: int, a: Any, b: Any) -> bool:
    if op == _EQUAL:
        return bool(a == b)
    if op == _OTHER:
        return bool(a != b)
    if isinstance(a, str) != isinstance(b, str):
        return False
    if op == _AT_LEAST:
        return bool(a >= b)
    if op == _MORE:
        return bool(a > b)
    return bool(a <= b) if op == _AT_MOST else bool(a < b)


_AT_LEAST: Final = 0
_MORE: Final = 1
_AT_MOST: Final = 2
_LESS: Final = 3
_EQUAL: Final = 4
_OTHER: Final = 5
_NUMBER: Final[dict[CompareOp, int]] = {
    ">=": _AT_LEAST, ">": _MORE, "<=": _AT_MOST, "<": _LESS, "==": _EQUAL, "!=": _OTHER,
}  # fmt: skip


class Is(Truth):
    """A flag that is up, or down."""

    def __init__(self, flag: Ask, wanted: bool) -> None:
        self._flag, self._wanted = flag, wanted

    def of(self, s: State, now: int, today: int) -> bool:
        return self._flag.of(s, now, today) is self._wanted


class IsKnown(Truth):
    """A value that is there, or is not."""

    def __init__(self, value: Ask, wanted: bool) -> None:
        self._value, self._wanted = value, wanted

    def of(self, s: State, now: int, today: int) -> bool:
        return (self._value.of(s, now, today) is not None) == self._wanted


class IsIn(Truth):
    """A machine that is in one of these states, or in none of them."""

    def __init__(self, machine: int, states: tuple[int, ...], wanted: bool) -> None:
        self._machine, self._states, self._wanted = machine, states, wanted

    def of(self, s: State, now: int, today: int) -> bool:
        return (s.states[self._machine] in self._states) == self._wanted


class HasReached(Truth):
    """A machine that ever was in a state, or never."""

    def __init__(self, machine: int, state: int, wanted: bool) -> None:
        self._machine, self._state, self._wanted = machine, 1 << state, wanted

    def of(self, s: State, now: int, today: int) -> bool:
        return (s.reached[self._machine] & self._state != 0) == self._wanted


class SignalHolds(Truth):
    """A signal that holds, or does not."""

    def __init__(self, signal: int, wanted: bool) -> None:
        self._bit, self._wanted = 1 << signal, wanted

    def of(self, s: State, now: int, today: int) -> bool:
        return (s.signals & self._bit != 0) == self._wanted
