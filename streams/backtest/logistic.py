"""Logistic regression with a handful of coefficients, by Newton's method: exact, and small enough to read."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

STEPS = 50
TOLERANCE = 1e-6
"""After a step this small, Newton's method is right to twelve digits."""

RIDGE = 1e-6
"""Added to the curvature, so that a history whose outcome is all alike still has an answer."""


def fit(features: Sequence[Sequence[float]], churned: Sequence[bool], start: Sequence[float] = ()) -> list[float]:
    """The coefficients [intercept, one a feature] that make the outcomes most likely. `start` is where to begin from."""
    n = len(features[0]) + 1
    b = list(start) or [0.0] * n
    rows = [((1.0, *x), float(y)) for x, y in zip(features, churned, strict=True)]
    for _ in range(STEPS):
        gradient, curvature = _derivatives(rows, b)
        step = solved(curvature, gradient)
        size = max(abs(s) for s in step)
        b = [value + s * min(1.0, 4.0 / size if size else 1.0) for value, s in zip(b, step, strict=True)]
        if size < TOLERANCE:
            break
    return b


def _derivatives(
    rows: Sequence[tuple[tuple[float, ...], float]], b: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    n = len(b)
    gradient = [-RIDGE * value for value in b]
    curvature = [[RIDGE * (i == j) for j in range(n)] for i in range(n)]
    for x, y in rows:
        score = sum(map(float.__mul__, x, b))
        p = 1.0 / (1.0 + exp(-max(-700.0, min(700.0, score))))
        w, rest = p * (1.0 - p), y - p
        for i in range(n):
            gradient[i] += rest * x[i]
            line, wx = curvature[i], w * x[i]
            for j in range(i + 1):
                line[j] += wx * x[j]
    for i in range(n):
        for j in range(i):
            curvature[j][i] = curvature[i][j]
    return gradient, curvature


def solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """x with matrix x = right, by elimination with pivots. The matrix is positive definite, so there is one."""
    n = len(right)
    a = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[pivot] = a[pivot], a[i]
        for r in range(i + 1, n):
            factor = a[r][i] / a[i][i]
            a[r] = [x - factor * y for x, y in zip(a[r], a[i], strict=True)]
    found = [0.0] * n
    for i in reversed(range(n)):
        found[i] = (a[i][n] - sum(a[i][j] * found[j] for j in range(i + 1, n))) / a[i][i]
    return found


def falling(features: Sequence[Sequence[float]], churned: Sequence[bool], start: Sequence[float] = ()) -> list[float]:
    """The same with no weight above 0: one that would be is 0, and the others are fitted without it."""
    kept = list(range(len(features[0])))
    begin = list(start)
    while True:
        found = fit([[x[i] for i in kept] for x in features], churned, begin)
        above = [i for i, weight in zip(kept, found[1:], strict=True) if weight > 0]
        if not above:
            weights = dict(zip(kept, found[1:], strict=True))
            return [found[0], *(weights.get(i, 0.0) for i in range(len(features[0])))]
        kept = [i for i in kept if i not in above]
        begin = []
