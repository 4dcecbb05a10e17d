"""Why two definitions part at a step: what differs in the rule that fired, else in what that rule reads, else before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from schemas.definition import words
from schemas.definition.digest import plain
from schemas.definition.expression import CountSignals, Guard, SignalHolds
from schemas.definition.model import Definition, EntityDefinition, Machine, Measure, Rule
from schemas.definition.tree import parts
from streams.commands.show import reason
from streams.journey.terms import named


class Taken(Protocol):
    """A step that was taken: the rule's name, and the values behind it as published."""

    @property
    def name(self) -> str: ...
    @property
    def because(self) -> list[dict[str, Any]]: ...


class Reasons:
    """Two definitions of one kind of entity, `live` and `candidate`."""

    def __init__(
        self, live: EntityDefinition, candidate: EntityDefinition, of_live: Definition, of_candidate: Definition
    ) -> None:
        self._sides = {"live": live, "candidate": candidate}
        self._definitions = {"live": of_live, "candidate": of_candidate}

    def of(self, machine: str, steps: Sequence[tuple[str, Taken]], earlier: Sequence[str]) -> tuple[str, ...]:
        """In words. `steps`: (side, step) that only that side took; `earlier`: machines of the entity that have parted."""
        found = [reason for _, step in steps for reason in self._rule(machine, step)]
        found = found or [f"follows {name}, which has parted before" for name in earlier[-1:]]
        return tuple(dict.fromkeys(found)) or ("follows what its members or measures became before",)

    def _rule(self, machine: str, step: Taken) -> Iterator[str]:
        machines = {side: _machine(entity, machine) for side, entity in self._sides.items()}
        missing = [side for side, found in machines.items() if found is None]
        if missing:
            yield f"only the {_other(missing[0])} has a machine {machine!r}"
            return
        rules = {side: _rule_of(found, step.name) for side, found in machines.items() if found is not None}
        there = {side: rule for side, rule in rules.items() if rule is not None}
        if len(there) == 1:
            ((side, rule),) = there.items()
            yield f"only the {side} has {step.name!r}: {words.rule(rule)}"
        elif there:
            yield from self._terms(there["live"], there["candidate"], step)
            yield from self._reads(there["live"].when, there["candidate"].when)
        one, other = (found.only_in for found in machines.values() if found is not None)
        if one != other:
            yield f"`only_in` of {machine} differs"

    def _terms(self, one: Rule, other: Rule, step: Taken) -> Iterator[str]:
        """The conditions that only one of the two rules has, side by side where they are about the same measure."""
        had, has = ([words.condition(atom) for atom in words.atoms(rule.when)] for rule in (one, other))
        gone, new = [w for w in had if w not in has], [w for w in has if w not in had]
        for left, right in zip(gone, new, strict=False):
            yield f"{left} (live), {right} (candidate){_value(left, step)}"
        longer = gone[len(new) :] or new[len(gone) :]
        side = "live" if len(gone) > len(new) else "candidate"
        yield from (f"{term} (only in the {side}){_value(term, step)}" for term in longer)
        if one.hold != other.hold:
            yield f"held for {words.duration(one.hold)} (live), {words.duration(other.hold)} (candidate)"
        if (one.to, one.from_states) != (other.to, other.from_states):
            yield f"{words.rule(one)} (live), {words.rule(other)} (candidate)"

    def _reads(self, one: Guard, other: Guard) -> Iterator[str]:
        """Signals and measures that a rule reads and that say something else."""
        seen = [part for guard in (one, other) for part in parts(guard)]
        if any(isinstance(part, (CountSignals, SignalHolds)) for part in seen):
            yield from self._signals([p.name for p in seen if isinstance(p, SignalHolds)])
        for name in dict.fromkeys(n for guard in (one, other) for n in named(guard)):
            yield from self._measure(name)

    def _signals(self, only: list[str]) -> Iterator[str]:
        had, has = ({s.name: s.when for s in entity.signals} for entity in self._sides.values())
        for name in dict.fromkeys(only or [*had, *has]):
            one, other = had.get(name), has.get(name)
            if plain(one) != plain(other):
                shown = [words.condition(when) if when is not None else "none" for when in (one, other)]
                yield f"signal {name}: {shown[0]} (live), {shown[1]} (candidate)"
            for guard in (one, other):
                if guard is not None and plain(one) == plain(other):
                    yield from (reason for measure in named(guard) for reason in self._measure(measure))

    def _measure(self, name: str) -> Iterator[str]:
        """A measure, what it is made of, and the selections it counts."""
        found = {side: _measure_of(entity, name) for side, entity in self._sides.items()}
        one, other = found.values()
        if plain(one) != plain(other):
            shown = [words.measure(m) if m is not None else "none" for m in (one, other)]
            yield f"measure {name}: {shown[0]} (live), {shown[1]} (candidate)"
        if one is None or other is None:
            return
        for selection in dict.fromkeys([*_selections(one), *_selections(other)]):
            yield from self._selection(selection)
        below = [*([one.fallback] if one.fallback else []), *(n for part in one.parts for n in named(part.value))]
        for deeper in dict.fromkeys([*below, *(n for cap in one.caps for n in named(cap.when))]):
            yield from self._measure(deeper)

    def _selection(self, name: str) -> Iterator[str]:
        one, other = (definition.selections.get(name) for definition in self._definitions.values())
        if plain(one) != plain(other):
            shown = [words.selection(s) if s is not None else "none" for s in (one, other)]
            yield f"events.{name}: {shown[0]} (live), {shown[1]} (candidate)"


def _machine(entity: EntityDefinition, name: str) -> Machine | None:
    return next((machine for machine in entity.machines if machine.name == name), None)


def _rule_of(machine: Machine, name: str) -> Rule | None:
    return next((rule for rule in machine.rules if rule.name == name), None)


def _measure_of(entity: EntityDefinition, name: str) -> Measure | None:
    return next((measure for measure in entity.measures if measure.name == name), None)


def _selections(measure: Measure) -> list[str]:
    return [name for name in (measure.of, *measure.sets, *measure.clear) if name]


def _other(side: str) -> str:
    return "candidate" if side == "live" else "live"


def _value(term: str, step: Taken) -> str:
    """`; it was 864000`, of the published row about the same measure."""
    row = next((r for r in step.because if term.startswith(f"{r['measure']} ")), None)
    return "" if row is None else f"; {row['measure']} was {_said(row)}"


def _said(row: dict[str, Any]) -> str:
    return reason(row).removeprefix(f"{row['measure']} ").rsplit(f" {row['op']} ", 1)[0]
