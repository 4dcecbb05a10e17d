"""Scores: 0-100, the weighted mean of the parts that are known, each scaled between its ends, below every cap that holds."""

from __future__ import annotations

from typing import Any, Final

from streams.journey.asks import Ask
from streams.journey.gauge import Value
from streams.journey.state import State
from streams.journey.truths import Truth

DIGITS: Final = 3
"""A thousandth of a point moves nobody, and rounding hides in which order a score was added up."""


class Part:
    """`value` counts 0 at `low` and 1 at `high`, of which either may be the greater, and by its weight."""

    def __init__(self, weight: float, value: Ask, low: float, high: float) -> None:
        self.weight = weight
        self.value = value
        self.low = low
        self.high = high


class Score(Ask):
    """`caps`: (condition, the most that the score is while it holds)."""

    def __init__(self, parts: list[Part], caps: list[tuple[Truth, Any]]) -> None:
        self._parts, self._caps = parts, caps

    def of(self, s: State, now: int, today: int) -> Value:
        weight = points = 0.0
        for part in self._parts:
            value = part.value.of(s, now, today)
            if isinstance(value, (int, float)):
                weight += part.weight
                points += part.weight * scaled(value, part.low, part.high)
        if not weight:
            return None
        score: Any = 100.0 * points / weight  # not float: a cap that is whole is published whole
        for holds, at in self._caps:
            if at < score and holds.of(s, now, today):
                score = at
        found: Value = round(score, DIGITS)
        return found


def scaled(value: Any, low: float, high: float) -> float:
    """Where a value stands between low (0) and high (1), clamped."""
    return min(1.0, max(0.0, (float(value) - low) / (high - low)))
