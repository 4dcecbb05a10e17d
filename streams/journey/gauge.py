"""Gauge: what a kind of measure must be able to do with its cell. The kinds are in measures.py and churn.py."""

from __future__ import annotations

from typing import Any

Cell = Any
Value = float | int | str | bool | None


class Gauge:
    """How one measure keeps its cell. `day` is the event's day, `today` the day at which it is asked.

    A base class and no protocol: compiled, a method of a known class is called at a tenth of the cost.
    """

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        """The cell with an event counted in; the very same object only where no value of the measure changes by it."""
        raise NotImplementedError

    def value(self, cell: Cell, today: int) -> Value:
        raise NotImplementedError

    def changes(self, cell: Cell, today: int) -> int | None:
        """The next day on which the value changes although nothing happens; None if it does not."""
        raise NotImplementedError

    def merge(self, a: Cell, b: Cell) -> Cell:
        """The cell of both histories together. `a` is the survivor's, whose word counts where both say something at once."""
        raise NotImplementedError
