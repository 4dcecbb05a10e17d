"""What the board needs to know of the definition: whose levels, which acts count, what makes up the health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.definition.expression import Arith, Const, Fold, MeasureRef, Number
from schemas.definition.model import Definition, Kind, Measure, ScorePart, Selection
from sinks.clickhouse.board.people import LevelRules
from sinks.clickhouse.board.seen import Seen, Where


class Part(NamedTuple):
    """One part of a score: its share of the weights that are known (0 to 1), its value, how far it is from low to high."""

    name: str
    share: float | None
    value: float | None
    points: float | None


SILENT_BELOW = 1_000
"""Events a day from which on a day without any is said aloud; own choice: a small product's quiet Sunday is no silence."""


class Matched(NamedTuple):
    """What a selection matched: a day's mean of the week before, and the last 24 hours."""

    selection: str
    before: float
    last_day: int

    @property
    def silent(self) -> bool:
        """Whether it stopped: thousands a day before, and nothing since."""
        return self.last_day == 0 and self.before >= SILENT_BELOW


@dataclass(frozen=True)
class Subject:
    """A definition as the board reads it."""

    definition: Definition
    levels: LevelRules
    seen: Seen

    @staticmethod
    def of(definition: Definition) -> Subject:
        levels = LevelRules.of(definition.levels.patterns if definition.levels else ())
        return Subject(definition, levels, seen(definition.selections[definition.user.activity]))

    def states(self, kind: str, machine: str) -> tuple[str, ...]:
        """A machine's states in the definition's order; empty where there is none."""
        entity = self.definition.user if kind == "user" else self.definition.account
        found = (m.states for m in entity.machines if m.name == machine) if entity else ()
        return next(iter(found), ())

    def machines(self, kind: Kind) -> list[str]:
        entity = self.definition.user if kind == "user" else self.definition.account
        return [machine.name for machine in entity.machines] if entity else []

    def attributes(self) -> list[str]:
        """What accounts carry that can be a text: traits, and the latest of what events say where that is no time or amount."""
        account = self.definition.account
        measures = {measure.name: measure for measure in self._measures("account")}
        found = ((name, measures.get(name)) for name in (account.carry if account else ()))
        return [name for name, m in found if m is None or (m.kind == "latest" and not m.as_time and m.unit is None)]

    def churn(self, kind: str) -> str:
        """The name of the published measure that is a churn probability; "" where there is none."""
        return next((m.name for m in self._measures(kind) if m.kind == "churn" and m.publish), "")

    def parts(self, measures: Mapping[str, Any]) -> list[Part]:
        """What an account's health is made of, from its published measures; empty where it has no such score."""
        score = next((m for m in self._measures("account") if m.name == "health" and m.kind == "score"), None)
        if score is None:
            return []
        values = [worth(part.value, measures) for part in score.parts]
        known = sum(part.weight for part, value in zip(score.parts, values, strict=True) if value is not None)
        return [_part(part, value, known) for part, value in zip(score.parts, values, strict=True)]

    def looking_inside(self) -> dict[str, Seen]:
        """The selections with a `where`, which a kind of event alone does not decide."""
        return {one.name: seen(one) for one in self.definition.selections.values() if one.where}

    def matched(self, kinds: Iterable[Mapping[str, Any]], inside: Mapping[str, Mapping[str, Any]]) -> list[Matched]:
        """Every selection with what it matched, in the definition's order. `kinds`: counts by kind of event; `inside`: those
        of the selections that look inside."""
        rows = list(kinds)
        return [
            Matched(one.name, inside[one.name]["before"], inside[one.name]["last_day"])
            if one.where
            else matched(one, rows)
            for one in self.definition.selections.values()
        ]

    def _measures(self, kind: str) -> tuple[Measure, ...]:
        entity = self.definition.user if kind == "user" else self.definition.account
        return entity.measures if entity else ()


def seen(selection: Selection) -> Seen:
    """A selection as what ClickHouse can be asked for."""
    where = tuple(
        Where("traits" if one.path[0] == "traits" else "properties", one.path[1:], one.op, one.value)
        for one in selection.where
    )
    return Seen(selection.names, selection.types, selection.actors, selection.places, where)


def matched(selection: Selection, rows: Iterable[Mapping[str, Any]]) -> Matched:
    """What a selection without a `where` matched, counted from events by kind."""
    columns = (
        ("name", selection.names),
        ("type", selection.types),
        ("actor", selection.actors),
        ("place", selection.places),
    )
    chosen = [row for row in rows if all(not wanted or row[column] in wanted for column, wanted in columns)]
    return Matched(selection.name, sum(row["before"] for row in chosen), sum(row["last_day"] for row in chosen))


def worth(number: Number, measures: Mapping[str, Any]) -> float | None:
    """A number of the definition over published measures; None where a measure is unknown or not published."""
    match number:
        case Const(float() | int() as value):
            return float(value)
        case MeasureRef(name):
            found = measures.get(name)
            return float(found) if isinstance(found, (int, float)) else None
        case Arith(op, left, right):
            return _arith(op, worth(left, measures), worth(right, measures))
        case Fold(fn, items):
            values = [worth(item, measures) for item in items]
            known = [value for value in values if value is not None]
            return None if len(known) < len(values) else (min if fn == "min" else max)(known)
    return None


def _arith(op: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (op == "/" and right == 0):
        return None
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else 0.0}[op]


def _part(part: ScorePart, value: float | None, known: float) -> Part:
    if value is None:
        return Part(part.name, None, None, None)
    reach = (value - part.low) / (part.high - part.low)
    return Part(part.name, part.weight / known, value, 100 * min(1.0, max(0.0, reach)))
