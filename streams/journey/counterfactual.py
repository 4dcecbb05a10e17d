"""Counterfactuals: the smallest change after which a guard would hold, term by term, and true.

Theory of operation. A guard is read with values put in the place of those that the state has. As long as it does not
hold, every condition that fails (of an `or`, those of the alternative that asks for least of people) moves one term of its own to
the nearest value for which it comes true; then every move is taken back as far as the guard still holds. So what is
said is enough, and one unit less of any move is not. Where no such values are found, nothing is said.

Terms move one at a time here, and in life together: an event that adds to a count ends a silence as well.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, inf, nextafter
from typing import Any, Final, NamedTuple

from schemas.definition import words
from schemas.definition.expression import (
    And,
    Compare,
    Const,
    CountSignals,
    Guard,
    Known,
    MeasureRef,
    Not,
    Or,
    Truth,
)  # fmt: skip
from schemas.definition.satisfy import Range, domain, positive, world
from streams.journey.effort import effort_of
from streams.journey.guards import Guards
from streams.journey.state import State
from streams.journey.supposed import Key, Reading, Supposed, Values, is_number, leaves, number, state_of, term, true

ROUNDS: Final = 6
"""Moving one term can undo another condition; after so many times there is no end to it."""

FAR: Final = 2**43
"""No count and no wait (ms: 280 years) is looked for beyond it."""

JUST: Final = 1e-6
"""How far beyond a bound a value goes that has to be above or below it, and takes any value: less than a cent."""

WHOLE: Final = ("count", "distinct", "active_days", "active_weeks", "members")
"""Kinds of measure whose values are whole numbers: one unit is one."""


class Move(NamedTuple):
    """One term, and what it would have to become, everything else being as it is.

    term  as the definition writes it: core_7, idle, age(stage), count(signals), stage, reached(churn), a signal's name
    kind  of the measure (count, active_days, latest, …), or duration, machine, reached, signal, signals
    now   its value; None: unknown. Durations and times in ms
    to    the value it needs
    by    to - now, where both are numbers: at least so much, and no unit less (1, or 1 ms)
    """

    term: str
    kind: str
    now: Any
    to: Any
    by: float | None


class Counterfactual:
    """One guard, of which it can be asked what would make it hold. `machine`: index of the machine it belongs to."""

    def __init__(self, guards: Guards, guard: Guard, machine: int = 0) -> None:
        self._reading = Reading(guards, machine)
        self._tree = positive(guard)
        self._world = world(guards.terms.entity)
        self._machines = guards.terms.entity.machines

    def holds(self, s: State, now: int, today: int, values: Values) -> bool:
        """Whether the guard holds with these values in the place of the state's own."""
        return true(self._tree, Supposed(self._reading, s, now, today, values))

    def moves(self, s: State, now: int, today: int) -> list[Move] | None:
        """What would have to change; [] where it holds, None where no change of single terms is found."""
        values = self.values(s, now, today)
        if values is None:
            return None
        look = Supposed(self._reading, s, now, today, {})
        return [self._move(key, look.actual(key), to) for key, to in values.items()]

    def values(self, s: State, now: int, today: int) -> Values | None:
        """The same as values by term."""
        look = Supposed(self._reading, s, now, today, {})
        for _ in range(ROUNDS):
            failing = self._failing(self._tree, look)
            if not failing:
                return self._least(look)
            for atom in failing:
                if not true(atom, look) and not self._solve(atom, look):
                    return None
        return None

    def _failing(self, tree: Guard, look: Supposed) -> list[Guard]:
        """The conditions that have to come true, of an `or` those of the alternative that asks for least."""
        match tree:
            case And(items):
                return [atom for item in items for atom in self._failing(item, look)]
            case Or(items):
                return min(
                    (self._failing(item, look) for item in items), key=lambda failing: self._effort(failing, look)
                )
        return [] if true(tree, look) else [tree]

    def effort(self, s: State, now: int, today: int) -> int:
        """What it takes of people until the guard holds; 0 where it does."""
        look = Supposed(self._reading, s, now, today, {})
        return self._effort(self._failing(self._tree, look), look)

    def _effort(self, failing: list[Guard], look: Supposed) -> int:
        return sum(effort_of(atom, self._world.measures, _above(atom, look)) for atom in failing)

    # --- solving -----------------------------------------------------------------------------------------------------

    def _solve(self, atom: Guard, look: Supposed) -> bool:
        """Move one term so that a failing condition holds; False where none can."""
        match atom:
            case Compare(op, left, right):
                return any(self._turn(atom, leaf, op, look) for leaf in leaves(left) + leaves(right))
            case Known(measure):
                return look.put(MeasureRef(measure), look.now)
            case Not(Known(measure)):
                return look.put(MeasureRef(measure), None)
            case Truth(measure):
                return look.put(MeasureRef(measure), True)
            case Not(Truth(measure)):
                return look.put(MeasureRef(measure), False)
        key, wanted, negated = state_of(atom)
        if key[0] == "reached" and negated:
            return False
        choices = self._onward(key[1], look(key)) if key[0] == "machine" else (True, False)
        found = [choice for choice in choices if (choice in wanted) != negated]
        return bool(found) and look.put(key, found[0])

    def _onward(self, name: str, here: str) -> list[str]:
        """A machine's states: first those to which rules lead from here, the nearest first; they stand in its order."""
        machine = next(machine for machine in self._machines if machine.name == name)
        states, ways = machine.states, {rule.to for rule in machine.rules if here in rule.from_states}
        return sorted(states, key=lambda to: (to not in ways, (states.index(to) - states.index(here)) % len(states)))

    def _turn(self, atom: Compare, leaf: Key, op: str, look: Supposed) -> bool:
        """Move a leaf to the nearest value for which a comparison holds."""
        had = look.values.copy()
        other = atom.right if leaf == atom.left else atom.left
        if isinstance(other, Const) and isinstance(other.value, str):
            to: Any = other.value if op == "==" else None if op != "!=" else f"not {other.value}"
            return leaf in (atom.left, atom.right) and to is not None and look.put(leaf, to)
        for to in self._nearest(atom, leaf, look):
            if look.put(leaf, to) and true(atom, look):
                return True
            look.values = had.copy()
        return False

    def _nearest(self, atom: Compare, leaf: Key, look: Supposed) -> list[float]:
        """Values of a leaf for which the comparison may hold, the nearest first."""
        inside, unit = domain(leaf, self._world), self._unit(leaf)
        start = look(leaf)
        start = start if is_number(start) else 0
        if unit is None:
            found = _linear(lambda x: self._gap(atom, look.also(leaf, x)), float(start), atom.op)
            return [x for x in found if _within(x, inside)]
        low, high = (x if abs(x) < inf else None for x in inside.ends())

        def holds(x: float) -> bool:
            return true(atom, look.also(leaf, x))

        ways = [_search(holds, int(start), unit, high), _search(holds, int(start), -unit, low)]
        return sorted((x for x in ways if x is not None), key=lambda x: abs(x - start))

    def _gap(self, atom: Compare, look: Supposed) -> float | None:
        a, b = number(atom.left, look), number(atom.right, look)
        return a - b if isinstance(a, (int, float)) and isinstance(b, (int, float)) else None

    def _unit(self, leaf: Key) -> int | None:
        """The smallest step of a leaf; None for one that takes any value."""
        if isinstance(leaf, MeasureRef):
            return 1 if self._world.measures[leaf.name].kind in WHOLE else None
        return 1

    def _least(self, look: Supposed) -> Values:
        """Take every move back as far as the guard still holds, until none can be: taking one back may free another."""
        before: Values | None = None
        while before != look.values:
            before = dict(look.values)
            self._less(look)
        return look.values

    def _less(self, look: Supposed) -> None:
        for key in list(look.values):
            start, to = look.actual(key), look.values[key]
            without = {k: v for k, v in look.values.items() if k != key}
            if true(self._tree, look.only(without)):
                look.values = without
            elif self._numbers(key, start, to):
                look.values = {**without, key: self._shrunk(key, int(start), int(to), look.only(without))}
            elif is_number(to):
                start = start if is_number(start) else 0
                look.values = {**without, key: self._nearer(key, start, to, look.only(without))}

    def _nearer(self, key: Key, start: float, to: float, look: Supposed) -> float:
        """Of a term that takes any value, the nearest one at which some comparison turns and the guard holds."""
        turns = [
            x for atom in words.atoms(self._tree) if isinstance(atom, Compare)
            and key in leaves(atom.left) + leaves(atom.right) for x in self._nearest(atom, key, look)
        ]  # fmt: skip
        found = (x for x in sorted([*turns, to], key=lambda x: abs(x - start)) if true(self._tree, look.also(key, x)))
        return next(found, to)

    def _numbers(self, key: Key, start: Any, to: Any) -> bool:
        whole = isinstance(start, int) and isinstance(to, int) and not isinstance(start, bool)
        return not isinstance(key, tuple) and self._unit(key) is not None and whole

    def _shrunk(self, key: Key, start: int, to: int, look: Supposed) -> int:
        """The value nearest to `start` from which one unit less does not do."""
        far, near = to, start
        while abs(far - near) > 1:
            middle = (far + near) // 2 if far > near else -((-far - near) // 2)
            if true(self._tree, look.also(key, middle)):
                far = middle
            else:
                near = middle
        return far

    def _move(self, key: Key, now: Any, to: Any) -> Move:
        return Move(term(key), self._kind(key), now, to, to - now if is_number(now) and is_number(to) else None)

    def _kind(self, key: Key) -> str:
        match key:
            case MeasureRef(name):
                return self._world.measures[name].kind
            case CountSignals():
                return "signals"
            case tuple():
                return str(key[0])
        return "duration"


def _above(atom: Guard, look: Supposed) -> bool:
    """Whether a comparison's left side is more than its right one."""
    if not isinstance(atom, Compare):
        return False
    left, right = number(atom.left, look), number(atom.right, look)
    return is_number(left) and is_number(right) and left > right


def _within(x: float, inside: Range) -> bool:
    low, high = inside.ends()
    return low <= x <= high


def _search(holds: Callable[[float], bool], start: int, step: int, end: float | None) -> int | None:
    """The nearest value in one direction for which something holds, which then holds for a while; None where none is."""
    reach = 1
    while reach <= FAR:
        to = start + step * reach
        if end is not None and (to - end) * step > 0:
            to = floor(end) if step > 0 else ceil(end)
        if holds(to):
            return _first(holds, start, to, step)
        if end is not None and to == (floor(end) if step > 0 else ceil(end)):
            return None
        reach *= 2
    return None


def _first(holds: Callable[[float], bool], start: int, to: int, step: int) -> int:
    """By halving: the first value after `start` towards `to` for which it holds."""
    near, far = 0, abs(to - start)
    while far - near > 1:
        middle = (far + near) // 2
        if holds(start + step * middle):
            far = middle
        else:
            near = middle
    return start + step * far


def _linear(gap: Callable[[float], float | None], start: float, op: str) -> list[float]:
    """Where a difference that is a straight line in x crosses zero, or lies just on the right side of it."""
    at, after = gap(start), gap(start + 1)
    if at is None or after is None or at == after:
        return []
    zero = start - at / (after - at)
    near = max(JUST, abs(zero) * 1e-9)
    if op in (">=", "<=", "=="):
        return [zero, nextafter(zero, inf), nextafter(zero, -inf)]
    return [zero + near, zero - near]
