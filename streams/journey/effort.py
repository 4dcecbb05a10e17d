"""Effort: what it takes of people until a condition comes true. Little where somebody can act, much where only time or a rule does.

Of several ways the one of least effort is told. Each level is a hundred of the one below, so that a whole list of what
somebody can do is still less than one thing that nobody can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.definition.expression import (
    Age,
    Arith,
    Compare,
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
    Reached,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.model import Measure

ACT: Final = 1
"""Somebody does something: what is counted goes up, a flag turns, a silence ends."""

VALUE: Final = 100
"""Somebody says otherwise: nobody sells fewer seats so that an alert ends."""

TIME: Final = 10_000
"""Nobody can, but it happens: what a window counts falls, a wait goes on."""

STATE: Final = 1_000_000
"""A machine moves, or a signal ends: that is a rule's doing, and what is behind the rule has to come first."""

NEVER: Final = 100_000_000
"""What is known is not forgotten because somebody acts, what was reached stays reached, a wait does not run backwards."""


def effort_of(atom: Guard, measures: Mapping[str, Measure], above: bool) -> int:
    """Of a condition that does not hold; `above`: whether a comparison's left side is more than its right one."""
    match atom:
        case Compare(op, left, right):
            if op == "!=":
                return min(_moving(left, right, True, measures), _moving(left, right, False, measures))
            return _moving(left, right, op in (">=", ">") or (op == "==" and not above), measures)
        case Known():
            return ACT
        case Not(Known() | Reached()):
            return NEVER
        case Truth(name) | Not(Truth(name)):
            return ACT if measures[name].kind == "flag" else VALUE
    return STATE


def _moving(left: Number, right: Number, up: bool, measures: Mapping[str, Measure]) -> int:
    """The left side goes up (or down), or the right one the other way."""
    return min(_going(left, up, measures), _going(right, not up, measures))


def _going(tree: Number, up: bool, measures: Mapping[str, Measure]) -> int:
    """A value goes up or down by the part of it that is moved most easily; factors are taken to be positive."""
    match tree:
        case MeasureRef(name):
            return _counting(measures[name].kind, up)
        case Arith(op, left, right):
            return min(_going(left, up, measures), _going(right, up == (op in ("+", "*")), measures))
        case Fold(_, items):
            return min(_going(item, up, measures) for item in items)
        case Idle():
            return TIME if up else ACT
        case InState() | Age("machine"):
            return TIME if up else NEVER
        case Age():
            return TIME
        case Until():
            return VALUE if up else TIME
        case CountSignals():
            return STATE
        case Const():
            return NEVER
    raise TypeError(f"not a number: {tree!r}")


def _counting(kind: str, up: bool) -> int:
    """A measure by its kind. A score follows what it is made of, either way; a probability of churn falls by activity."""
    if kind in ("latest", "first"):
        return VALUE
    return ACT if up == (kind != "churn") or kind == "score" else TIME
