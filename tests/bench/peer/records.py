"""What the peer publishes, built as plain objects: the fields of our own records that make sense without corrections."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from tests.bench.small.journey import day_of, time_of

State = dict[str, Any]
Values = dict[str, Any]
Event = dict[str, Any]
DAY = 86_400_000
HOUR = 3_600_000
DEFINITION, VERSION = "saas", 1


class Term(NamedTuple):
    """One condition of a rule: a measure, how it is compared, and with what."""

    measure: str
    op: str
    threshold: Any


class Rule(NamedTuple):
    """From one of these states to another, where it holds."""

    name: str
    sources: tuple[str, ...]
    to: str
    terms: tuple[Term, ...]
    holds: Callable[[Values], bool]


def leaving(rules: tuple[Rule, ...]) -> dict[str, list[Rule]]:
    """State -> the rules that lead out of it, in order."""
    return {state: [r for r in rules if state in r.sources] for rule in rules for state in rule.sources}


class Out:
    """What one record came to."""

    __slots__ = ("alerts", "facts", "snapshot", "transitions")

    def __init__(self) -> None:
        self.transitions: list[Event] = []
        self.facts: list[Event] = []
        self.alerts: list[Event] = []
        self.snapshot: Event | None = None


@lru_cache(8192)
def ms_of(stamp: str) -> int:
    """ms since 1970 of `2024-01-31T23:59:59.999Z`; remembered, since each is asked for more than once."""
    return day_of(stamp[:10]) * DAY + time_of(stamp)


def transition(
    state: State, kind: str, entity: str, machine: str, to: str, name: str, at: str, values: Values,
    terms: tuple[Term, ...], evidence: list[str], cause: Event,
) -> Event:  # fmt: skip
    """Move a machine of an entity, and the record that says so. `state["machines"]`: name -> [state, since, moves]."""
    known = state["machines"].get(machine)
    before, since, moves = known if known is not None else (None, None, 0)
    state["machines"][machine] = [to, at, moves + 1]
    return {
        "id": f"{entity}/{machine}/{moves + 1}",
        "seq": moves + 1,
        "kind": kind,
        "entity": entity,
        "account": state["home"] if kind == "user" else None,
        "machine": machine,
        "from": before,
        "to": to,
        "name": name,
        "label": None,
        "at": at,
        "dwell_s": None if since is None else (ms_of(at) - ms_of(since)) / 1000,
        "definition": DEFINITION,
        "version": VERSION,
        "cause": cause,
        "because": [because(term, values) for term in terms],
        "signals": state["signals"],
        "evidence": evidence,
        "carry": state["carry"],
    }


def because(term: Term, values: Values) -> Event:
    """A condition with its value at that moment."""
    measure, op, threshold = term
    value = values[measure]
    if callable(threshold):
        threshold = threshold(values)
    return {"measure": measure, "op": op, "threshold": threshold, "value": value, "holds": holds(op, value, threshold)}


def holds(op: str, value: Any, threshold: Any) -> bool | str:
    if op == "known":
        return value is not None
    if value is None:
        return "unknown"
    if op == ">=":
        return bool(value >= threshold)
    if op == ">":
        return bool(value > threshold)
    return bool(value == threshold)


def evidence(state: State, rule: Rule, number: str) -> list[str]:
    """Ids of the events that last moved what a rule reads, and of the one that made it hold."""
    ids = state["ids"]
    return list(dict.fromkeys([*(ids[term.measure] for term in rule.terms if term.measure in ids), number]))


def stand(state: State, kind: str, entity: str, now: int, at: str, measures: Callable[[], Values], out: Out) -> None:
    """A snapshot where a machine moved, or what it shows changed and the last one is an hour old."""
    moved = bool(out.transitions)
    if not moved and now - state["said_at"] < HOUR:
        return
    shown = [measures(), state["carry"]]
    if moved or shown != state["said"]:
        state["said"], state["said_at"] = shown, now
        out.snapshot = snapshot(state, kind, entity, at, shown[0])


def snapshot(state: State, kind: str, entity: str, at: str, measures: Values) -> Event:
    """Where an entity stands."""
    return {
        "kind": kind,
        "entity": entity,
        "account": state["home"] if kind == "user" else entity,
        "as_of": at,
        "definition": DEFINITION,
        "version": VERSION,
        "machines": {name: {"state": m[0], "since": m[1]} for name, m in state["machines"].items()},
        "signals": state["signals"],
        "measures": measures,
        "carry": state["carry"],
    }


def counted(counts: list[list[int]], day: int, window: int) -> int:
    return sum(n for d, n in counts if d > day - window)
