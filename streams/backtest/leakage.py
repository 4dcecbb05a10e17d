"""Leakage: scores and alerts worked out again from a history that ends at the instant they were given for.

Whatever changes then has looked ahead, and nothing it claims can be trusted: a backtest with a leak is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from streams.backtest.alerts import Raised
from streams.backtest.history import History
from streams.backtest.methods import Method, Scores

TOLERANCE = 1e-6
"""What two fits of the same rows may differ by; a day looked ahead moves a score by a hundredth."""

LOOKS = 4
"""Cut-offs at which scores are worked out again, spread over the history: a leak is in every one of them."""


class Leak(NamedTuple):
    """Something that was said earlier than it could be known."""

    what: str
    entity: str
    day: int
    said: str
    known: str


def score_leaks(method: Method, history: History, scores: Scores, cuts: Sequence[int]) -> list[Leak]:
    """Scores of a method that its history up to the cut-off does not bear out."""
    found = []
    for cutoff in spread(cuts, LOOKS):
        again = method.scores(history.before(cutoff), [cutoff])
        said = {entity: score for (day, entity), score in scores.items() if day == cutoff}
        known = {entity: score for (_, entity), score in again.items()}
        for entity in sorted(said.keys() | known.keys()):
            a, b = said.get(entity), known.get(entity)
            if a is None or b is None or abs(a - b) > TOLERANCE:
                found.append(Leak(method.name, entity, cutoff, _shown(a), _shown(b)))
    return found


def alert_leaks(
    raised: Sequence[Raised], again: Callable[[int], Sequence[Raised]], at: int, day: int
) -> list[Leak]:  # fmt: skip
    """Alerts opened before an instant that a run which ends there does not open, or opens besides.

    `again(end)` runs the history up to the last millisecond before the instant `at`.
    """
    said = {(a.name, a.entity, a.opened) for a in raised if a.opened < at}
    known = {(a.name, a.entity, a.opened) for a in again(at - 1) if a.opened < at}
    found = [Leak(name, entity, day, f"opened at {opened}", "not") for name, entity, opened in sorted(said - known)]
    return found + [
        Leak(name, entity, day, "not", f"opened at {opened}") for name, entity, opened in sorted(known - said)
    ]


def spread(days: Sequence[int], n: int) -> list[int]:
    """At most n of these, evenly, the last among them."""
    if len(days) <= n:
        return list(days)
    return [days[(i + 1) * len(days) // n - 1] for i in range(n)]


def _shown(score: float | None) -> str:
    return "no score" if score is None else f"{score:.6g}"
