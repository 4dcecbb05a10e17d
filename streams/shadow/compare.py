"""Shadow: two definitions over the same records, compared. Who would stand elsewhere, which steps differ, and why.

Both run through the core whole, one after the other. What is compared is what they published and where every entity
stands at the end, so a difference is told with the values that were seen; why it came about is read from the two
definitions: the terms of the rule that differ, else what the rule reads that differs, else the machine it follows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.definition.model import Definition, EntityDefinition
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay.run import Replay
from streams.shadow.reasons import Reasons
from streams.volume import Volume, volume

Where = tuple[str, str, str]
"""(kind, entity, machine)."""


class Step(NamedTuple):
    """One valid transition. `at` in ms; `because` as published."""

    at: int
    from_: str | None
    to: str | None
    name: str
    because: list[dict[str, Any]]

    @property
    def move(self) -> tuple[int, str | None, str | None]:
        return self.at, self.from_, self.to


@dataclass
class Run:
    """What one definition made of the records."""

    definition: Definition
    steps: dict[Where, list[Step]] = field(default_factory=dict)
    states: dict[Where, str] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    entities: Counter[str] = field(default_factory=Counter)
    begun: int = 0
    ended: int = 0

    @property
    def volume(self) -> Volume:
        return volume(self.alerts, self.entities["account"] or self.entities["user"], self.begun, self.ended)


class Elsewhere(NamedTuple):
    """An entity that ends in another state of a machine; None: it has none there (not begun, forgotten, no such machine)."""

    kind: str
    entity: str
    machine: str
    live: str | None
    candidate: str | None


class Parting(NamedTuple):
    """The first step of an entity's machine that only one of the two definitions took; all later ones follow from it.

    live, candidate  what each did next (None: nothing); why: in words
    """

    kind: str
    entity: str
    machine: str
    live: Step | None
    candidate: Step | None
    why: tuple[str, ...]


class Compared(NamedTuple):
    live: Run
    candidate: Run
    elsewhere: list[Elsewhere]
    partings: list[Parting]


def shadow(
    live: Definition, candidate: Definition, lines: Callable[[], Iterable[bytes]], source: str, until: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> Compared:  # fmt: skip
    """Run both over the records that `lines()` gives anew each time, and compare."""
    runs = [run(definition, lines(), source, until, tick) for definition in (live, candidate)]
    return compare(*runs)


def run(
    definition: Definition, lines: Iterable[bytes], source: str, until: int | None, tick: Callable[[int], None] | None
) -> Run:
    """One definition over the records."""
    truth: dict[str, dict[str, Any]] = {}
    found = Run(definition)

    def take(output: Output) -> None:
        if output.value is None:
            return
        if output.topic.startswith("transitions."):
            record = orjson.loads(output.value)
            had = truth.get(record["id"])
            if had is None or record["seq"] > had["seq"]:
                truth[record["id"]] = record
        elif output.topic == "alerts":
            found.alerts.append(orjson.loads(output.value))

    replay = Replay(definition, source, take)
    found.ended = replay.run(lines, until, tick).stopped
    steps: dict[Where, list[tuple[int, Step]]] = defaultdict(list)
    for record in truth.values():
        if record["valid"]:
            steps[record["kind"], record["entity"], record["machine"]].append((record["seq"], _step(record)))
    found.steps = {where: _in_order(pairs) for where, pairs in steps.items()}
    found.begun = min((taken[0].at for taken in found.steps.values()), default=found.ended)
    found.entities = Counter(kind for kind, entity in {(kind, entity) for kind, entity, _ in found.steps})
    for line in replay.standing():
        snapshot = orjson.loads(line)
        for machine, state in snapshot["machines"].items():
            found.states[snapshot["kind"], snapshot["entity"], machine] = state["state"]
    return found


def _step(record: dict[str, Any]) -> Step:
    return Step(parse_time(record["at"]) or 0, record["from"], record["to"], record["name"], record["because"])


def _in_order(pairs: list[tuple[int, Step]]) -> list[Step]:
    """By event time; what was published again by a correction has a later `seq` than its place."""
    return [step for _, step in sorted(pairs, key=lambda pair: (pair[1].at, pair[0]))]


def compare(live: Run, candidate: Run) -> Compared:
    """Two runs over the same records."""
    elsewhere = [
        Elsewhere(*where, live.states.get(where), candidate.states.get(where))
        for where in sorted(live.states.keys() | candidate.states.keys())
        if live.states.get(where) != candidate.states.get(where)
    ]
    return Compared(live, candidate, elsewhere, list(_partings(live, candidate)))


def _partings(live: Run, candidate: Run) -> Iterator[Parting]:
    reasons = {
        kind: Reasons(entity, getattr(candidate.definition, kind), live.definition, candidate.definition)
        for kind, entity in _kinds(live.definition)
        if getattr(candidate.definition, kind) is not None
    }
    parted: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for where in _by_machine(live, candidate):
        one, other = _first(live.steps.get(where, []), candidate.steps.get(where, []))
        if one is None and other is None:
            continue
        kind, entity, machine = where
        at = min(step.at for step in (one, other) if step is not None)
        earlier = [name for when, name in parted[kind, entity] if when <= at]
        parted[kind, entity].append((at, machine))
        why = (
            reasons[kind].of(machine, _named(one, other), earlier)
            if kind in reasons
            else ("only one has this section",)
        )
        yield Parting(kind, entity, machine, one, other, why)


def _kinds(definition: Definition) -> list[tuple[str, EntityDefinition]]:
    accounts = [("account", definition.account)] if definition.account is not None else []
    return [("user", definition.user), *accounts]


def _by_machine(live: Run, candidate: Run) -> list[Where]:
    """Users before accounts, which follow them; an entity's machines in file order, since later ones follow earlier."""
    names = [m.name for run in (live, candidate) for _, e in _kinds(run.definition) for m in e.machines]
    order = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return sorted(live.steps.keys() | candidate.steps.keys(), key=lambda w: (w[0] == "account", w[1], order[w[2]]))


def _first(one: list[Step], other: list[Step]) -> tuple[Step | None, Step | None]:
    """The first steps that differ; (None, None) where none do."""
    n = 0
    while n < len(one) and n < len(other) and one[n].move == other[n].move:
        n += 1
    return (one[n] if n < len(one) else None, other[n] if n < len(other) else None)


def _named(one: Step | None, other: Step | None) -> list[tuple[str, Step]]:
    """The steps that have something to explain: the earlier one; both where they are of one instant."""
    found = [(side, step) for side, step in (("live", one), ("candidate", other)) if step is not None]
    soonest = min(step.at for _, step in found)
    return [(side, step) for side, step in found if step.at == soonest]
