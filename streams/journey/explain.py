"""Explanation: a guard told in values, why it held, what would end it, and the events behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, floor, fsum
from typing import Any, NamedTuple

from schemas.definition import words
from schemas.definition.expression import (
    MIRROR,
    And,
    Arith,
    Compare,
    CompareOp,
    Const,
    CountSignals,
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
from schemas.definition.satisfy import domain, positive, world
from schemas.definition.words import atoms, is_duration
from schemas.time import rfc3339
from streams.journey.effort import ACT, effort_of
from streams.journey.guards import Guards
from streams.journey.state import State
from streams.journey.supposed import is_number
from streams.journey.terms import named, uses_idle

Because = list[dict[str, Any]]

Told = Callable[[State, int, int], Any]
"""(state, now in ms, today) -> what is told of it."""


class Gap(NamedTuple):
    """A condition that does not hold: `measure op threshold`, and the measure's value now; both sides as published.

    atom    the condition itself
    effort  what it takes until it holds (see effort)
    how     who or what brings a measure there that nobody moves by its name: members, active days
    """

    atom: Guard
    measure: str
    op: str
    threshold: Any
    value: Any
    effort: int = ACT
    how: str = ""

    @property
    def words(self) -> str:
        """With the value that there is now: `idle < 1 d (now 14 d)`."""
        if self.op == "known":
            return f"{self.measure} is {'known' if self.threshold else 'unknown'}"
        lasts = isinstance(self.atom, Compare) and (is_duration(self.atom.left) or is_duration(self.atom.right))
        value, threshold = (span(side) if lasts else plain(side) for side in (self.value, self.threshold))
        op = "is" if isinstance(self.threshold, bool) else self.op
        return f"{self.measure} {op} {threshold} (now {value}){': ' * bool(self.how)}{self.how}"

    @property
    def distance(self) -> float:
        """How far the value is from the threshold; 0 where they are no numbers."""
        sides = (self.value, self.threshold)
        return abs(sides[0] - sides[1]) if all(isinstance(side, (int, float)) for side in sides) else 0.0


class Explained:
    """One guard, ready to be explained for any state. `machine` is the index of the machine it belongs to."""

    def __init__(self, guards: Guards, guard: Guard, machine: int = 0) -> None:
        self._guards = guards
        self._machine = machine
        self._tree = _measured_first(positive(guard))
        self._world = world(guards.terms.entity)
        self.signals = any(_asks_signals(atom) for atom in atoms(self._tree))
        """Whether it holds because signals do: what is behind those is then behind it."""
        self._rows = [self._row(atom) for atom in atoms(self._tree)]  # made once: each compiles what it asks
        self._by_atom = {id(atom): row for atom, row in zip(atoms(self._tree), self._rows, strict=True)}
        names = [n for name in named(guard) for n in _below(guards, name)]
        self._measures = [guards.terms.index[name] for name in dict.fromkeys(names)]
        self._idle = uses_idle(guard) or any(_score_uses_idle(guards, name) for name in named(guard))

    def because(self, s: State, now: int, today: int) -> Because:
        """Each condition: {holds, measure, op, threshold, value}. Durations in seconds, times in RFC 3339."""
        return [row(s, now, today) for row in self._rows]

    def evidence(self, s: State) -> list[str]:
        """Ids of the events that last moved the measures named, and of the newest activity where `idle` is."""
        ids = [s.evidence[i] for i in self._measures]
        if self._idle:
            ids.append(s.last_id)
        return [found for found in dict.fromkeys(ids) if found is not None]

    def missing(self, s: State, now: int, today: int) -> list[Gap]:
        """The conditions that would still have to come true, of an `or` those that ask for least."""
        return self._gaps(self._tree, s, now, today)

    def _gaps(self, tree: Guard, s: State, now: int, today: int) -> list[Gap]:
        match tree:
            case And(items):
                return [gap for item in items for gap in self._gaps(item, s, now, today)]
            case Or(items):
                return least(self._gaps(item, s, now, today) for item in items)
        row = self._by_atom[id(tree)](s, now, today)
        return [] if row["holds"] is True else [self._gap(tree, row, s, today)]

    def _gap(self, tree: Guard, row: dict[str, Any], s: State, today: int) -> Gap:
        op, threshold, value = row["op"], row["threshold"], row["value"]
        above = is_number(value) and is_number(threshold) and value > threshold
        needed = effort_of(tree, self._world.measures, above)
        if op == "!=" and self._is_least(tree, threshold):
            op, threshold = ">=", threshold + 1
        how = self._members(tree, op, threshold, value) or self._days(tree, s, today)
        return Gap(tree, row["measure"], op, threshold, value, needed, how)

    def _is_least(self, tree: Guard, threshold: Any) -> bool:
        """Whether it is the least that something can count to: other than none is one or more."""
        if not isinstance(tree, Compare) or not is_number(threshold):
            return False
        inside = domain(tree.left, self._world)
        return inside.whole and inside.low == threshold

    def _members(self, tree: Guard, op: str, threshold: Any, value: Any) -> str:
        """Of a count of members that is too low, how many more and whom it counts: its name alone says neither."""
        match tree:
            case Compare(_, MeasureRef(name)) if op in (">=", ">") and is_number(threshold) and is_number(value):
                given = self._world.measures[name].members
                n = (floor(threshold) + 1 if op == ">" else ceil(threshold)) - value
                return f"{n} more {words.counted_members(n, given)}" if given is not None else ""
        return ""

    def _days(self, tree: Guard, s: State, today: int) -> str:
        """The active days that bring a probability below its threshold: nobody can act on the probability itself."""
        match tree:
            case Compare("<" | "<=" as op, MeasureRef(name), Const(float(threshold))):
                needs = self._guards.terms.terms[name].needs
                days = needs(s, today, threshold, op == "<=") if needs is not None else None
                return f"{days} more active day{'s in a row' if days > 1 else ''}" if days else ""
        return ""

    def _row(self, atom: Guard) -> Any:
        match atom:
            case Compare(op, left, right):
                return self._compared(atom, op, left, right)
            case Truth(measure):
                return self._plain(atom, measure, "==", True, self._number(MeasureRef(measure)))
            case Not(Truth(measure)):
                return self._plain(atom, measure, "==", False, self._number(MeasureRef(measure)))
            case Known(measure):
                return self._plain(atom, measure, "known", True, self._seen(measure))
            case Not(Known(measure)):
                return self._plain(atom, measure, "known", False, self._seen(measure))
        return self._about_state(atom)

    def _about_state(self, atom: Guard) -> Any:
        negated = isinstance(atom, Not)
        match atom.item if isinstance(atom, Not) else atom:
            case StateIn(machine, states):
                m, names = self._machine_of(machine)
                return self._plain(
                    atom, machine, "not in" if negated else "in", list(states), lambda s, *_: names[s.states[m]]
                )
            case Reached(machine, state):
                m, names = self._machine_of(machine)
                bit = names.index(state)
                return self._plain(
                    atom, f"reached({state})", "==", not negated, lambda s, *_: bool(s.reached[m] >> bit & 1)
                )
            case SignalHolds(name):
                bit = [x.name for x in self._guards.terms.entity.signals].index(name)
                return self._plain(atom, name, "==", not negated, lambda s, *_: bool(s.signals >> bit & 1))
        raise TypeError(f"not an atom: {atom!r}")

    def _machine_of(self, name: str) -> tuple[int, tuple[str, ...]]:
        machines = self._guards.terms.entity.machines
        m = next(n for n, machine in enumerate(machines) if machine.name == name)
        return m, machines[m].states

    def _seen(self, measure: str) -> Told:
        """A measure's value as it is shown: a time in RFC 3339."""
        ask, show = self._number(MeasureRef(measure)), _shown(self._guards, MeasureRef(measure), MeasureRef(measure))
        return lambda s, now, today: show(ask(s, now, today))

    def _number(self, tree: Number) -> Told:
        return self._guards.number(tree, self._machine).of

    def _compared(self, atom: Guard, op: CompareOp, left: Number, right: Number) -> Any:
        show = _shown(self._guards, left, right)
        value, threshold, holds = self._number(left), self._number(right), self._guards.truth(atom, self._machine)
        name = words.number(left)

        def row(s: State, now: int, today: int) -> dict[str, Any]:
            a, b = value(s, now, today), threshold(s, now, today)
            verdict: bool | str = "unknown" if a is None or b is None else holds.of(s, now, today)
            return {"holds": verdict, "measure": name, "op": op, "threshold": show(b), "value": show(a)}

        return row

    def _plain(self, atom: Guard, name: str, op: str, threshold: Any, value: Any) -> Any:
        holds = self._guards.truth(atom, self._machine)

        def row(s: State, now: int, today: int) -> dict[str, Any]:
            verdict = holds.of(s, now, today)
            shown = value(s, now, today)
            return {"holds": verdict, "measure": name, "op": op, "threshold": threshold, "value": shown}

        return row


def _measured_first(tree: Guard) -> Guard:
    """The same guard with what is measured on the left of what it is compared with."""
    match tree:
        case And(items):
            return And(tuple(_measured_first(item) for item in items))
        case Or(items):
            return Or(tuple(_measured_first(item) for item in items))
        case Compare(op, Const() as left, right, span) if not isinstance(right, Const):
            return Compare(MIRROR[op], right, left, span)
    return tree


def least(alternatives: Iterable[list[Gap]]) -> list[Gap]:
    """The one that asks for least of people, and about the same measures the nearest."""
    first, *others = alternatives
    for other in others:
        if effort(other) < effort(first) or (effort(other) == effort(first) and _nearer(other, first)):
            first = other
    return first


def _nearer(one: list[Gap], other: list[Gap]) -> bool:
    sides = [(gap.measure, gap.op) for gap in one], [(gap.measure, gap.op) for gap in other]
    if sides[0] != sides[1]:
        return False
    return fsum(gap.distance for gap in one) < fsum(gap.distance for gap in other)


def effort(gaps: Iterable[Gap]) -> int:
    """How much a list of missing conditions asks for."""
    return sum(gap.effort for gap in gaps)


def span(seconds: float | None) -> str:
    """A duration as people say it: 14 d, 36 h, 5 min; in the largest unit that it fills twice, or exactly."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size or (seconds and seconds % size == 0):
            return f"{plain(round(seconds / size, 1))} {unit}"
    return f"{plain(round(seconds, 1))} s"


def plain(value: Any) -> str:
    """A value without needless decimals; `unknown` for none, states as the language lists them."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asks_signals(tree: Guard | Number) -> bool:
    match tree:
        case SignalHolds() | CountSignals():
            return True
        case Not(item):
            return _asks_signals(item)
        case Compare(_, left, right) | Arith(_, left, right):
            return _asks_signals(left) or _asks_signals(right)
        case Fold(_, items):
            return any(_asks_signals(item) for item in items)
    return False


def _below(guards: Guards, name: str) -> list[str]:
    """A measure, its `else`, and what a score is made of: all whose events are evidence."""
    measure = next(m for m in guards.terms.entity.measures if m.name == name)
    below = [measure.fallback] if measure.fallback else []
    below += [n for part in measure.parts for n in named(part.value)]
    below += [n for cap in measure.caps for n in named(cap.when)]
    return [name, *(deeper for n in below for deeper in _below(guards, n))]


def _score_uses_idle(guards: Guards, name: str) -> bool:
    measure = next(m for m in guards.terms.entity.measures if m.name == name)
    return any(uses_idle(cap.when) for cap in measure.caps)


def _shown(guards: Guards, left: Number, right: Number) -> Any:
    """How both sides are shown: a duration in seconds, a moment in RFC 3339, anything else as it is."""
    if is_duration(left) or is_duration(right):
        return lambda value: value if value is None else round(value / 1000, 3)
    if _is_moment(guards, left) or _is_moment(guards, right):
        return lambda value: value if value is None else rfc3339(int(value))
    return lambda value: round(value, 6) if isinstance(value, float) else value


def _is_moment(guards: Guards, tree: Number) -> bool:
    if not isinstance(tree, MeasureRef):
        return False
    measure = guards.terms.terms[tree.name].measure
    return measure.kind == "first" or measure.as_time
