"""Guards at an instant, three-valued: True, False, or None where it is unknown."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.definition import expression as x
from schemas.definition.model import Measure
from tests.model.measures import Past, Value


@dataclass
class Seen:
    """What a guard can see: the past, and the machines as they stand. `machine` is the guard's own."""

    past: Past
    machine: str
    states: dict[str, str]
    since: dict[str, int]
    reached: dict[str, set[str]]
    signals: set[str]


_COMPARE = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def number(e: x.Number, seen: Seen, now: int) -> Value:
    """The value of an expression, None where it is unknown."""
    match e:
        case x.Const():
            return e.value
        case x.MeasureRef(name):
            measure = seen.past.measure(name)
            return _score(measure, seen, now) if measure.kind == "score" else seen.past.value(name, now)
        case x.Idle():
            active = seen.past.last_activity()
            return None if active is None else now - active.t
        case x.InState():
            return now - seen.since[seen.machine]
        case x.Age("machine", name):
            return now - seen.since[name]
        case x.Age(_, name):
            return _less(now, _moment(name, seen, now))
        case x.Until(name):
            ends = seen.past.value(name, now)
            return None if ends is None else float(ends) - now
        case x.CountSignals():
            return len(seen.signals)
        case x.Fold(fn, items):
            values: list[Any] = [number(item, seen, now) for item in items]
            return None if None in values else min(values) if fn == "min" else max(values)
        case x.Arith(op, left, right):
            return _arith(op, number(left, seen, now), number(right, seen, now))
    raise TypeError(f"no number: {e!r}")


def _score(m: Measure, seen: Seen, now: int) -> Value:
    """The weighted mean of the parts that are known, from 0 to 100, and no more than the caps that hold allow."""
    weighed = [(part.weight, number(part.value, seen, now), part.low, part.high) for part in m.parts]
    known = [(w, min(1.0, max(0.0, (float(v) - low) / (high - low)))) for w, v, low, high in weighed if v is not None]
    if not known:
        return None
    score = 100 * sum(w * share for w, share in known) / sum(w for w, _ in known)
    return min([score, *(cap.at for cap in m.caps if holds(cap.when, seen, now))])


def _moment(name: str, seen: Seen, now: int) -> Value:
    """The time that a measure stands for: when a flag that is up was raised, else its value."""
    return seen.past.up_since(name) if seen.past.measure(name).kind == "flag" else seen.past.value(name, now)


def _less(now: int, moment: Value) -> Value:
    return None if moment is None else now - float(moment)


def _arith(op: str, a: Any, b: Any) -> Value:
    if a is None or b is None or (op == "/" and b == 0):
        return None
    found: float = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[op](a, b)
    return found


def holds(g: x.Guard, seen: Seen, now: int) -> bool | None:
    """Whether a guard holds at an instant (ms)."""
    match g:
        case x.Compare(op, left, right):
            return _compared(op, number(left, seen, now), number(right, seen, now))
        case x.Truth(name):
            truth = seen.past.value(name, now)
            return None if truth is None else bool(truth)
        case x.Known(name):
            return seen.past.value(name, now) is not None
        case x.StateIn(machine, states):
            return seen.states[machine] in states
        case x.Reached(machine, state):
            return state in seen.reached[machine]
        case x.SignalHolds(name):
            return name in seen.signals
        case x.And(items):
            return _all([holds(item, seen, now) for item in items])
        case x.Or(items):
            return _not(_all([_not(holds(item, seen, now)) for item in items]))
        case x.Not(item):
            return _not(holds(item, seen, now))
    raise TypeError(f"no guard: {g!r}")


def _compared(op: str, a: Any, b: Any) -> bool | None:
    if a is None or b is None or isinstance(a, str) != isinstance(b, str):
        return None
    return bool(_COMPARE[op](a, b))


def _all(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def comparisons(g: x.Guard) -> Iterator[x.Compare]:
    """Every comparison in a guard."""
    match g:
        case x.Compare():
            yield g
        case x.And(items) | x.Or(items):
            for item in items:
                yield from comparisons(item)
        case x.Not(item):
            yield from comparisons(item)


def moves(e: x.Number) -> bool:
    """Whether an expression changes from one millisecond to the next."""
    match e:
        case x.Idle() | x.InState() | x.Age() | x.Until():
            return True
        case x.Fold(_, items):
            return any(moves(item) for item in items)
        case x.Arith(_, left, right):
            return moves(left) or moves(right)
    return False
