"""Transitions that can never win: an earlier one out of the same state holds whenever they hold.

Proven, as everything the checker says: the later condition and "the earlier one does not hold" have no values in
common. That an earlier one may be unknown while the later one holds is among those values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.definition.expression import (
    And,
    Arith,
    Compare,
    Fold,
    Guard,
    Known,
    Not,
    Number,
    Or,
    Span,
    Truth,
)  # fmt: skip
from schemas.definition.model import Machine, Rule
from schemas.definition.satisfy import World, ages_of, needs, positive, together

ALWAYS = And(())


def implies(first: Guard, then: Guard, known: World) -> bool:
    """Whether `then` certainly holds whenever `first` does; False where that cannot be proven."""
    return together([first, untrue(then, known)], known) is None


def untrue(guard: Guard, known: World) -> Guard:
    """A condition that holds exactly where this one does not: where it is false, and where it is unknown."""
    return _untrue(positive(guard), known)


def _untrue(guard: Guard, known: World) -> Guard:
    match guard:
        case And(items):
            return Or(tuple(_untrue(item, known) for item in items))
        case Or(items):
            return And(tuple(_untrue(item, known) for item in items))
        case Compare(_, left, right, span):
            return Or((Not(guard), *_unknown(left, span, known), *_unknown(right, span, known)))
        case Truth(measure, span):
            return Or((Not(guard), Not(Known(measure, span))))
        case Not(Truth(measure, span) as inner):
            return Or((inner, Not(Known(measure, span))))
        case Not(inner):
            return inner
    return Not(guard)


def _unknown(tree: Number, span: Span, known: World) -> tuple[Guard, ...]:
    """The ways in which a value can be unknown."""
    flags = [n for n in ages_of(tree) if n in known.measures and known.measures[n].kind == "flag"]
    ways: list[Guard] = [Not(Truth(name, span)) for name in flags]
    ways += [Not(Known(name, span)) for name in needs(tree) if name not in flags]
    return (*ways, *((ALWAYS,) if _divides(tree) else ()))


def _divides(tree: Number) -> bool:
    match tree:
        case Arith(op, left, right):
            return op == "/" or _divides(left) or _divides(right)
        case Fold(_, items):
            return any(_divides(item) for item in items)
    return False


Pair = tuple[Rule, Rule]
"""A transition, and an earlier one that always wins over it."""


def shadowed(machine: Machine, inside: Callable[[str], World]) -> Iterator[Pair]:
    """Transitions that never win in any state they lead out of. `inside(state)`: what is known there."""
    for n, rule in enumerate(machine.rules):
        winners = [_winner(rule, machine.rules[:n], state, inside(state)) for state in rule.from_states]
        if all(winners) and winners[0] is not None:
            yield rule, winners[0]


def _winner(rule: Rule, earlier: tuple[Rule, ...], state: str, known: World) -> Rule | None:
    """An earlier rule that holds at least as long whenever this one holds, and must itself be able to fire."""
    for other in earlier:
        if state in other.from_states and other.hold <= rule.hold and implies(rule.when, other.when, known):
            return other
    return None
