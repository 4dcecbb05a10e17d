"""What the names in an expression mean: types, and which names may be used where the expression stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.definition.model import Measure

Type = Literal["number", "duration", "time", "text", "bool", "any", "broken"]
"""Of a value. `any` is a property whose kind nobody has declared: it compares with a number or a text. `broken` is of a
name whose own line is wrong: that has been reported, and expressions that use it say no more."""

WORDS: dict[Type, str] = {
    "number": "a plain number", "duration": "a duration", "time": "a time", "text": "a text",
    "bool": "true or false", "any": "a property",
    "broken": "broken",
}  # fmt: skip
"""The types in a person's words."""

FUNCTIONS = ("known", "reached", "age", "until", "count", "min", "max")


@dataclass(frozen=True, slots=True)
class KnownMeasure:
    """A measure as an expression sees it. `kind` as in the model."""

    kind: str
    type: Type


@dataclass(frozen=True, slots=True)
class Param:
    """A param with its value put in: ms for a duration."""

    value: float
    type: Type


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that one expression may use.

    measures  of the same entity
    machines  those it may read: {name: states}
    own       the machine that the guard belongs to, for `in_state` and `reached`; None outside machines
    own_states  its states
    signals   names that may be used; `count(signals)` where there are any to count
    refused   {name: why it may not be used here}: names that exist, but not for this expression
    """

    params: Mapping[str, Param] = field(default_factory=dict)
    measures: Mapping[str, KnownMeasure] = field(default_factory=dict)
    machines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: str | None = None
    own_states: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    moving: bool = True  # whether `idle` and other durations that run may be used at all

    def names(self) -> tuple[str, ...]:
        """All that may stand as a bare name, for suggestions."""
        own = ("in_state",) if self.own else ()
        return (*self.measures, *self.signals, *self.machines, *self.params, *(("idle", *own) if self.moving else ()))


def measure_type(measure: Measure, declared: Type | None = None) -> Type:
    """The type of a measure's value; `declared` is what `as:` says of a `latest`."""
    match measure.kind:
        case "first":
            return "time"
        case "flag":
            return "bool"
        case "latest":
            return declared or ("time" if measure.as_time else "number" if measure.unit else "any")
    return "number"
