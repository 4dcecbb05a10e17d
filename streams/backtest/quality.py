"""How good scores are: whether they rank right (AUC, average precision, top tenth) and mean what they say (Brier, slope)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, log
from typing import NamedTuple

from streams.backtest.logistic import fit

Scored = Sequence[tuple[float, bool]]
"""(score, churned): the higher the score, the likelier."""

TOP = 0.1
"""The share that a team would get round to."""

_EDGE = 1e-6


class Quality(NamedTuple):
    """Of one method on one set of rows. Brier, slope and table are None for scores that are no probabilities."""

    rows: int
    base_rate: float
    auc: float
    average_precision: float
    precision_top: float
    lift: float
    brier: float | None = None
    slope: float | None = None
    table: tuple[tuple[float, float, int], ...] = ()


def quality(scored: Scored, probabilities: Scored | None = None) -> Quality | None:
    """None where one of the two outcomes never happened: then nothing can be ranked."""
    churned = sum(y for _, y in scored)
    if not churned or churned == len(scored):
        return None
    base, top = churned / len(scored), _top(scored)
    found = Quality(len(scored), base, auc(scored), average_precision(scored), top, top / base)
    if probabilities is None:
        return found
    return found._replace(
        brier=brier(probabilities), slope=calibration_slope(probabilities), table=calibration_table(probabilities)
    )


def auc(scored: Scored) -> float:
    """The chance that one who churned has the higher score than one who did not; a tie is half."""
    ordered = sorted(scored)
    positives = sum(y for _, y in ordered)
    ranks, i = 0.0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        ranks += (i + j + 1) / 2 * sum(y for _, y in ordered[i:j])
        i = j
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(ordered) - positives))


def average_precision(scored: Scored) -> float:
    """Precision at each threshold, weighted by the recall that the threshold adds; equal scores share a threshold."""
    ordered = sorted(scored, reverse=True)
    positives = sum(y for _, y in ordered)
    total, hits, before = 0.0, 0, 0
    for n, (score, y) in enumerate(ordered, 1):
        hits += y
        if n == len(ordered) or ordered[n][0] != score:
            total += (hits - before) / positives * hits / n
            before = hits
    return total


def _top(scored: Scored) -> float:
    """Precision in the highest tenth, rounded up. Of equal scores the first rows count: nothing tells them apart."""
    n = ceil(TOP * len(scored))
    best = sorted(scored, key=lambda row: -row[0])[:n]
    return sum(y for _, y in best) / n


def brier(scored: Scored) -> float:
    """Mean squared distance between probability and outcome: 0 is perfect, base * (1 - base) is knowing nothing."""
    return sum((p - y) ** 2 for p, y in scored) / len(scored)


def calibration_slope(scored: Scored) -> float:
    """1 where probabilities are spread right; below, they are too sure of themselves."""
    odds = [[log(q / (1 - q))] for p, _ in scored for q in [min(1 - _EDGE, max(_EDGE, p))]]
    return fit(odds, [y for _, y in scored])[1]


def calibration_table(scored: Scored, parts: int = 10) -> tuple[tuple[float, float, int], ...]:
    """(mean probability, share that churned, rows) for rows of equal number, by probability."""
    ordered = sorted(scored)
    edges = [round(n * len(ordered) / parts) for n in range(parts + 1)]
    groups = [ordered[a:b] for a, b in pairwise(edges) if b > a]
    return tuple((sum(p for p, _ in g) / len(g), sum(y for _, y in g) / len(g), len(g)) for g in groups)
