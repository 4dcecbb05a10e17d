"""A whole backtest: volume first, then what the alerts were worth, how good the probabilities are, growth, and leaks.

Shapes: everything is plain JSON. Shares and probabilities are from 0 to 1, rates per entity-year at risk, times in days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.definition.model import Definition, Kind
from streams.backtest.alerts import CHURN, Happened, Raised
from streams.backtest.episodes import YEAR, Exposure, Span, ended, exposure, scored_span, worth
from streams.backtest.fitting import Fitted, fitted, horizon_of
from streams.backtest.growth import growth
from streams.backtest.history import History, churn_measure
from streams.backtest.leakage import Leak, alert_leaks, score_leaks
from streams.backtest.methods import Method, methods
from streams.backtest.months import ENOUGH_USERS, EPOCH, Row, cutoffs, months, rows
from streams.backtest.quality import Quality, quality
from streams.backtest.volume import volume

REFIT = "refitted"
"""The method whose quality is that of fitted coefficients: it never saw the rows it is scored on."""

Run = Callable[[int | None], Happened]
"""Runs a definition over the input, time ending at an instant (ms) or the last event."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is backtested: a definition, its input as activity, and a way to run it."""

    definition: Definition
    history: History
    run: Run

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return ("user", "account") if self.definition.account is not None else ("user",)

    @property
    def first(self) -> int:
        """The day that alerts are counted from: the first cut-off, or the first event of a history too small for any."""
        cuts = cutoffs(self.history, horizon_of(self.definition, "user"))
        begin = min((a.times[0] for a in self.history.users.values()), default=self.history.end)
        return cuts[0] if cuts else self.history.calendar.day(begin)

    @property
    def last(self) -> int:
        return self.history.calendar.day(self.history.end)

    @property
    def half(self) -> int:
        """The day that the second half begins: what was chosen on the first is worth there what it will be worth."""
        return (self.first + self.last) // 2


@dataclass(frozen=True, slots=True)
class Backtest:
    """`told` is the report as JSON; `leaks` must be empty for any of it to be believed."""

    told: dict[str, Any]
    leaks: list[Leak]
    found: list[Fitted]


def backtest(subject: Subject, extra: Sequence[tuple[Kind, Method]] = ()) -> Backtest:
    """Everything about one definition on one history. `extra`: methods to compare besides, by kind."""
    happened = subject.run(None)
    half = subject.history.calendar.start(subject.half)
    leaks = alert_leaks(happened.alerts, lambda until: subject.run(until).alerts, half, subject.half)
    told = {
        "definition": subject.definition.name, "version": subject.definition.version, "digest": subject.definition.digest,
        "from": day_text(subject.first), "half": day_text(subject.half), "to": day_text(subject.last),
        **judged(subject, happened),
    }  # fmt: skip
    told["months"], found = {}, []
    for kind in subject.kinds:
        more = [method for wanted, method in extra if wanted == kind]
        told["months"][kind], best, leaky = _months(subject, kind, more)
        leaks += leaky
        one = fitted(subject.definition, subject.history, kind, best)
        found += [one] if one is not None else []
    told["growth"] = {kind: _growth(subject, kind) for kind in subject.kinds}
    told["leaks"] = [leak._asdict() | {"day": day_text(leak.day)} for leak in leaks]
    return Backtest(told, leaks, found)


def judged(subject: Subject, happened: Happened) -> dict[str, Any]:
    """Volume, then worth, of every alert rule: over all days, and over the second half. `info` foretells no churn."""
    volumes: dict[str, Any] = {}
    worths: dict[str, Any] = {}
    for kind in subject.kinds:
        horizon, active = horizon_of(subject.definition, kind), subject.history.of(kind)
        spans = {
            "all": scored_span(subject.first, subject.last, horizon),
            "second_half": scored_span(subject.half, subject.last, horizon),
        }
        exposed = {name: exposure(active, span, horizon) for name, span in spans.items()}
        rules = [rule for rule in subject.definition.alerts if rule.kind == kind]
        names = [rule.name for rule in rules]
        mine = {name: [a for a in happened.alerts if a.name == name] for name in names}
        volumes[kind] = _volumes(subject, kind, mine, horizon)
        worths[kind] = {"horizon_days": horizon, "base_rate": _rounded(exposed["all"].base_rate)}
        telling = [rule.name for rule in rules if rule.severity != "info"]
        worths[kind]["rules"] = {
            name: {part: _worth(subject, kind, mine[name], exposed[part], spans[part], horizon) for part in spans}
            for name in telling
        }
        if CHURN in _stages(subject.definition, kind):
            left, calendar = [one for one in happened.left if one.kind == kind], subject.history.calendar
            worths[kind]["stage"] = {
                name: _plain(ended(mine[name], left, spans["all"], horizon, calendar)._asdict()) for name in telling
            }
    return {"volume": volumes, "alerts": worths}


def _stages(definition: Definition, kind: Kind) -> tuple[str, ...]:
    entity = definition.user if kind == "user" else definition.account
    return entity.machines[0].states if entity is not None else ()


def _volumes(subject: Subject, kind: Kind, mine: dict[str, list[Raised]], horizon: int) -> dict[str, Any]:
    """Over every day, the last ones too: whether an alert was right need not be known to count it."""
    calendar, last = subject.history.calendar, subject.last
    whole = exposure(subject.history.of(kind), Span(subject.first, last + 1, last), horizon)
    weeks, begin, end = whole.years * YEAR / 7, calendar.start(subject.first), calendar.start(last + 1)
    groups = {**mine, **({"all": [a for found in mine.values() for a in found]} if len(mine) > 1 else {})}
    return {
        "entities": whole.entities, "entity_weeks": round(weeks),
        "rules": {name: _plain(volume(found, weeks, begin, end)._asdict()) for name, found in groups.items()},
    }  # fmt: skip


def _worth(
    subject: Subject, kind: Kind, alerts: list[Raised], exposed: Exposure, span: Span, horizon: int
) -> dict[str, Any]:  # fmt: skip
    found = worth(alerts, subject.history.of(kind), exposed, span, horizon, subject.history.calendar)
    return _plain(found._asdict())


def _months(subject: Subject, kind: Kind, more: Sequence[Method]) -> tuple[dict[str, Any], Quality | None, list[Leak]]:
    """The month-end task: every method on the rows where the fitted ones have a score."""
    horizon, measure = horizon_of(subject.definition, kind), churn_measure(subject.definition, kind)
    cuts = cutoffs(subject.history, horizon)
    compared = [*methods(kind, horizon, measure.churn if measure is not None else None), *more]
    scores = {method.name: method.scores(subject.history, cuts) for method in compared}
    asked = [r for r in rows(subject.history, kind, cuts, horizon) if (r.cutoff, r.entity) in scores[REFIT]]
    told: dict[str, Any] = _counted(asked)
    if not asked:
        told["why"] = f"too little history: it takes {ENOUGH_USERS} users in a year, and some months of churn before"
        return told, None, []
    leaks = [leak for m in compared for leak in score_leaks(m, subject.history, scores[m.name], cuts)]
    qualities = {m.name: _quality(asked, scores[m.name], m.probable) for m in compared}
    told["methods"] = {name: _quality_told(found) for name, found in qualities.items()}
    return told, qualities[REFIT], leaks


def _counted(asked: Sequence[Row]) -> dict[str, Any]:
    churned = sum(row.churned for row in asked)
    return {
        "rows": len(asked), "entities": len({row.entity for row in asked}), "cutoffs": len({row.cutoff for row in asked}),
        "base_rate": _rounded(churned / len(asked)) if asked else None,
    }  # fmt: skip


def _quality(asked: Sequence[Row], scores: dict[tuple[int, str], float], probable: bool) -> Quality | None:
    scored = [(scores[r.cutoff, r.entity], r.churned) for r in asked if (r.cutoff, r.entity) in scores]
    return quality(scored, scored if probable else None)


def _quality_told(found: Quality | None) -> dict[str, Any] | None:
    if found is None:
        return None
    told = _plain(found._asdict())
    told["table"] = [[round(p, 4), round(share, 4), n] for p, share, n in found.table]
    return told


def _growth(subject: Subject, kind: Kind) -> list[dict[str, Any]]:
    starts = months(subject.history)
    found = growth(subject.history.of(kind), starts)
    return [{**row._asdict(), "start": day_text(row.start), "conserved": row.conserved} for row in found]


def day_text(day: int) -> str:
    return date.fromordinal(day + EPOCH).isoformat()


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value) for name, value in found.items()}


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
