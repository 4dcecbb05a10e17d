"""Guards: conditions of the definition compiled to trees of small objects, and the instant at which each may come true by itself.

Theory of operation. Negations are pushed down to the atoms (three-valued logic keeps unknown under negation, and an
unknown atom is not true either way), so what is left of a guard is `and`, `or` and atoms, all of which only have to say
"true now?". For time the same tree is read again: an atom's `earliest` is now if it is true, else the first instant at
which time alone could make it true; `and` takes the latest of its parts, `or` the earliest. That is never later than
the true instant, and a wake-up that comes too early finds nothing and asks again, so timers are exact to the deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from schemas.definition.expression import (
    MIRROR,
    Age,
    And,
    Arith,
    Compare,
    CompareOp,
    Const,
    CountSignals,
    Fold,
    Guard,
    Idle,
    InState,
    Known,
    MeasureRef,
    Not,
    Number,
    Or,
    Reached,
    SignalHolds,
    StateIn,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.model import Measure
from schemas.definition.satisfy import positive
from streams.journey import asks, instants, truths
from streams.journey.asks import Ask
from streams.journey.instants import When, at_once, never
from streams.journey.scores import Part, Score
from streams.journey.terms import Drift, Term, Terms, named


class Guards:
    """The compiler for one kind of entity. `machine` is the index of the machine that a guard belongs to.

    `slides`: whether an instant may wait for a day to slide; for one that wakes every midnight anyway, none does.
    """

    def __init__(self, terms: Terms, slides: bool = True) -> None:
        self.terms = terms
        entity = terms.entity
        self._machines = {m.name: n for n, m in enumerate(entity.machines)}
        self._states = {m.name: m.states for m in entity.machines}
        self._signals = {s.name: n for n, s in enumerate(entity.signals)}
        self._slides = slides
        for measure in entity.measures:
            if measure.kind == "score" and measure.name not in terms.terms:
                terms.terms[measure.name] = self._score(measure)

    def today(self) -> Guards:
        """The same compiler for one that wakes every midnight anyway."""
        return Guards(self.terms, slides=False)

    def truth(self, guard: Guard, machine: int = 0) -> truths.Truth:
        """Whether the guard holds."""
        return self._truth(positive(guard), machine)

    def earliest(self, guard: Guard, machine: int = 0) -> When:
        """From when, at the earliest, the guard may hold if nothing happens; now if it holds now."""
        return self._earliest(positive(guard), machine)

    def ends(self, guard: Guard, machine: int = 0) -> When:
        """From when, at the earliest, a guard that holds now may hold no more."""
        return self._ends(positive(guard), machine)

    def flips(self, guards: Sequence[Guard]) -> When:
        """Of many guards: the first instant after now at which one may flip, given `s.signals` as it is."""
        parts = []
        for n, guard in enumerate(guards):
            rises, falls = self.earliest(guard), self.ends(guard)
            if rises is not never or falls is not never:
                parts.append((1 << n, rises, falls))
        return instants.Flips(parts)

    def soonest(self, rules: Sequence[tuple[Guard, int, str]], machine: int) -> When | None:
        """For the rules out of a state, each (guard, hold, its key): the first instant at which time may matter.

        None where time alone never does.
        """
        parts: list[When] = []
        for guard, hold, key in rules:
            part = self.earliest(guard, machine)
            if hold:
                part = instants.Held(key, hold, self.ends(guard, machine), part)
            if part is not never:
                parts.append(part)
        return instants.After(parts) if parts else None

    # --- truth -------------------------------------------------------------------------------------------------------

    def _truth(self, guard: Guard, machine: int) -> truths.Truth:
        match guard:
            case And(items):
                return truths.All([self._truth(item, machine) for item in sorted(items, key=_cost)])
            case Or(items):
                return truths.Some([self._truth(item, machine) for item in items])
            case Not(item):
                return self._atom(item, machine, wanted=False)
        return self._atom(guard, machine, wanted=True)

    def _atom(self, atom: Guard, machine: int, wanted: bool) -> truths.Truth:
        match atom:
            case Compare(op, left, right):
                return truths.Compares(op, self.number(left, machine), self.number(right, machine))
            case Truth(measure):
                return truths.Is(self._measure(measure), wanted)
            case Known(measure):
                return truths.IsKnown(self._measure(measure), wanted)
            case StateIn(name, states):
                known = self._states[name]
                return truths.IsIn(self._machines[name], tuple(known.index(state) for state in states), wanted)
            case Reached(name, state):
                return truths.HasReached(self._machines[name], self._states[name].index(state), wanted)
            case SignalHolds(name):
                return truths.SignalHolds(self._signals[name], wanted)
        raise TypeError(f"not an atom: {atom!r}")

    def number(self, tree: Number, machine: int = 0) -> Ask:
        """The value of an expression."""
        match tree:
            case Const(value):
                return asks.Constant(value)
            case MeasureRef(name):
                return self._measure(name)
            case Idle():
                return asks.Idle()
            case InState():
                return asks.InState(machine)
            case Age("machine", name):
                return asks.InState(self._machines[name])
            case Age("measure", name):
                return asks.Age(self._moment(name))
            case Until(name):
                return asks.Until(self._measure(name))
            case CountSignals():
                return asks.SignalCount()
            case Fold(fn, items):
                return asks.LeastOrMost(fn == "max", [self.number(item, machine) for item in items])
            case Arith(op, left, right):
                return asks.Arithmetic(asks.ARITHMETIC[op], self.number(left, machine), self.number(right, machine))
        raise TypeError(f"not a number: {tree!r}")

    def _measure(self, name: str) -> Ask:
        return self.terms.terms[name].value

    def _moment(self, name: str) -> Ask:
        """The instant that `age` counts from: since when a flag holds, or the time that a measure is."""
        i = self.terms.index[name]
        return asks.FlagSince(i) if self.terms.entity.measures[i].kind == "flag" else self._measure(name)

    def _is_moment(self, name: str) -> bool:
        """Whether `age` counts from a whole number that time alone never changes; what `else` names may be anything."""
        term = self.terms.terms[name]
        return term.drift == "still" and term.measure.fallback is None

    # --- time --------------------------------------------------------------------------------------------------------

    def _earliest(self, guard: Guard, machine: int) -> When:
        match guard:
            case And(items):
                still = [item for item in items if self._still(item)]
                moving = _last([self._earliest(item, machine) for item in items if item not in still])
                if not still or moving is never:
                    return moving
                return instants.Where(_all([self._truth(item, machine) for item in still]), moving, never)
            case Or(items):
                return _first([self._earliest(item, machine) for item in items])
        since = self._since(guard, machine)
        if since is not None:
            return since
        later = self._later(guard, machine)
        return instants.Where(self._truth(guard, machine), at_once, later)

    def _since(self, guard: Guard, machine: int) -> When | None:
        """When so much time has passed since an instant: what most guards wait for, said without asking whether it has."""
        match guard:
            case Compare(">=" | ">" as op, left, Const(int() | float() as wait)):
                ms = ceil(wait) if op == ">=" else floor(wait) + 1
                match left:
                    case Idle():
                        return instants.Silent(ms)
                    case InState():
                        return instants.Waited(machine, ms)
                    case Age("machine", name):
                        return instants.Waited(self._machines[name], ms)
                    case Age("measure", name) if self._is_moment(name):
                        return instants.Aged(self._moment(name), ms)
        return None

    def _ends(self, guard: Guard, machine: int) -> When:
        """When a guard stops being true. Not when its negation comes true: unknown is neither."""
        match guard:
            case And(items) | Or(items):
                parts = [self._ends(item, machine) for item in items]
                if all(part is never for part in parts):
                    return never
                parts = [
                    instants.Where(self._truth(item, machine), never, at_once) if part is never else part
                    for item, part in zip(items, parts, strict=True)
                ]
                return _first(parts) if isinstance(guard, And) else _last(parts)
        later = self._later(positive(guard, negate=True), machine)
        return never if later is never else instants.Where(self._truth(guard, machine), later, at_once)

    def _still(self, guard: Guard) -> bool:
        """Whether time alone never makes this atom true: asked first, it spares the others."""
        return not isinstance(guard, (And, Or)) and self._later(guard, 0) is never

    def _later(self, atom: Guard, machine: int) -> When:
        """When an atom that is not true may come true by time alone."""
        match atom:
            case Compare(op, left, right):
                return self._later_compare(op, left, right, machine)
            case Not(Known(measure)) if self.terms.terms[measure].drift != "still":
                return _first(self._steps([measure]))
        return never

    def _later_compare(self, op: CompareOp, left: Number, right: Number, machine: int) -> When:
        orders = op not in ("==", "!=")
        if isinstance(left, Const) and orders:
            left, right, op = right, left, MIRROR[op]
        if isinstance(left, MeasureRef) and isinstance(right, Const) and orders:
            reach = self.terms.terms[left.name].reach
            if reach is not None:  # it only rises
                return reach(_threshold(right), op == ">") if op in (">=", ">") else never
        slope = _slope(left) - _slope(right)
        drifting = [n for n in dict.fromkeys([*named(left), *named(right)]) if self._drift(MeasureRef(n)) != "still"]
        steps = self._steps(drifting)
        if (slope > 0 and op in ("<", "<=")) or (slope < 0 and op in (">", ">=")):  # it moves the other way
            return _first(steps)
        if slope:
            crossing = instants.Crossing(op, slope, self.number(left, machine), self.number(right, machine))
            return _first([crossing, *steps])
        return _first(steps) if _helps(op, self._drift(left), self._drift(right)) else never

    def _steps(self, measures: Sequence[str]) -> list[When]:
        """When time alone changes each of these. Only a score, by its caps, may do so in the middle of a day."""
        return [self.terms.terms[name].next for name in measures if self._slides or self._has_score(name)]

    def _has_score(self, name: str) -> bool:
        measure = self.terms.terms[name].measure
        return measure.kind == "score" or (measure.fallback is not None and self._has_score(measure.fallback))

    def _drift(self, tree: Number) -> Drift:
        match tree:
            case MeasureRef(name):
                return self.terms.terms[name].drift
            case Arith(_, left, right):
                drifts = {self._drift(left), self._drift(right)}
                if drifts == {"still"}:
                    return "still"
                return (
                    "down"
                    if tree.op in "+*/" and self._drift(right) == "still" and drifts <= {"down", "still"}
                    else "any"
                )
            case Fold(_, items):
                found = {self._drift(item) for item in items}
                return "any" if "any" in found else "down" if "down" in found else "still"
        return "still"

    # --- scores ------------------------------------------------------------------------------------------------------

    def _score(self, measure: Measure) -> Term:
        parts = [Part(p.weight, self.number(p.value), p.low, p.high) for p in measure.parts]
        caps = [(self.truth(c.when), c.at) for c in measure.caps]
        steps = [self.terms.terms[name].next for p in measure.parts for name in named(p.value)]
        steps += [
            instants.After([instants.Where(holds, self.ends(cap.when), self.earliest(cap.when))])
            for cap, (holds, _) in zip(measure.caps, caps, strict=True)
        ]
        return Term(measure, Score(parts, caps), instants.First(steps), "any")


def _threshold(constant: Const) -> float:
    """Of a probability; text is no number, and the checker says so."""
    assert not isinstance(constant.value, str)
    return float(constant.value)


def _slope(tree: Number) -> int:
    """How fast time alone moves a value, per ms. The checker lets moving terms stand only under + and -."""
    match tree:
        case Idle() | InState() | Age():
            return 1
        case Until():
            return -1
        case Arith("+", left, right):
            return _slope(left) + _slope(right)
        case Arith("-", left, right):
            return _slope(left) - _slope(right)
    return 0


def _helps(op: CompareOp, left: Drift, right: Drift) -> bool:
    """Whether drift can make a false comparison true: a value that only sinks never reaches a floor."""
    if op in (">=", ">"):
        return left == "any" or right != "still"
    if op in ("<=", "<"):
        return left != "still" or right == "any"
    return True


def _cost(guard: Guard) -> int:
    """Cheap atoms first: they decide most conjunctions."""
    atom = guard.item if isinstance(guard, Not) else guard
    return 0 if isinstance(atom, (StateIn, Reached, SignalHolds)) else 1 if isinstance(atom, Truth) else 2


def _all(items: list[truths.Truth]) -> truths.Truth:
    return items[0] if len(items) == 1 else truths.All(items)


def _first(parts: list[When]) -> When:
    """The first of these; what never comes is left out."""
    coming = [part for part in parts if part is not never]
    return never if not coming else coming[0] if len(coming) == 1 else instants.First(coming)


def _last(parts: list[When]) -> When:
    """The last of these; now where nothing is waited for."""
    if any(part is never for part in parts):
        return never
    return at_once if not parts else parts[0] if len(parts) == 1 else instants.Last(parts)
