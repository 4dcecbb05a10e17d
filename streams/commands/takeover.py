"""`journeys validate NEW --from OLD`: what becomes of the states that OLD keeps, before any worker is started with NEW."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.definition.differ import differences
from schemas.definition.model import Definition, EntityDefinition, Kind
from streams.journey.migration_plan import KINDS, Plan, plan, refusal


class Told(NamedTuple):
    """Lines to print; `refused`: why a worker would not take over a partition, None where it would."""

    lines: list[str]
    refused: str | None


def takeover(old: Definition, new: Definition) -> Told:
    """What would happen."""
    if old.digest == new.digest:
        return Told(["the same definition: nothing happens"], None)
    lines = [f"{difference.text()}" for difference in differences(old, new)]
    for kind in KINDS:
        steps = plan(old, new, kind)
        if steps is not None:
            had, has = (old.user, new.user) if kind == "user" else (old.account, new.account)
            assert had is not None, "a plan has both"
            assert has is not None, "a plan has both"
            lines += _becomes(kind, steps, had, has)
    return Told(lines, refusal(old, new))


def _becomes(kind: Kind, steps: Plan, had: EntityDefinition, has: EntityDefinition) -> Iterator[str]:
    new = [
        m.name
        for m, n in zip(has.measures, steps.measures, strict=True)
        if n is None and m.kind not in ("members", "score")
    ]
    for name in new:
        yield f"{kind}.{name}: {'changed, so it' if name in steps.begins else 'new: it'} begins empty{_complete(has, name)}"
    for machine, one in zip(has.machines, steps.machines, strict=True):
        if one.old is None:
            yield f"{kind}.{machine.name}: new: every {kind} begins in {machine.states[0]}"
            continue
        for was, to in zip(had.machines[one.old].states, one.states, strict=True):
            if was != machine.states[to]:
                yield f"{kind}.{machine.name}: {was} becomes {machine.states[to]}, told as a transition"
    for number in steps.dropped:
        yield f"{kind}.{had.machines[number].name}: gone: it ends, told as a transition to null"


def _complete(has: EntityDefinition, name: str) -> str:
    measure = next(m for m in has.measures if m.name == name)
    return "" if measure.within is None else f", and is whole after {measure.within // 86_400_000} days"
