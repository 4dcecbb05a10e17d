"""Fitting: a definition's coefficients learnt from a user's own history, with what they rest on beside them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from schemas.definition.model import Churn, Definition, Kind
from streams.backtest.history import History, activity, churn_measure
from streams.backtest.logistic import falling
from streams.backtest.methods import DECAYS, Counters, Learnt, unweighted
from streams.backtest.months import EPOCH, MIN_DAYS
from streams.backtest.quality import Quality
from streams.journey.calendar import DAY

HORIZON = 90
"""Days; of a definition that has no churn measure yet."""


class Fitted(NamedTuple):
    """What a churn measure is to say. `said` is its `fitted`: figures of the walk-forward refit, never of these rows."""

    kind: Kind
    name: str | None  # of the measure that has it now
    of: str
    churn: Churn

    @property
    def said(self) -> dict[str, float | str]:
        return dict(self.churn.fitted)


def horizon_of(definition: Definition, kind: Kind) -> int:
    """Days of silence that a definition calls churn."""
    measure = churn_measure(definition, kind)
    return HORIZON if measure is None or measure.churn is None else measure.churn.horizon // DAY


def fitted(definition: Definition, history: History, kind: Kind, refit: Quality | None) -> Fitted | None:
    """Coefficients from every month whose horizon is over; None where the history holds too little to learn from."""
    measure = churn_measure(definition, kind)
    horizon, churn = horizon_of(definition, kind), measure.churn if measure is not None else None
    decays = DECAYS if churn is None else tuple(decay for decay, _ in churn.terms)
    learnt = Learnt(history, kind, horizon, Counters(unweighted(horizon, decays)).features, falling)
    last = history.calendar.day(history.end)
    learnt.until(last)
    if not learnt.enough():
        return None
    b = [round(value, 3) for value in learnt.fit()]
    said: dict[str, float | str] = {
        "date": date.fromordinal(last + EPOCH).isoformat(), "rows": len(learnt.churned), "entities": len(learnt.entities),
        "base_rate": round(sum(learnt.churned) / len(learnt.churned), 3),
    }  # fmt: skip
    if refit is not None and refit.brier is not None and refit.slope is not None:
        said |= {
            "auc": round(refit.auc, 3), "average_precision": round(refit.average_precision, 3),
            "brier": round(refit.brier, 3), "slope": round(refit.slope, 2),
        }  # fmt: skip
    terms = tuple(zip(decays, b[1:], strict=True))
    of = (measure.of or "members") if measure is not None else _of(definition, kind)
    return Fitted(
        kind, measure.name if measure else None, of, Churn(horizon * DAY, b[0], terms, MIN_DAYS, tuple(said.items()))
    )  # fmt: skip


def _of(definition: Definition, kind: Kind) -> str:
    return activity(definition) if kind == "user" else "members"
