"""Terms: for every measure of an entity, its value at an instant and the next instant at which time alone changes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from schemas.definition.expression import (
    Age,
    And,
    Arith,
    Compare,
    Fold,
    Guard,
    Idle,
    Known,
    MeasureRef,
    Not,
    Number,
    Or,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.model import EntityDefinition, Measure
from streams.journey.asks import Ask, Else, OfCell, OfMembers, SinceFlag
from streams.journey.calendar import DAY, Calendar
from streams.journey.churn import ChurnProbability
from streams.journey.instants import CellSlides, First, MemberSlides, Reaches, When, never
from streams.journey.measures import Gauge, gauge
from streams.journey.rollup import Rollups
from streams.journey.selections import Reader, Selections
from streams.journey.state import State

Drift = Literal["still", "down", "any"]
"""How time alone moves a value: not at all, only down, or either way."""

Reach = Callable[[float, bool], When]
"""(threshold, whether beyond it) -> when a value that only rises is there."""


Needs = Callable[[State, int, float, bool], int | None]
"""(state, today, threshold, whether at it is enough) -> how many more active days in a row bring a value below it."""


class Term(NamedTuple):
    """One measure, ready to be asked. `reach` and `needs`: of one that only rises by itself and falls by active days."""

    measure: Measure
    value: Ask
    next: When
    drift: Drift
    reach: Reach | None = None
    needs: Needs | None = None


class Update:
    """What one selection does to one measure: `value` is what is counted, or where in the hit's values it stands."""

    __slots__ = ("gauge", "number", "numeric", "path", "since", "value")

    def __init__(
        self, number: int, gauge: Gauge, value: Any, path: int | None, numeric: bool, since: int | None
    ) -> None:
        self.number = number
        self.gauge = gauge
        self.value = value
        self.path = path
        self.numeric = numeric
        self.since = since


class Terms:
    """All measures of one kind of entity. `score` terms are added by the guards' compiler, which knows conditions."""

    def __init__(self, entity: EntityDefinition, selections: Selections, reader: Reader, calendar: Calendar) -> None:
        self.entity = entity
        self.calendar = calendar
        self.rollups = Rollups(entity)
        self.index = {m.name: i for i, m in enumerate(entity.measures)}
        self.gauges: list[Gauge | None] = [
            None if m.kind in ("members", "score") else gauge(m) for m in entity.measures
        ]
        self.terms: dict[str, Term] = {}
        self.by_activity = [
            (self.index[m.name], kept)
            for m in entity.measures
            if m.kind == "churn" and m.of is None and (kept := self.gauges[self.index[m.name]]) is not None
        ]
        """Measures that count a member's active days, for accounts."""
        self._updates = self._by_selection(selections, reader)
        self._memo: dict[int, list[Update]] = {}
        for measure in entity.measures:
            if measure.kind != "score":
                self.terms[measure.name] = self._term(measure)

    def updates(self, bits: int) -> list[Update]:
        """What a hit of these selections does, flags first (a count since a flag starts again with the event that sets it)."""
        found = self._memo.get(bits)
        if found is None:
            found = [update for bit, update in self._updates if bits & bit]
            cleared = {
                update.number for update in found if update.value is False
            }  # which wins over setting the same flag
            found = [update for update in found if not (update.value is True and update.number in cleared)]
            self._memo[bits] = found
        return found

    def _by_selection(self, selections: Selections, reader: Reader) -> list[tuple[int, Update]]:
        rows: list[tuple[int, Update]] = []
        for measure in sorted(self.entity.measures, key=lambda m: m.kind != "flag"):
            i = self.index[measure.name]
            kept = self.gauges[i]
            if kept is None:
                continue
            path = reader.paths.index(measure.path) if measure.path else None
            since = self.index[measure.since] if measure.since else None
            numeric = measure.kind == "sum"
            if measure.kind == "flag":
                for names, value in ((measure.sets, True), (measure.clear, False)):
                    rows += [(selections.bit(name), Update(i, kept, value, path, numeric, since)) for name in names]
            elif measure.of is not None:
                rows.append((selections.bit(measure.of), Update(i, kept, 1, path, numeric, since)))
        return rows

    def _term(self, measure: Measure) -> Term:
        term = self._members(measure) if measure.members is not None else self._own(measure)
        if measure.fallback is None:
            return term
        other = next(m for m in self.entity.measures if m.name == measure.fallback)
        return _either(term, self._term(other))

    def _own(self, measure: Measure) -> Term:
        i, calendar = self.index[measure.name], self.calendar
        kept = self.gauges[i]
        assert kept is not None, f"{measure.name} has a gauge"
        if measure.since is not None:
            return Term(measure, SinceFlag(i, self.index[measure.since]), never, "still")
        value, slides = OfCell(i, kept), CellSlides(i, kept, calendar)
        if isinstance(kept, ChurnProbability):
            reach = partial(Reaches, i, kept, calendar)
            return Term(measure, value, slides, "any", reach, self._needs(i, kept))
        if measure.within is None:
            return Term(measure, value, never, "still")
        drift: Drift = "any" if measure.kind in ("latest", "active_weeks", "sum") else "down"  # a sum of refunds rises
        return Term(measure, value, slides, drift)

    def _needs(self, i: int, kept: ChurnProbability) -> Needs:
        def needs(s: State, today: int, threshold: float, enough: bool) -> int | None:
            return kept.needs(s.cells[i], today, threshold, enough)

        return needs

    def _members(self, measure: Measure) -> Term:
        wanted = measure.members
        assert wanted is not None, f"{measure.name} selects members"
        k = self.rollups.index(wanted)
        if wanted.active_within is None:
            return Term(measure, OfMembers(k, None), never, "still")
        days = wanted.active_within // DAY
        return Term(measure, OfMembers(k, days), MemberSlides(k, days, self.calendar), "down")


def _either(first: Term, other: Term) -> Term:
    """`else`: the other measure's value where the first one is unknown."""
    drift: Drift = first.drift if first.drift == other.drift == "still" else "any"
    return Term(first.measure, Else(first.value, other.value), First([first.next, other.next]), drift)


def named(tree: Number | Guard) -> list[str]:
    """The measures that an expression names itself, in order, each once."""
    match tree:
        case MeasureRef(name) | Until(name) | Age("measure", name):
            return [name]
        case Truth(measure) | Known(measure):
            return [measure]
        case Arith(_, left, right) | Compare(_, left, right):
            return list(dict.fromkeys([*named(left), *named(right)]))
        case Fold(_, items):
            return list(dict.fromkeys(n for item in items for n in named(item)))
        case And(items) | Or(items):
            return list(dict.fromkeys(n for item in items for n in named(item)))
        case Not(item):
            return named(item)
    return []


def uses_idle(tree: Number | Guard) -> bool:
    """Whether an expression looks at `idle`, whose evidence is the newest activity."""
    match tree:
        case Idle():
            return True
        case Compare(_, left, right) | Arith(_, left, right):
            return uses_idle(left) or uses_idle(right)
        case And(items) | Or(items):
            return any(uses_idle(item) for item in items)
        case Not(item):
            return uses_idle(item)
    return False
