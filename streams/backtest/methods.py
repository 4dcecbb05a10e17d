"""Ways to say how likely an entity is gone, each scored on the same rows: silence, the definition's measure, a refit.

A method is given a history and the cut-offs to score, in order; it may look at nothing on or after a cut-off, and a fitted
one learns from earlier cut-offs whose outcome was known by then. `leakage` holds every method to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log1p
from typing import NamedTuple

from schemas.definition.model import Churn, Kind
from streams.backtest.history import Activity, History
from streams.backtest.logistic import falling, fit
from streams.backtest.months import Row, asked, months, rows
from streams.journey.calendar import DAY
from streams.journey.churn import FLOOR, ChurnProbability, logistic

DECAYS = (30.0, 120.0)
"""Days; what a definition without a churn measure is fitted with. A month and a season: see decisions/0006."""

ENOUGH = 15
"""Rows of either outcome before anything is fitted: five for each of three coefficients."""

Fitter = Callable[[Sequence[Sequence[float]], Sequence[bool], Sequence[float]], list[float]]

Scores = dict[tuple[int, str], float]
"""{(cut-off, entity): score}"""

Features = Callable[[str, Activity, int], list[float]]
"""(entity, its activity, a cut-off) -> what is known of it before that day."""


class Method(NamedTuple):
    """`scores(history, cut-offs)`; `probable`: whether its scores are probabilities."""

    name: str
    scores: Callable[[History, Sequence[int]], Scores]
    probable: bool


class Counters:
    """The cells of a churn measure, moved along day by day: the same gauge that the engine keeps."""

    def __init__(self, churn: Churn) -> None:
        self.gauge = ChurnProbability(churn)
        self._cells: dict[str, tuple[int, list[float | int | None] | None]] = {}

    def cell(self, entity: str, a: Activity, cutoff: int) -> list[float | int | None] | None:
        """Its cell when a day begins; quickest asked in the order of days."""
        n, cell = self._cells.get(entity, (0, None))
        if n and a.days[n - 1] >= cutoff:
            n, cell = 0, None
        while n < len(a.days) and a.days[n] < cutoff:
            cell = self.gauge.hit(cell, a.days[n], 0, 1)
            n += 1
        self._cells[entity] = (n, cell)
        return cell

    def features(self, entity: str, a: Activity, cutoff: int) -> list[float]:
        """The logarithms that the weights are for."""
        return [log(count + FLOOR) for count in self.gauge.counts(self.cell(entity, a, cutoff), cutoff - 1)]


def unweighted(horizon: int, decays: Sequence[float] = DECAYS) -> Churn:
    """A churn measure that only counts. `horizon` in days."""
    return Churn(horizon * DAY, 0.0, tuple((decay, 0.0) for decay in decays))


def silence(history: History, a: Activity, cutoff: int) -> float:
    """Days since the last event."""
    at = history.calendar.start(cutoff)
    return next((at - t) / DAY for t in reversed(a.times) if t < at)


def methods(kind: Kind, horizon: int, churn: Churn | None) -> list[Method]:
    """What a backtest compares; with the definition's own coefficients where it has some."""
    decays = DECAYS if churn is None else tuple(decay for decay, _ in churn.terms)
    found = [
        Method("silence", lambda h, cuts: _silences(h, kind, cuts, horizon), False),
        Method("silence (Platt)", lambda h, cuts: walk(h, kind, horizon, cuts, _silent(h), fit), True),
        Method("refitted", lambda h, cuts: walk(h, kind, horizon, cuts, _counted(horizon, decays)), True),
    ]
    if churn is not None:
        found.append(Method("definition", lambda h, cuts: _probabilities(h, kind, cuts, horizon, churn), True))
    return found


def _silent(history: History) -> Features:
    return lambda entity, a, cutoff: [log1p(silence(history, a, cutoff))]


def _counted(horizon: int, decays: Sequence[float]) -> Features:
    return Counters(unweighted(horizon, decays)).features


def _silences(history: History, kind: Kind, cuts: Sequence[int], horizon: int) -> Scores:
    return {(c, key): silence(history, a, c) for c in cuts for key, a in _asked(history, kind, c, horizon)}


def _probabilities(history: History, kind: Kind, cuts: Sequence[int], horizon: int, churn: Churn) -> Scores:
    counters = Counters(churn)
    found = {}
    for c in cuts:
        for key, a in _asked(history, kind, c, horizon):
            value = counters.gauge.value(counters.cell(key, a, c), c - 1)
            assert value is not None, "who is asked about has been active"
            found[c, key] = value
    return found


def _asked(history: History, kind: Kind, cutoff: int, horizon: int) -> list[tuple[str, Activity]]:
    at = history.calendar.start(cutoff)
    return [(key, a) for key, a in history.of(kind).items() if asked(kind, a, cutoff, at, horizon)]


def walk(
    history: History, kind: Kind, horizon: int, cuts: Sequence[int], features: Features, fitter: Fitter = falling
) -> Scores:
    """Fit anew at each cut-off on those at least a horizon before it. No score where too little was known yet."""
    learnt = Learnt(history, kind, horizon, features, fitter)
    found: Scores = {}
    for cutoff in cuts:
        learnt.until(cutoff)
        if learnt.enough():
            b = learnt.fit()
            for key, x in learnt.at(cutoff):
                found[cutoff, key] = logistic(b[0] + sum(map(float.__mul__, b[1:], x)))
    return found


class Learnt:
    """The rows whose outcome is known, growing with time, and the coefficients that fit them."""

    def __init__(self, history: History, kind: Kind, horizon: int, features: Features, fitter: Fitter) -> None:
        self._fitter = fitter
        self._history, self._kind, self._horizon, self._features = history, kind, horizon, features
        self._months = months(history)
        self._known: dict[int, list[tuple[str, list[float]]]] = {}
        self._b: list[float] = []
        self.x: list[list[float]] = []
        self.churned: list[bool] = []
        self.entities: set[str] = set()

    def at(self, cutoff: int) -> list[tuple[str, list[float]]]:
        """Who is asked about at a cut-off, with features; worked out once."""
        if cutoff not in self._known:
            who = _asked(self._history, self._kind, cutoff, self._horizon)
            self._known[cutoff] = [(key, self._features(key, a, cutoff)) for key, a in who]
        return self._known[cutoff]

    def until(self, cutoff: int) -> None:
        """Take in every month whose horizon is over when the cut-off begins."""
        while self._months and self._months[0] + self._horizon <= cutoff:
            month = self._months.pop(0)
            outcome = {row.entity: row.churned for row in self._rows(month)}
            for key, x in self.at(month):
                self.x.append(x)
                self.churned.append(outcome[key])
                self.entities.add(key)

    def _rows(self, month: int) -> list[Row]:
        return rows(self._history, self._kind, [month], self._horizon)

    def enough(self) -> bool:
        churned = sum(self.churned)
        return ENOUGH <= churned <= len(self.churned) - ENOUGH

    def fit(self) -> list[float]:
        """The coefficients; where the last fit ended is where this one begins."""
        self._b = self._fitter(self.x, self.churned, self._b)
        return self._b
