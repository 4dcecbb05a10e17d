"""What to do about a condition that cannot hold, or always does: the smallest part that is to blame, in its author's words."""

from __future__ import annotations

from math import inf

from schemas.definition import words
from schemas.definition.expression import And, Compare, Const, Guard, Known, Not, Or
from schemas.definition.satisfy import World, clauses, domain, positive, together


def never(guard: Guard, known: World) -> str:
    """What makes a condition impossible: one term that is out of reach, or those that exclude each other."""
    found = clauses(positive(guard)) or []
    core = _core(found[0], known) if found else ()
    words = [f"`{words_of(atom)}`" for atom in core]
    if len(core) == 1:
        return f"{words[0]} is out of reach{_reach(core[0], known)}"
    if not core:
        return "Take a part out until something is left that can hold"
    return f"{', '.join(words[:-1])} and {words[-1]} exclude each other: drop one, or say `or`"


def _core(clause: tuple[Guard, ...], known: World) -> tuple[Guard, ...]:
    """The fewest atoms, in file order, that cannot hold together."""
    core = list(dict.fromkeys(clause))
    for atom in list(core):
        rest = [other for other in core if other is not atom]
        if rest and together([And(tuple(rest))], known) is None:
            core = rest
    return tuple(core)


def _reach(atom: Guard, known: World) -> str:
    """What the term of a comparison can be at all."""
    if not isinstance(atom, Compare):
        return f": {_certain(atom)}"
    term = atom.right if isinstance(atom.left, Const) else atom.left
    low, high = domain(term, known).ends()
    if abs(low) == inf and abs(high) == inf:
        return ""
    if abs(high) == inf:
        return f": {words.number(term)} is never below {low:g}"
    return f": {words.number(term)} is {low:g} to {high:g}"


def _certain(atom: Guard) -> str:
    match atom:
        case Not(Known(measure)):
            return f"{measure} always has a value"
    return "it was so from the beginning"


def always(guard: Guard) -> str:
    """What to do about a condition that holds whatever happens."""
    match positive(guard):
        case Known(measure):
            return f"{measure} always has a value: compare it instead, as in `{measure} >= 1`"
    return "Ask for something that may be false, or leave the rule out"


def words_of(atom: Guard) -> str:
    """An atom as it stands in the file; one whose negation was pushed down to it says so."""
    match atom:
        case Not(inner):
            return f"not {words_of(inner)}"
        case And() | Or():
            return "a part of it"
        case Compare(op):
            return atom.span.text if op in atom.span.text else words.condition(atom)
    return atom.span.text
