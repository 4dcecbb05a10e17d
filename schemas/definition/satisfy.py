"""Whether conditions can hold together, as far as it can be proven: an interval a term, and which states and signals.

Terms are taken as independent of one another, so "can" may be too generous (a week with activity is no week of
silence); "cannot" is certain. Everything here reads the typed tree; nothing is sampled or run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import ceil, floor, inf

from schemas.definition import words
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
from schemas.definition.model import EntityDefinition, Measure

MAX_CLAUSES = 512
"""Alternatives that are followed; a guard with more is taken to be satisfiable."""

DAY = 86_400_000
CERTAIN = ("count", "sum", "distinct", "active_days", "active_weeks", "members", "flag")
"""Kinds of measure that always have a value."""

_OPPOSITE: dict[CompareOp, CompareOp] = {">=": "<", ">": "<=", "<=": ">", "<": ">=", "==": "!=", "!=": "=="}

Clause = tuple[Guard, ...]


@dataclass(slots=True)
class Range:
    """What is still possible for one term: from `low` to `high`, each end open or not, some values taken out."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False
    text: str | None = None
    not_in: set[float | str] = field(default_factory=set)

    def take(self, op: CompareOp, value: float | str) -> None:
        """Narrow to the values for which `x op value` holds."""
        if isinstance(value, str):
            self._take_text(op, value)
        elif op == "!=":
            self.not_in.add(value)
        else:
            if op in (">=", ">", "==") and (value, op == ">") > (self.low, self.low_open):
                self.low, self.low_open = value, op == ">"
            if op in ("<=", "<", "==") and (value, op != "<") < (self.high, not self.high_open):
                self.high, self.high_open = value, op == "<"

    def _take_text(self, op: CompareOp, value: str) -> None:
        if op == "!=":
            self.not_in.add(value)
        elif self.text not in (None, value):
            self.low, self.high = inf, -inf
        else:
            self.text = value

    def empty(self) -> bool:
        if self.text is not None:
            return self.text in self.not_in or self.low > self.high
        low, high = self.ends()
        if low > high or (low == high and (self.low_open or self.high_open) and not self.whole):
            return True
        return low == high and low in self.not_in

    def ends(self) -> tuple[float, float]:
        """The least and greatest value; of whole numbers, the whole ones inside open ends."""
        low, high = self.low, self.high
        if self.whole and abs(low) < inf:
            low = floor(low) + 1 if self.low_open else ceil(low)
        if self.whole and abs(high) < inf:
            high = ceil(high) - 1 if self.high_open else floor(high)
        return low, high

    def example(self) -> float | str:
        """A value that is possible."""
        if self.text is not None:
            return self.text
        low, high = self.ends()
        choices = [low, low + 1, high, high - 1, (low + high) / 2, 0.0]
        inside = [x for x in choices if abs(x) != inf and x == x and self._allows(x)]
        return inside[0] if inside else 0.0

    def _allows(self, x: float) -> bool:
        above = x > self.low or (x == self.low and not self.low_open)
        below = x < self.high or (x == self.high and not self.high_open)
        return above and below and x not in self.not_in and (not self.whole or x == int(x))


@dataclass(frozen=True, slots=True)
class World:
    """What is known before any guard is looked at.

    measures  of the entity, by name
    machines  {machine: its states}
    signals   how many there are
    reached   (machine, state) that have certainly been reached
    """

    measures: Mapping[str, Measure]
    machines: Mapping[str, tuple[str, ...]]
    signals: int
    reached: frozenset[tuple[str, str]] = frozenset()


def world(entity: EntityDefinition) -> World:
    machines = {m.name: m.states for m in entity.machines}
    begun = frozenset((name, states[0]) for name, states in machines.items() if states)
    return World({m.name: m for m in entity.measures}, machines, len(entity.signals), begun)


# --- logic -----------------------------------------------------------------------------------------------------------


def positive(guard: Guard, negate: bool = False) -> Guard:
    """The same guard with negations at the atoms only; unknown stays unknown under negation, so this is exact."""
    match guard:
        case Not(item):
            return positive(item, not negate)
        case And(items):
            parts = tuple(positive(item, negate) for item in items)
            return Or(parts) if negate else And(parts)
        case Or(items):
            parts = tuple(positive(item, negate) for item in items)
            return And(parts) if negate else Or(parts)
        case Compare(op, left, right, span):
            return Compare(_OPPOSITE[op], left, right, span) if negate else guard
    return Not(guard) if negate else guard


def clauses(guard: Guard) -> list[Clause] | None:
    """Alternatives, of which each is atoms that must all hold; None where there are too many to follow."""
    match guard:
        case Or(items):
            found: list[Clause] = []
            for item in items:
                below = clauses(item)
                if below is None or len(found) + len(below) > MAX_CLAUSES:
                    return None
                found += below
            return found
        case And(items):
            return _product([clauses(item) for item in items])
    return [(guard,)]


def _product(parts: list[list[Clause] | None]) -> list[Clause] | None:
    size = 1
    for part in parts:
        if part is None:
            return None
        size *= len(part)
    if size > MAX_CLAUSES:
        return None
    known = [part for part in parts if part is not None]
    return [tuple(atom for clause in chosen for atom in clause) for chosen in product(*known)]


def together(guards: Iterable[Guard], known: World) -> dict[str, str] | None:
    """Values with which all these guards hold, in words ({} where none can be given); None if there are none."""
    found = clauses(And(tuple(positive(guard) for guard in guards)))
    if found is None:
        return {}
    for clause in found:
        example = _Clause(known).example(clause)
        if example is not None:
            return example
    return None


def always(guard: Guard, known: World) -> bool:
    """Whether the guard holds whatever happens: it is never unknown, and its opposite cannot be."""
    return _certain(guard, known) and together([Not(guard)], known) is None


# --- one clause ------------------------------------------------------------------------------------------------------


class _Clause:
    """What is left possible for each term while the atoms of one clause are taken in."""

    def __init__(self, known: World) -> None:
        self._world = known
        self._ranges: dict[Number, Range] = {}
        self._truths: dict[tuple[str, ...], bool] = {}
        self._states: dict[str, set[str]] = {}
        self._known: dict[str, bool] = {}

    def example(self, atoms: Clause) -> dict[str, str] | None:
        if not all(self._take(atom) for atom in atoms) or any(r.empty() for r in self._ranges.values()):
            return None
        if any(not self._known.get(name, True) for tree in self._ranges for name in needs(tree)):
            return None
        shown = {words.number(tree): _value(tree, r.example()) for tree, r in self._ranges.items()}
        return shown | {key[-1]: "true" if value else "false" for key, value in self._truths.items() if len(key) == 2}

    def _take(self, atom: Guard) -> bool:
        """Take an atom in; False where it cannot hold beside the others."""
        match atom:
            case Compare(op, left, right):
                return self._compare(op, left, right)
            case Not(item):
                return self._fact(item, False)
        return self._fact(atom, True)

    def _fact(self, atom: Guard, holds: bool) -> bool:
        match atom:
            case Truth(measure):
                return self._knows(measure, True) and self._truth(("measure", measure), holds)
            case SignalHolds(name):
                return self._truth(("signal", name), holds)
            case Known(measure):
                return self._knows(measure, holds)
            case Reached(machine, state):
                certain = (machine, state) in self._world.reached
                return (holds or not certain) and self._truth(("reached", machine, state), holds)
            case StateIn(machine, states):
                return self._state(machine, set(states), holds)
        return True

    def _truth(self, key: tuple[str, ...], holds: bool) -> bool:
        return self._truths.setdefault(key, holds) == holds

    def _knows(self, measure: str, known: bool) -> bool:
        found = self._world.measures.get(measure)
        if found is not None and found.kind in CERTAIN and not known:
            return False
        return self._known.setdefault(measure, known) == known

    def _state(self, machine: str, states: set[str], holds: bool) -> bool:
        left = self._states.setdefault(machine, set(self._world.machines.get(machine, ())))
        self._states[machine] = left & states if holds else left - states
        return bool(self._states[machine])

    def _compare(self, op: CompareOp, left: Number, right: Number) -> bool:
        if isinstance(left, Const) and isinstance(right, Const):
            probe = Range(left.value, left.value) if not isinstance(left.value, str) else Range(text=left.value)
            probe.take(op, right.value)
            return not probe.empty()
        if isinstance(left, Const):
            left, right, op = right, left, MIRROR[op]
        if not all(self._truth(("measure", name), True) for name in self._flags_aged(left, right)):
            return False
        left, right = _shifted(left, right)
        if not isinstance(right, Const):
            left, right = Arith("-", left, right), Const(0.0)
        self._ranges.setdefault(left, domain(left, self._world)).take(op, right.value)
        return True

    def _flags_aged(self, *trees: Number) -> list[str]:
        """Flags whose age is compared: it is unknown while they are not set."""
        measures = self._world.measures
        names = (name for tree in trees for name in ages_of(tree))
        return [name for name in names if name in measures and measures[name].kind == "flag"]


def domain(tree: Number, known: World) -> Range:
    """The values that a term can have at all."""
    match tree:
        case Idle() | InState() | Age():
            return Range(0.0)
        case CountSignals():
            return Range(0.0, known.signals, whole=True)
        case MeasureRef(name) if name in known.measures:
            return _domain_of(known.measures[name])
    return Range()


def _domain_of(measure: Measure) -> Range:
    days = (measure.within or 0) // DAY
    match measure.kind:
        case "count" | "members":
            return Range(0.0, whole=True)
        case "distinct":
            return Range(0.0, measure.cap, whole=True)
        case "active_days":
            return Range(0.0, days, whole=True)
        case "active_weeks":
            return Range(0.0, days // 7, whole=True)
        case "score":
            return Range(0.0, 100.0)
        case "churn":
            return Range(0.0, 1.0)
    return Range()


def _shifted(left: Number, right: Number) -> tuple[Number, Number]:
    """`x + 3 >= 5` as `x >= 2`."""
    while isinstance(right, Const) and isinstance(right.value, float):
        bound = right.value
        match left:
            case Arith("+", inner, Const(float(c))) | Arith("+", Const(float(c)), inner):
                left, right = inner, Const(bound - c)
            case Arith("-", inner, Const(float(c))):
                left, right = inner, Const(bound + c)
            case _:
                break
    return left, right


def _certain(guard: Guard, known: World) -> bool:
    match guard:
        case And(items) | Or(items):
            return all(_certain(item, known) for item in items)
        case Not(item):
            return _certain(item, known)
        case Compare(_, left, right):
            return _always_known(left, known) and _always_known(right, known)
        case Truth(measure):
            return measure in known.measures and known.measures[measure].kind in CERTAIN
    return True


def _always_known(tree: Number, known: World) -> bool:
    match tree:
        case Const() | InState() | CountSignals() | Age("machine"):
            return True
        case MeasureRef(name):
            return name in known.measures and known.measures[name].kind in CERTAIN
        case Arith(op, left, right):
            return op != "/" and _always_known(left, known) and _always_known(right, known)
        case Fold(_, items):
            return all(_always_known(item, known) for item in items)
    return False


# --- words -----------------------------------------------------------------------------------------------------------


def measures_of(tree: Number) -> tuple[str, ...]:
    """The measures that a value needs."""
    match tree:
        case MeasureRef(name) | Until(name) | Age("measure", name):
            return (name,)
        case Arith(_, left, right):
            return (*measures_of(left), *measures_of(right))
        case Fold(_, items):
            return tuple(name for item in items for name in measures_of(item))
    return ()


def needs(tree: Number) -> tuple[str, ...]:
    """What must be known for a value to be known: measures, and `idle`, which is unknown before the first activity."""
    match tree:
        case Idle():
            return ("idle",)
        case Arith(_, left, right):
            return (*needs(left), *needs(right))
        case Fold(_, items):
            return tuple(name for item in items for name in needs(item))
    return measures_of(tree)


def ages_of(tree: Number) -> tuple[str, ...]:
    """The measures whose `age` a value needs."""
    match tree:
        case Age("measure", name):
            return (name,)
        case Arith(_, left, right):
            return (*ages_of(left), *ages_of(right))
        case Fold(_, items):
            return tuple(name for item in items for name in ages_of(item))
    return ()


def _value(tree: Number, value: float | str) -> str:
    if isinstance(value, str):
        return repr(value)
    if isinstance(tree, (Idle, InState, Age, Until)):
        return f"{value / DAY:g}d"
    return f"{value:g}"
