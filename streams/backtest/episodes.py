"""What alerts were worth: precision, recall of churn episodes, lead time, flaps and false alerts per entity and year.

An entity is at risk from its third active day on, while its silence is shorter than the horizon; a silence that reaches
the horizon is a churn episode. An alert is right when the horizon's days after the day it opened are silent. It flaps when
it resolves within four weeks because there was activity. Its lead is what was left of the horizon when it opened.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from streams.backtest.alerts import Left, Raised
from streams.backtest.history import Activity
from streams.backtest.months import MIN_DAYS
from streams.journey.calendar import DAY, Calendar

FLAP_DAYS = 28
"""An alert that activity ends within four weeks was not worth raising."""

YEAR = 365.25


class Span(NamedTuple):
    """Days looked at: from `first` to before `end`. `last`: the day of the last event known."""

    first: int
    end: int
    last: int


class Exposure(NamedTuple):
    """How many entity-days were at risk, how many of them began a silent horizon, and how many episodes ended in the span."""

    days: int
    silent: int
    episodes: list[tuple[str, int, int]]  # (entity, last active day, churn day)
    entities: int

    @property
    def years(self) -> float:
        return self.days / YEAR

    @property
    def base_rate(self) -> float:
        return self.silent / self.days if self.days else 0.0


class Worth(NamedTuple):
    """Of one alert rule over a span. Rates are per entity-year at risk; None where there is nothing to divide by."""

    alerts: int
    precision: float | None
    lift: float | None
    recall: float | None
    episodes: int
    lead_days: float | None
    flaps: float | None
    false_alerts: float | None
    years: float


def scored_span(first: int, last: int, horizon: int) -> Span:
    """The days whose alerts can be judged: a horizon must follow each of them."""
    return Span(first, last - horizon + 1, last)


def exposure(active: dict[str, Activity], span: Span, horizon: int) -> Exposure:
    days = silent = entities = 0
    episodes: list[tuple[str, int, int]] = []
    for key, a in active.items():
        before = days
        for day, following in _stays(a, span.last):
            end = min(following, day + horizon, span.last + 1)
            days += max(0, min(end, span.end) - max(day, span.first))
            silent += max(0, min(end, following - horizon, span.end) - max(day, span.first))
            if following > day + horizon and span.first <= day + horizon < span.end:
                episodes.append((key, day, day + horizon))
        entities += days > before
    return Exposure(days, silent, episodes, entities)


def _stays(a: Activity, last: int) -> list[tuple[int, int]]:
    """(active day, the next one) from the third active day on; after the last, a day that nobody knows yet."""
    following = [*a.days[1:], last + 1_000_000]
    return list(zip(a.days, following, strict=True))[MIN_DAYS - 1 :]


def worth(
    alerts: Sequence[Raised], active: dict[str, Activity], exposed: Exposure, span: Span, horizon: int,
    calendar: Calendar,
) -> Worth:  # fmt: skip
    """What the alerts of one rule that opened within a span were worth."""
    judged = [(a, calendar.day(a.opened)) for a in alerts]
    judged = [(a, day) for a, day in judged if span.first <= day < span.end]
    right = [(a, day) for a, day in judged if a.entity in active and _silent_after(active[a.entity], day, horizon)]
    leads = [lead for a, day in judged if (lead := _lead(active.get(a.entity), day, horizon)) is not None]
    flaps = sum(_flaps(a, day, active.get(a.entity), calendar) for a, day in judged)
    caught = _caught(alerts, exposed.episodes, calendar)
    precision = len(right) / len(judged) if judged else None
    return Worth(
        alerts=len(judged), precision=precision,
        lift=precision / exposed.base_rate if precision is not None and exposed.base_rate else None,
        recall=caught / len(exposed.episodes) if exposed.episodes else None, episodes=len(exposed.episodes),
        lead_days=sum(leads) / len(leads) if leads else None,
        flaps=flaps / exposed.years if exposed.days else None,
        false_alerts=(len(judged) - len(right)) / exposed.years if exposed.days else None, years=exposed.years,
    )  # fmt: skip


class Ended(NamedTuple):
    """How a rule's alerts foretold the stage `churn`: share of alerts that it followed within the horizon, share of its
    entries that an alert preceded, entries, and days from the alert to it.
    """

    precision: float | None
    recall: float | None
    left: int
    lead_days: float | None


def ended(alerts: Sequence[Raised], left: Sequence[Left], span: Span, horizon: int, calendar: Calendar) -> Ended:
    """Of one rule over a span: who was in the stage `churn` at most a horizon after an alert opened."""
    leaving: dict[str, list[int]] = {}
    for one in sorted(left, key=lambda one: one.at):
        leaving.setdefault(one.entity, []).append(one.at)
    opened = [a for a in alerts if span.first <= calendar.day(a.opened) < span.end]
    leads = [lead for a in opened if (lead := _to_leaving(a, leaving.get(a.entity, []), horizon)) is not None]
    due = [(one.entity, one.at) for one in left if span.first <= calendar.day(one.at) < span.end]
    warned = sum(any(a.entity == entity and 0 < at - a.opened <= horizon * DAY for a in alerts) for entity, at in due)
    return Ended(
        precision=len(leads) / len(opened) if opened else None, recall=warned / len(due) if due else None, left=len(due),
        lead_days=sum(leads) / len(leads) if leads else None,
    )  # fmt: skip


def _to_leaving(alert: Raised, at: list[int], horizon: int) -> float | None:
    """Days from an alert to the next time that its entity left, within the horizon."""
    n = bisect_right(at, alert.opened)
    return (at[n] - alert.opened) / DAY if n < len(at) and at[n] <= alert.opened + horizon * DAY else None


def _silent_after(a: Activity, day: int, horizon: int) -> bool:
    n = bisect_right(a.days, day)
    return n == len(a.days) or a.days[n] > day + horizon


def _lead(a: Activity | None, day: int, horizon: int) -> int | None:
    """Days from an alert to the churn that its silence ends in; None where it ends in activity."""
    n = bisect_right(a.days, day) if a is not None else 0
    if a is None or not n or (n < len(a.days) and a.days[n] <= a.days[n - 1] + horizon):
        return None
    return max(0, a.days[n - 1] + horizon - day)


def _flaps(alert: Raised, day: int, a: Activity | None, calendar: Calendar) -> bool:
    """Whether activity ended it soon."""
    if a is None or alert.resolved is None or calendar.day(alert.resolved) > day + FLAP_DAYS:
        return False
    n = bisect_right(a.times, alert.opened)
    return n < len(a.times) and a.times[n] <= alert.resolved


def _caught(alerts: Sequence[Raised], episodes: list[tuple[str, int, int]], calendar: Calendar) -> int:
    """Episodes during whose silence an alert was open before it was too late."""
    by_entity: dict[str, list[Raised]] = {}
    for alert in alerts:
        by_entity.setdefault(alert.entity, []).append(alert)
    return sum(
        any(
            calendar.day(a.opened) < churned and (a.resolved is None or calendar.day(a.resolved) > last)
            for a in by_entity.get(entity, ())
        )
        for entity, last, churned in episodes
    )
