"""Guards: conditions of the definition compiled to plain Python functions, and the instant at which each may come true by itself.

Theory of operation. Negations are pushed down to the atoms (three-valued logic keeps unknown under negation, and an
unknown atom is not true either way), so what is left of a guard is `and`, `or` and atoms, all of which only have to say
"true now?". For time the same tree is read again: an atom's `earliest` is now if it is true, else the first instant at
which time alone could make it true; `and` takes the latest of its parts, `or` the earliest. That is never later than
the true instant, and a wake-up that comes too early finds nothing and asks again, so timers are exact to the deadline.

The source is generated from our own typed tree, whose names are indices and whose constants are repr'd: no text of a
user's is ever executed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Any, Final

from schemas.definition.expression import (
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
from schemas.definition.model import EntityDefinition, Measure
from schemas.definition.satisfy import positive
from streams.delivery.contracts import NEVER
from streams.journey.state import State
from streams.journey.terms import Ask, Drift, Term, Terms, When, named


class Guards:
    """The compiler for one kind of entity. `machine` is the index of the machine that a guard belongs to."""

    def __init__(self, terms: Terms, of_today: Guards | None = None) -> None:
        self.terms = terms
        entity = terms.entity
        self._machines = {m.name: n for n, m in enumerate(entity.machines)}
        self._states = {m.name: m.states for m in entity.machines}
        self._signals = {s.name: n for n, s in enumerate(entity.signals)}
        self._slides = of_today is None
        self._space: dict[str, Any] = {"NEVER": NEVER, **_RUNTIME} if of_today is None else of_today._space
        for measure in _scores_last(entity) if of_today is None else ():
            if measure.kind == "score":
                terms.terms[measure.name] = self._score(measure)
            self._space[f"v{terms.index[measure.name]}"] = terms.terms[measure.name].value
            self._space[f"n{terms.index[measure.name]}"] = terms.terms[measure.name].next
            self._space[f"r{terms.index[measure.name]}"] = terms.terms[measure.name].reach

    def today(self) -> Guards:
        """The same compiler for one that wakes every midnight anyway: no instant of it waits for a day to slide."""
        return Guards(self.terms, self)

    def truth(self, guard: Guard, machine: int = 0) -> Ask:
        """A function that says whether the guard holds (True, or something false)."""
        return self._function(self._truth(positive(guard), machine))

    def earliest(self, guard: Guard, machine: int = 0) -> When:
        """A function that says from when, at the earliest, the guard may hold if nothing happens; now if it holds now."""
        return self._function(self._earliest(positive(guard), machine))

    def ends(self, guard: Guard, machine: int = 0) -> When:
        """A function that says from when, at the earliest, a guard that holds now may hold no more."""
        return self._function(self._ends(positive(guard), machine))

    def number(self, tree: Number, machine: int = 0) -> Ask:
        return self._function(self._number(tree, machine))

    def holding(self, guards: Sequence[Guard]) -> Ask:
        """One function for many guards: a bit set of those that hold."""
        parts = [f"({1 << n} if {self._truth(positive(guard), 0)} else 0)" for n, guard in enumerate(guards)]
        return self._function(" | ".join(parts) or "0")

    def flips(self, guards: Sequence[Guard]) -> When:
        """One function for many guards: the first instant after now at which one may flip, given `s.signals` as it is."""
        parts = []
        for n, guard in enumerate(guards):
            rises, falls = self._earliest(positive(guard), 0), self._ends(positive(guard), 0)
            if rises != "NEVER" or falls != "NEVER":
                parts.append(f"({falls} if s.signals & {1 << n} else {rises})")
        return self._function(f"after(now, ({', '.join([*parts, 'NEVER'])}))")

    def soonest(self, rules: Sequence[tuple[Guard, int, str]], machine: int) -> When | None:
        """One function for the rules out of a state, each (guard, hold, its key): the first instant at which time may matter.

        None where time alone never does.
        """
        parts = []
        for guard, hold, key in rules:
            part = self._earliest(positive(guard), machine)
            if hold:
                falls = self._ends(positive(guard), machine)
                part = f"(min(s.holds[{key!r}] + {hold}, {falls}) if {key!r} in s.holds else {part})"
            if part != "NEVER":
                parts.append(part)
        return self._function(f"after(now, ({', '.join(parts)},))") if parts else None

    def _function(self, body: str) -> Callable[[State, int, int], Any]:
        scope: dict[str, Callable[[State, int, int], Any]] = {}
        exec(f"def f(s, now, today): return {body}", self._space, scope)  # generated from a closed set of nodes
        return scope["f"]

    # --- truth -------------------------------------------------------------------------------------------------------

    def _truth(self, guard: Guard, machine: int) -> str:
        match guard:
            case And(items):
                return "(" + " and ".join(self._truth(item, machine) for item in sorted(items, key=_cost)) + ")"
            case Or(items):
                return "(" + " or ".join(self._truth(item, machine) for item in items) + ")"
            case Not(item):
                return self._atom(item, machine, negated=True)
        return self._atom(guard, machine, negated=False)

    def _atom(self, atom: Guard, machine: int, negated: bool) -> str:
        word = "not " if negated else ""
        match atom:
            case Compare(op, left, right):
                return f"({self._compare(op, left, right, machine)})"
            case Truth(measure):
                return f"({self._measure(measure)} is {not negated})"
            case Known(measure):
                return f"({self._measure(measure)} is {'' if negated else 'not '}None)"
            case StateIn(name, states):
                m = self._machines[name]
                return f"(s.states[{m}] {word}in {tuple(self._states[name].index(x) for x in states)!r})"
            case Reached(name, state):
                m = self._machines[name]
                return f"({word}s.reached[{m}] >> {self._states[name].index(state)} & 1)"
            case SignalHolds(name):
                return f"({word}s.signals >> {self._signals[name]} & 1)"
        raise TypeError(f"not an atom: {atom!r}")

    def _compare(self, op: CompareOp, left: Number, right: Number, machine: int) -> str:
        a, b = self._number(left, machine), self._number(right, machine)
        if self._certain(left) and self._certain(right):
            return f"{a} {op} {b}"
        if isinstance(right, Const) and op not in ("==", "!="):  # spelled out: a call costs more than all the rest
            same = "is" if isinstance(right.value, str) else "is not"
            return f"(x := {a}) is not None and x.__class__ {same} str and x {op} {b}"
        return f"{_COMPARERS[op]}({a}, {b})"

    def _certain(self, tree: Number) -> bool:
        """Whether the value is never unknown and always a number."""
        match tree:
            case Const(value):
                return not isinstance(value, str)
            case InState() | CountSignals():
                return True
            case MeasureRef(name):
                measure = self.terms.terms[name].measure
                return measure.kind in ("count", "sum", "distinct", "active_days", "active_weeks", "members")
        return False

    def _number(self, tree: Number, machine: int) -> str:
        match tree:
            case Const(value):
                return repr(value)
            case MeasureRef(name):
                return self._measure(name)
            case Idle():
                return "(now - s.last if s.last >= 0 else None)"
            case InState():
                return f"(now - s.since[{machine}])"
            case Age("machine", name):
                return f"(now - s.since[{self._machines[name]}])"
            case Age("measure", name):
                return f"age({self._moment(name)}, now)"
            case Until(name):
                return f"until({self._measure(name)}, now)"
            case CountSignals():
                return "s.signals.bit_count()"
            case Fold(fn, items):
                return f"least_or_most({fn}, {', '.join(self._number(item, machine) for item in items)})"
            case Arith(op, left, right):
                return f"{_ARITH[op]}({self._number(left, machine)}, {self._number(right, machine)})"
        raise TypeError(f"not a number: {tree!r}")

    def _measure(self, name: str) -> str:
        return self.terms.written(name)

    def _moment(self, name: str) -> str:
        """The instant that `age` counts from: since when a flag holds, or the time that a measure is."""
        i = self.terms.index[name]
        return f"flag_since(s.cells[{i}])" if self.terms.entity.measures[i].kind == "flag" else self._measure(name)

    # --- time --------------------------------------------------------------------------------------------------------

    def _earliest(self, guard: Guard, machine: int) -> str:
        match guard:
            case And(items):
                still = [item for item in items if self._still(item)]
                parts = [self._earliest(item, machine) for item in items if item not in still]
                moving = _join("max", parts) if parts else "now"
                if not still or moving == "NEVER":
                    return moving
                return f"({moving} if {' and '.join(self._truth(item, machine) for item in still)} else NEVER)"
            case Or(items):
                return _join("min", [part for item in items if (part := self._earliest(item, machine)) != "NEVER"])
        since = self._since(guard, machine)
        if since is not None:
            return since
        truth = self._truth(guard, machine)
        later = self._later(guard, machine)
        return f"(now if {truth} else {later})"

    def _since(self, guard: Guard, machine: int) -> str | None:
        """When so much time has passed since an instant: what most guards wait for, said without asking whether it has."""
        match guard:
            case Compare(">=" | ">" as op, InState() | Age("machine") | Idle() as left, Const(int() | float() as wait)):
                begin = "s.last" if isinstance(left, Idle) else self._number(left, machine)[len("(now - ") : -1]
                instant = f"{begin} + {ceil(wait) if op == '>=' else floor(wait) + 1}"
                found = f"(t if (t := {instant}) > now else now)"
                return f"({found} if s.last >= 0 else NEVER)" if isinstance(left, Idle) else found
        return None

    def _ends(self, guard: Guard, machine: int) -> str:
        """When a guard stops being true. Not when its negation comes true: unknown is neither."""
        match guard:
            case And(items) | Or(items):
                parts = [self._ends(item, machine) for item in items]
                if set(parts) == {"NEVER"}:
                    return "NEVER"
                parts = [
                    f"(NEVER if {self._truth(item, machine)} else now)" if part == "NEVER" else part
                    for item, part in zip(items, parts, strict=True)
                ]
                return _join("min" if isinstance(guard, And) else "max", parts)
        later = self._later(positive(guard, negate=True), machine)
        return "NEVER" if later == "NEVER" else f"({later} if {self._truth(guard, machine)} else now)"

    def _still(self, guard: Guard) -> bool:
        """Whether time alone never makes this atom true: asked first, it spares the others."""
        return not isinstance(guard, (And, Or)) and self._later(guard, 0) == "NEVER"

    def _later(self, atom: Guard, machine: int) -> str:
        """When an atom that is not true may come true by time alone."""
        match atom:
            case Compare(op, left, right):
                return self._later_compare(op, left, right, machine)
            case Not(Known(measure)) if self.terms.terms[measure].drift != "still":
                return _join("min", self._steps([measure]))
        return "NEVER"

    def _later_compare(self, op: CompareOp, left: Number, right: Number, machine: int) -> str:
        if isinstance(left, Const) and op in _MIRROR:
            left, right, op = right, left, _MIRROR[op]
        if isinstance(left, MeasureRef) and isinstance(right, Const) and op in _MIRROR and self._only_rises(left):
            there = f"r{self.terms.index[left.name]}(s, now, today, {right.value!r}, {op == '>'})"
            return there if op in (">=", ">") else "NEVER"
        slope = _slope(left) - _slope(right)
        drifting = [n for n in dict.fromkeys([*named(left), *named(right)]) if self._drift(MeasureRef(n)) != "still"]
        steps = self._steps(drifting)
        if (slope > 0 and op in ("<", "<=")) or (slope < 0 and op in (">", ">=")):  # it moves the other way
            return _join("min", steps) if steps else "NEVER"
        if slope:
            crossing = f"crossing({op!r}, {slope}, {self._number(left, machine)}, {self._number(right, machine)}, now)"
            return _join("min", [crossing, *steps])
        if not steps or not _helps(op, self._drift(left), self._drift(right)):
            return "NEVER"
        return _join("min", steps)

    def _steps(self, measures: Sequence[str]) -> list[str]:
        """When time alone changes each of these. Only a score, by its caps, may do so in the middle of a day."""
        asked = [name for name in measures if self._slides or self._has_score(name)]
        return [f"n{self.terms.index[name]}(s, now, today)" for name in asked]

    def _has_score(self, name: str) -> bool:
        measure = self.terms.terms[name].measure
        return measure.kind == "score" or (measure.fallback is not None and self._has_score(measure.fallback))

    def _only_rises(self, measure: MeasureRef) -> bool:
        return self.terms.terms[measure.name].reach is not None

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
        """0-100: the weighted mean of the parts that are known, each scaled between its ends, below every cap that holds."""
        parts = [(p.weight, self.number(p.value), p.low, p.high) for p in measure.parts]
        caps = [(self.truth(c.when), c.at) for c in measure.caps]
        steps = [self.terms.terms[name].next for p in measure.parts for name in named(p.value)]
        steps += [_flips(self, c.when) for c in measure.caps]

        def value(s: State, now: int, today: int) -> float | None:
            asked = [(w, ask(s, now, today), low, high) for w, ask, low, high in parts]
            found = [(w, scaled(v, low, high)) for w, v, low, high in asked if isinstance(v, (int, float))]
            weight = sum(w for w, _ in found)
            if not weight:
                return None
            score = 100.0 * sum(w * x for w, x in found) / weight
            return round(min([score, *(at for holds, at in caps if holds(s, now, today))]), 3)

        def next_(s: State, now: int, today: int) -> int:
            return min((step(s, now, today) for step in steps), default=NEVER)

        return Term(measure, value, next_, "any")


def scaled(value: Any, low: float, high: float) -> float:
    """Where a value stands between low (0) and high (1), clamped; low may be the greater of the two."""
    return min(1.0, max(0.0, (float(value) - low) / (high - low)))


def _scores_last(entity: EntityDefinition) -> list[Measure]:
    return sorted(entity.measures, key=lambda m: m.kind == "score")


def _flips(guards: Guards, guard: Guard) -> When:
    """The next instant at which a condition may change in either direction."""
    holds, rises, falls = guards.truth(guard), guards.earliest(guard), guards.ends(guard)

    def flips(s: State, now: int, today: int) -> int:
        found = falls(s, now, today) if holds(s, now, today) else rises(s, now, today)
        return found if found > now else NEVER

    return flips


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


def _join(fn: str, parts: list[str]) -> str:
    if not parts or (fn == "max" and "NEVER" in parts):
        return "NEVER"
    return parts[0] if len(parts) == 1 else f"{fn}({', '.join(parts)})"


# --- what generated code calls: unknown in, unknown (or not true) out --------------------------------------------------


def _crossing(op: str, slope: int, left: Any, right: Any, now: int) -> int:
    """When `left op right`, false now, comes true while left - right moves by `slope` a ms."""
    if left is None or right is None:
        return NEVER
    gap = left - right  # both are numbers: the checker lets nothing else meet a moving term
    if slope < 0:
        gap, slope = -gap, -slope
        op = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}.get(op, op)
    if op in ("<=", "<", "!=") or gap > 0:
        return now + 1 if op == "!=" else NEVER
    wait = -int(gap // slope)  # rounded up: the first whole ms at which gap >= 0
    return int(now + wait + (1 if op == ">" and gap + wait * slope <= 0 else 0))


def _same_kind(a: Any, b: Any) -> bool:
    return a is not None and b is not None and isinstance(a, str) == isinstance(b, str)


def _number(value: Any) -> Any:
    """A number that is one: text where a number should be, and what no 64 bits hold, are unknown."""
    return value if isinstance(value, (int, float)) and -NEVER < value < NEVER else None


def _arithmetic(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Unknown of unknown. What an event says is of any type and size, so every side is looked at."""

    def apply(a: Any, b: Any) -> Any:
        a, b = _number(a), _number(b)
        return None if a is None or b is None else _number(fn(a, b))

    return apply


def _least_or_most(fn: Callable[..., Any], *items: Any) -> Any:
    found = [_number(item) for item in items]
    return None if None in found else fn(found)


def _after(now: int, instants: tuple[int, ...]) -> int:
    """The earliest of these that is later than now."""
    soonest = NEVER
    for instant in instants:
        if now < instant < soonest:
            soonest = instant
    return soonest


_RUNTIME: dict[str, Any] = {
    "after": _after,
    "crossing": _crossing,
    "age": lambda since, now: None if since is None else now - since,
    "until": lambda at, now: None if at is None else at - now,
    "flag_since": lambda cell: None if cell is None else cell[1],
    "least_or_most": _least_or_most,
    "add": _arithmetic(operator.add),
    "sub": _arithmetic(operator.sub),
    "mul": _arithmetic(operator.mul),
    "div": _arithmetic(lambda a, b: a / b if b else None),
    "ge": lambda a, b: _same_kind(a, b) and a >= b,
    "gt": lambda a, b: _same_kind(a, b) and a > b,
    "le": lambda a, b: _same_kind(a, b) and a <= b,
    "lt": lambda a, b: _same_kind(a, b) and a < b,
    "eq": lambda a, b: a is not None and b is not None and a == b,
    "ne": lambda a, b: a is not None and b is not None and a != b,
}
_COMPARERS: dict[CompareOp, str] = {">=": "ge", ">": "gt", "<=": "le", "<": "lt", "==": "eq", "!=": "ne"}
_MIRROR: dict[CompareOp, CompareOp] = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
_ARITH: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
