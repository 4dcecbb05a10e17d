"""Touch: which changes of a state may make a guard hold. A guard that nothing touched, and whose time has not come, is not asked.

Bit n stands for the n-th measure; above them stand the newest activity, the signals, the states of machines, and time:
every guard has that bit, and only ALL touches it, since the instants at which time alone matters are deadlines (see guards).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from schemas.definition.expression import (
    Age,
    And,
    Arith,
    Compare,
    Const,
    CountSignals,
    Fold,
    Guard,
    Idle,
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
from schemas.definition.model import EntityDefinition
from schemas.definition.satisfy import positive

ALL: Final = -1
"""Everything: of a state that was just loaded, and of one in which a guard was held back."""


class Touch:
    """What the guards of one kind of entity look at."""

    def __init__(self, entity: EntityDefinition) -> None:
        self._measures = {m.name: m for m in entity.measures}
        self._index = {m.name: n for n, m in enumerate(entity.measures)}
        bits = (1 << len(entity.measures) + n for n in range(4))
        self.activity, self.signals, self.states, self._time = bits

    def rises(self, guard: Guard) -> int:
        """What may make a guard true that is not."""
        return self._guard(positive(guard)) | self._time

    def flips(self, guard: Guard) -> int:
        """What may make it true, or true no longer."""
        return self.rises(guard) | self._guard(positive(guard, negate=True))

    def _guard(self, guard: Guard) -> int:
        match guard:
            case And(items) | Or(items):
                return self._all(self._guard(item) for item in items)
            case Not(item):
                return self._guard(item)
            case Compare(">=" | ">", Idle(), Const(value)) if not isinstance(value, str) and value > 0:
                return 0  # activity only makes it false
            case Compare(_, left, right):
                return self._number(left) | self._number(right)
            case Truth(name) | Known(name):
                return self._measure(name)
            case SignalHolds():
                return self.signals
            case StateIn() | Reached():
                return self.states
        raise TypeError(f"not a guard: {guard!r}")

    def _number(self, tree: Number) -> int:
        match tree:
            case MeasureRef(name) | Until(name) | Age("measure", name):
                return self._measure(name)
            case Idle():
                return self.activity
            case CountSignals():
                return self.signals
            case Age():
                return self.states
            case Arith(_, left, right):
                return self._number(left) | self._number(right)
            case Fold(_, items):
                return self._all(self._number(item) for item in items)
        return 0  # constants, and how long this machine has been in its state

    def _measure(self, name: str) -> int:
        """A measure with all that its value is made of; what lies below a score may move it either way."""
        measure = self._measures[name]
        found = 1 << self._index[name]
        for other in (measure.fallback, measure.since):
            found |= self._measure(other) if other is not None else 0
        found |= self._all(self._number(part.value) for part in measure.parts)
        if measure.caps:
            found |= self.activity | self._all(self._guard(cap.when) for cap in measure.caps)
        return found

    @staticmethod
    def _all(masks: Iterable[int]) -> int:
        return reduce(or_, masks, 0)
