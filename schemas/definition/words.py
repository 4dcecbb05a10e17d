"""Expressions in words, as their author would write them: the inverse of the parser, with params put in."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from schemas.definition.expression import (
    Age,
    And,
    Arith,
    Compare,
    Const,
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
    Reached,
    SignalHolds,
    StateIn,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.model import Measure, MemberFilter, Rule, ScoreCap, ScorePart, Selection

_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}


def number(tree: Number) -> str:
    """A value: `activated / (seats + 1)`, `idle - 1d`."""
    match tree:
        case Const(value):
            return (
                f"{value:.15g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
            )
        case MeasureRef(name):
            return name
        case Idle():
            return "idle"
        case InState():
            return "in_state"
        case Age(_, name):
            return f"age({name})"
        case Until(name):
            return f"until({name})"
        case CountSignals():
            return "count(signals)"
        case Fold(fn, items):
            return f"{fn}({', '.join(number(item) for item in items)})"
        case Arith(op, left, right):
            return f"{_operand(tree, left)} {op} {_operand(tree, right)}"
    raise TypeError(f"not a number: {tree!r}")


def _operand(outer: Arith, inner: Number) -> str:
    """One side of an operation: in brackets where it needs them, a duration as a duration."""
    if isinstance(inner, Const) and isinstance(inner.value, float) and outer.op in "+-" and is_duration(outer):
        return duration(inner.value)
    if not isinstance(inner, Arith):
        return number(inner)
    same = inner is outer.right and outer.op in "-/"
    return f"({number(inner)})" if _BINDS[inner.op] < _BINDS[outer.op] + same else number(inner)


def is_duration(tree: Number) -> bool:
    """Whether a value is one that runs: its constants are durations."""
    match tree:
        case Idle() | InState() | Age() | Until():
            return True
        case Arith(_, left, right):
            return is_duration(left) or is_duration(right)
        case Fold(_, items):
            return any(is_duration(item) for item in items)
    return False


def duration(ms: float) -> str:
    """A duration as the language writes it: 14d, 36h, 90s; 0d for none."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m")):
        if ms % size == 0:
            return f"{ms / size:.15g}{unit}"
    return f"{ms / 1000:.15g}s"


def condition(guard: Guard) -> str:
    """A guard: `idle >= 14d and (n >= 3 or contract)`."""
    match guard:
        case And(items):
            return " and ".join(f"({condition(i)})" if isinstance(i, Or) else condition(i) for i in items)
        case Or(items):
            return " or ".join(condition(item) for item in items)
        case Not(item):
            return (
                f"not ({condition(item)})"
                if isinstance(item, (And, Or, Compare, StateIn))
                else f"not {condition(item)}"
            )
        case Compare(op, left, right):
            lasts = is_duration(left) or is_duration(right)
            return f"{_side(left, lasts)} {op} {_side(right, lasts)}"
        case Known(name):
            return f"known({name})"
        case Truth(name) | SignalHolds(name):
            return name
        case StateIn(machine, (state,)):
            return f"{machine} == {state}"
        case StateIn(machine, states):
            return f"{machine} in [{', '.join(states)}]"
        case Reached(_, state):
            return f"reached({state})"
    raise TypeError(f"not a condition: {guard!r}")


def _side(tree: Number, lasts: bool) -> str:
    return duration(tree.value) if lasts and isinstance(tree, Const) and isinstance(tree.value, float) else number(tree)


def atoms(guard: Guard) -> list[Guard]:
    """The single conditions of a guard, in file order; a negation belongs to what it negates."""
    if isinstance(guard, (And, Or)):
        return [atom for item in guard.items for atom in atoms(item)]
    return [guard]


def rule(one: Rule) -> str:
    """A transition: `healthy -> watch when idle >= 14d`."""
    held = f", held for {duration(one.hold)}" if one.hold else ""
    label = f", label {one.label}" if one.label else ""
    return f"{', '.join(one.from_states)} -> {one.to} when {condition(one.when)}{held}{label}"


def measure(one: Measure) -> str:
    """A measure: `count of core within 7d`."""
    parts: list[str] = [one.kind]
    parts += [".".join(one.path)] if one.path else []
    parts += [f"of {one.of}"] if one.of and one.kind != "flag" else []
    parts += [f"set {', '.join(one.sets)}"] if one.sets else []
    parts += [f"clear {', '.join(one.clear)}"] if one.clear else []
    parts += [f"within {duration(one.within)}"] if one.within is not None else []
    parts += [f"since {one.since}"] if one.since else []
    parts += [f"cap {one.cap}"] if one.kind == "distinct" else []
    parts += ["as time"] if one.as_time else []
    parts += [f"unit {one.unit}"] if one.unit else []
    parts += [f"else {one.fallback}"] if one.fallback else []
    parts += [_given(one.members)] if one.members is not None else []
    parts += [_part(p) for p in one.parts] + [_cap(c) for c in one.caps]
    return " ".join(part for part in parts if part)


def _part(part: ScorePart) -> str:
    return f"[{part.name} {part.weight:g}: {number(part.value)} from {part.low:g} to {part.high:g}]"


def _cap(cap: ScoreCap) -> str:
    return f"[at most {cap.at:g} when {condition(cap.when)}]"


def members(given: MemberFilter) -> str:
    """Whom a measure counts: `reached retention, active within 14d`; nothing where it counts all."""
    parts = [
        f"{name} {' or '.join(found)}"
        for name in ("stage", "risk", "level", "reached")
        if (found := getattr(given, name))
    ]
    parts += [] if given.admin is None else ["administrator" if given.admin else "no administrator"]
    parts += [f"active within {duration(given.active_within)}"] if given.active_within is not None else []
    return ", ".join(parts)


def counted_members(n: float, given: MemberFilter) -> str:
    """`members`, `member (active within 14d)`."""
    who = members(given)
    return f"member{'s' * (n != 1)}{f' ({who})' if who else ''}"


def selection(one: Selection) -> str:
    """A selection: `name Deal Won, Trial Started; properties.seats >= 50`."""
    lists = (("name", one.names), ("type", one.types), ("actor", one.actors), ("place", one.places))
    parts = [f"{key} {', '.join(values)}" for key, values in lists if values]
    parts += [f"{'.'.join(c.path)} {c.op} {c.value!r}" for c in one.where]
    return "; ".join(parts) or "every event"


def _given(value: Any) -> str:
    """The fields of a small dataclass that are set."""
    assert is_dataclass(value)
    found = []
    for field in fields(value):
        held = getattr(value, field.name)
        if held is None or held == ():
            continue
        words = (
            ", ".join(held)
            if isinstance(held, tuple)
            else duration(held)
            if field.name == "active_within"
            else str(held).lower()
        )
        found.append(f"{field.name} {words}")
    return "; ".join(found)
