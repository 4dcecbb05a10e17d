"""Suppositions: a guard read with other values in the place of some that a state has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.definition import words
from schemas.definition.expression import (
    And,
    Arith,
    Compare,
    Const,
    Fold,
    Guard,
    Known,
    MeasureRef,
    Not,
    Number,
    Or,
    Reached,
    SignalHolds,
    StateIn,
    Truth,
)  # fmt: skip
from streams.journey.asks import ARITHMETIC, as_number
from streams.journey.guards import Guards
from streams.journey.state import State
from streams.journey.truths import compares

Key = Any
"""What has a value: a leaf of an expression, or ("machine", name), ("reached", machine, state), ("signal", name)."""

Values = dict[Key, Any]


class Reading:
    """How a state's own values are asked for, of one kind of entity. `machine`: index of the machine a guard belongs to."""

    def __init__(self, guards: Guards, machine: int) -> None:
        self._guards, self._machine, self._entity = guards, machine, guards.terms.entity
        self._asks: dict[Key, Callable[[State, int, int], Any]] = {}

    def ask(self, key: Key) -> Callable[[State, int, int], Any]:
        """What the state itself has at a key."""
        found = self._asks.get(key)
        if found is None:
            found = self._asks[key] = self._asking(key)
        return found

    def _asking(self, key: Key) -> Callable[[State, int, int], Any]:
        if not isinstance(key, tuple):
            return self._guards.number(key, self._machine).of
        what, name = key[0], key[1]
        if what == "signal":
            bit = [signal.name for signal in self._entity.signals].index(name)
            return lambda s, now, today: bool(s.signals >> bit & 1)
        m = next(n for n, machine in enumerate(self._entity.machines) if machine.name == name)
        states = self._entity.machines[m].states
        if what == "machine":
            return lambda s, now, today: states[s.states[m]]
        bit = states.index(key[2])
        return lambda s, now, today: bool(s.reached[m] >> bit & 1)


class Supposed:
    """A state's values at an instant (ms), some of them supposed to be others."""

    def __init__(self, reading: Reading, s: State, now: int, today: int, values: Values) -> None:
        self._reading, self._s, self.now, self._today, self.values = reading, s, now, today, values

    def __call__(self, key: Key) -> Any:
        return self.values[key] if key in self.values else self.actual(key)

    def actual(self, key: Key) -> Any:
        """What the state has."""
        return self._reading.ask(key)(self._s, self.now, self._today)

    def put(self, key: Key, to: Any) -> bool:
        """Suppose one value more. Always true, so that it can end a condition."""
        self.values[key] = to
        return True

    def also(self, key: Key, to: Any) -> Supposed:
        """The same with one value more, beside this one."""
        return self.only({**self.values, key: to})

    def only(self, values: Values) -> Supposed:
        """The same state with these suppositions and no others."""
        return Supposed(self._reading, self._s, self.now, self._today, dict(values))


def true(tree: Guard, look: Supposed) -> bool:
    """Whether a guard holds; negations stand at its atoms (see `positive`)."""
    match tree:
        case And(items):
            return all(true(item, look) for item in items)
        case Or(items):
            return any(true(item, look) for item in items)
        case Compare(op, left, right):
            return compares(op, number(left, look), number(right, look))
        case Known(measure):
            return look(MeasureRef(measure)) is not None
        case Not(Known(measure)):
            return look(MeasureRef(measure)) is None
        case Truth(measure):
            return look(MeasureRef(measure)) is True
        case Not(Truth(measure)):
            return look(MeasureRef(measure)) is False
    key, wanted, negated = state_of(tree)
    return (look(key) in wanted) != negated


def number(tree: Number, look: Supposed) -> Any:
    """A value; None where it is unknown."""
    match tree:
        case Const(value):
            return value
        case Arith(op, left, right):
            a, b = (as_number(number(side, look)) for side in (left, right))
            return None if a is None or b is None else as_number(ARITHMETIC[op](a, b))
        case Fold(fn, items):
            found: list[Any] = [as_number(number(item, look)) for item in items]
            known = [value for value in found if value is not None]
            return (min(known) if fn == "min" else max(known)) if len(known) == len(found) else None
    return look(tree)


def is_number(value: Any) -> bool:
    """A number, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def leaves(tree: Number) -> list[Key]:
    """The terms that a value is made of, in order, without its constants."""
    match tree:
        case Const():
            return []
        case Arith(_, left, right):
            return list(dict.fromkeys(leaves(left) + leaves(right)))
        case Fold(_, items):
            return list(dict.fromkeys(leaf for item in items for leaf in leaves(item)))
    return [tree]


def state_of(atom: Guard) -> tuple[Key, tuple[Any, ...], bool]:
    """(key, the values for which it holds, whether it is negated) of a condition about states and signals."""
    negated = isinstance(atom, Not)
    match atom.item if isinstance(atom, Not) else atom:
        case StateIn(machine, states):
            return ("machine", machine), states, negated
        case Reached(machine, state):
            return ("reached", machine, state), (True,), negated
        case SignalHolds(name):
            return ("signal", name), (True,), negated
    raise TypeError(f"not an atom: {atom!r}")


def term(key: Key) -> str:
    """What has a value, as the definition writes it."""
    if not isinstance(key, tuple):
        return words.number(key)
    return f"reached({key[2]})" if key[0] == "reached" else str(key[1])
