"""Expressions of the definition language as typed values; text is parsed elsewhere, nothing here runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = float | str | bool
CompareOp = Literal[">=", ">", "<=", "<", "==", "!="]

MIRROR: dict[CompareOp, CompareOp] = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "==": "==", "!=": "!="}
"""The comparison that says the same of both sides the other way round."""
ArithOp = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Span:
    """Where it stands in the YAML file: 1-based line and column, and the text itself."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Const:
    """A literal, or a param already put in its place. Durations are milliseconds (`30d` = 2_592_000_000.0)."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class MeasureRef:
    """The value of a measure; a flag measure is a boolean, a `first` measure a time, `latest ... as: time` a time."""

    name: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Milliseconds since the entity's last activity; unknown before the first."""


@dataclass(frozen=True, slots=True)
class InState:
    """Milliseconds since the machine that this guard belongs to entered its current state."""


@dataclass(frozen=True, slots=True)
class Age:
    """`age(x)`: ms since machine x entered its state, flag x was set, or the time that measure x is; else unknown."""

    of: Literal["machine", "measure"]
    name: str


@dataclass(frozen=True, slots=True)
class Until:
    """`until(x)`: milliseconds from now to the time that measure x holds; negative once it has passed."""

    name: str


@dataclass(frozen=True, slots=True)
class CountSignals:
    """`count(signals)`: how many signals of this entity hold."""


@dataclass(frozen=True, slots=True)
class Fold:
    """`min(a, b, ...)` or `max(a, b, ...)`; unknown if any part is."""

    fn: Literal["min", "max"]
    items: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Arith:
    """`left op right`; division by zero is unknown."""

    op: ArithOp
    left: Number
    right: Number


Number = Const | MeasureRef | Idle | InState | Age | Until | CountSignals | Fold | Arith
"""An expression with a number (or a string, for == and !=) as its value; None stands for unknown."""


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`. A chain `a <= b <= c` is parsed into an And of two of these."""

    op: CompareOp
    left: Number
    right: Number
    span: Span


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean measure used as a condition: `contract`."""

    measure: str
    span: Span


@dataclass(frozen=True, slots=True)
class Known:
    """`known(x)`: the measure has a value."""

    measure: str
    span: Span


@dataclass(frozen=True, slots=True)
class StateIn:
    """`stage == a`, `stage != a` (as Not), `stage in [a, b]`: a machine that runs earlier is in one of these states."""

    machine: str
    states: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Reached:
    """`reached(x)`: the guard's own machine (else `stage`) has been in state x since the entity began."""

    machine: str
    state: str
    span: Span


@dataclass(frozen=True, slots=True)
class SignalHolds:
    """A signal by name, in a guard of a machine that runs after the signals."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: Guard


Guard = Compare | Truth | Known | StateIn | Reached | SignalHolds | And | Or | Not
"""A condition. Three-valued (Kleene): true, false, or unknown, which does not fire."""
