"""Terms: for every measure of an entity, its value at an instant and the next instant at which time alone changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from schemas.definition.expression import (
    Age,
    And,
    Arith,
    Compare,
    CountSignals,
    Fold,
    Guard,
    Idle,
    InState,
    Known,
    MeasureRef,
    Not,
    Number,
    Or,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.model import EntityDefinition, Measure
from streams.delivery.contracts import NEVER
from streams.journey.calendar import DAY, Calendar
from streams.journey.churn import ChurnProbability
from streams.journey.measures import Gauge, Value, gauge
from streams.journey.rollup import Rollups, next_change, total
from streams.journey.selections import Reader, Selections
from streams.journey.state import State

Drift = Literal["still", "down", "any"]
"""How time alone moves a value: not at all, only down, or either way."""

Ask = Callable[[State, int, int], Value]
"""(state, now in ms, today) -> the value, None for unknown."""

When = Callable[[State, int, int], int]
"""(state, now in ms, today) -> the next instant in ms at which it changes by itself, NEVER if it does not."""


Reach = Callable[[State, int, int, float, bool], int]
"""(state, now in ms, today, threshold, whether beyond it) -> the first instant at which a value that only rises is there."""


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

    def written(self, name: str) -> str:
        """A measure's value as the source of an expression over `s`, `now` and `today`.

        Of the kinds that a guard asks most often it is spelled out, since a call costs five times what it does.
        """
        i = self.index[name]
        measure, cell = self.terms[name].measure, f"s.cells[{i}]"
        if measure.fallback is not None or measure.since is not None:
            return f"v{i}(s, now, today)"
        match measure.kind:
            case "first":
                return cell
            case "flag":
                return f"({cell} is not None and {cell}[1] is not None)"
            case "count" | "sum" if measure.within is None:
                return f"({cell} or 0)"
            case "latest" if measure.within is None:
                return f"(None if {cell} is None else {cell}[2])"
            case "members" if measure.members is not None and measure.members.active_within is None:
                return f"s.rollups[{self.rollups.index(measure.members)}][0]"
        return f"v{i}(s, now, today)"

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
        own: Gauge = kept
        if measure.since is not None:
            return Term(measure, self._since(measure), _never, "still")

        def value(s: State, now: int, today: int) -> Value:
            return own.value(s.cells[i], today)

        def next_(s: State, now: int, today: int) -> int:
            day = own.changes(s.cells[i], today)
            return NEVER if day is None else calendar.start(day)

        if isinstance(kept, ChurnProbability):
            return Term(measure, value, next_, "any", self._reach(i, kept), self._needs(i, kept))
        if measure.within is None:
            return Term(measure, value, _never, "still")
        drift: Drift = "any" if measure.kind in ("latest", "active_weeks", "sum") else "down"  # a sum of refunds rises
        return Term(measure, value, next_, drift)

    def _reach(self, i: int, kept: ChurnProbability) -> Reach:
        calendar = self.calendar

        def reach(s: State, now: int, today: int, threshold: float, beyond: bool) -> int:
            day = kept.reaches(s.cells[i], today, threshold, beyond)
            return NEVER if day is None else max(now, calendar.start(day))

        return reach

    def _needs(self, i: int, kept: ChurnProbability) -> Needs:
        def needs(s: State, today: int, threshold: float, enough: bool) -> int | None:
            return kept.needs(s.cells[i], today, threshold, enough)

        return needs

    def _since(self, measure: Measure) -> Ask:
        """A count since a flag was last set: its cell is [how often the flag had been set by then, amount]."""
        i, flag = self.index[measure.name], self.index[measure.since or ""]

        def value(s: State, now: int, today: int) -> Value:
            cell, mark = s.cells[i], s.cells[flag]
            return cell[1] if cell is not None and mark is not None and cell[0] == mark[2] else 0

        return value

    def _members(self, measure: Measure) -> Term:
        wanted = measure.members
        assert wanted is not None, f"{measure.name} selects members"
        k, calendar = self.rollups.index(wanted), self.calendar
        days = None if wanted.active_within is None else wanted.active_within // DAY

        def value(s: State, now: int, today: int) -> Value:
            return total(s.rollups[k], None if days is None else today - days)

        def next_(s: State, now: int, today: int) -> int:
            assert days is not None, "only a window slides"
            day = next_change(s.rollups[k], today - days, days)
            return NEVER if day is None else calendar.start(day)

        return Term(measure, value, _never, "still") if days is None else Term(measure, value, next_, "down")


def _never(s: State, now: int, today: int) -> int:
    return NEVER


def _either(first: Term, other: Term) -> Term:
    """`else`: the other measure's value where the first one is unknown."""

    def value(s: State, now: int, today: int) -> Value:
        found = first.value(s, now, today)
        return other.value(s, now, today) if found is None else found

    def next_(s: State, now: int, today: int) -> int:
        return min(first.next(s, now, today), other.next(s, now, today))

    drift: Drift = first.drift if first.drift == other.drift == "still" else "any"
    return Term(first.measure, value, next_, drift)


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


__all__ = ["Ask", "CountSignals", "Drift", "InState", "Term", "Terms", "Update", "When", "named", "uses_idle"]
