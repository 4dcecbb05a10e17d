"""Expressions as trees: every part of one, itself first."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.definition.expression import And, Arith, Compare, Fold, Guard, Not, Number, Or


def parts(tree: Guard | Number) -> Iterator[Guard | Number]:
    """The tree and everything below it."""
    yield tree
    match tree:
        case And(items) | Or(items):
            for item in items:
                yield from parts(item)
        case Not(item):
            yield from parts(item)
        case Compare(_, left, right) | Arith(_, left, right):
            yield from parts(left)
            yield from parts(right)
        case Fold(_, below):
            for value in below:
                yield from parts(value)
