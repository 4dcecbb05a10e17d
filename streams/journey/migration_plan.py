"""What becomes of one definition's states under another: which measures go on, where each state goes, what is missing.

A measure goes on where it says the same under the same name (or the one that `migrate` gives): kind, window, property
and the events it counts. A changed one begins empty, because what it would have counted is not kept. A state goes to
the one of its name, or where `migrate` sends it; a state that is gone and sent nowhere is a problem, and so is a machine
that is gone and not dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from schemas.definition.differ import differences
from schemas.definition.digest import plain
from schemas.definition.errors import nearest
from schemas.definition.model import Definition, EntityDefinition, Kind, Machine, Measure, Migrate

NOTHING: Final = Migrate((), ())
KINDS: tuple[Kind, ...] = ("user", "account")


class MachinePlan(NamedTuple):
    """Of one machine now: its number in the old definition (None: it begins), and for each old state the one now."""

    old: int | None
    states: tuple[int, ...]


class Plan(NamedTuple):
    """Of one kind of entity. `measures[n]`: the old number of the n-th measure, None where it begins empty.

    dropped   old numbers of machines that end
    begins    measures that begin empty although the old definition had one of that name
    problems  what `migrate` does not say and has to
    """

    measures: tuple[int | None, ...]
    machines: tuple[MachinePlan, ...]
    dropped: tuple[int, ...]
    begins: tuple[str, ...]
    problems: tuple[str, ...]


def plan(old: Definition, new: Definition, kind: Kind) -> Plan | None:
    """None where either has no such section: then there are no states to take over."""
    had, has = _section(old, kind), _section(new, kind)
    if had is None or has is None:
        return None
    declared = new.migrate or NOTHING
    problems: list[str] = []
    numbers = {m.name: n for n, m in enumerate(had.machines)}
    machines = tuple(_machine(kind, numbers.get(m.name), had.machines, m, declared, problems) for m in has.machines)
    dropped = tuple(n for n, m in enumerate(had.machines) if m.name not in {x.name for x in has.machines})
    problems += _undropped(kind, [had.machines[n].name for n in dropped], has, declared)
    problems += _crossed(kind, had, has, machines)
    measures = tuple(_measure(kind, old, new, had, m, declared) for m in has.measures)
    known = {m.name for m in had.measures}
    begins = tuple(m.name for m, n in zip(has.measures, measures, strict=True) if n is None and m.name in known)
    return Plan(measures, machines, dropped, begins, tuple(problems))


def _section(definition: Definition, kind: Kind) -> EntityDefinition | None:
    return definition.user if kind == "user" else definition.account


def _machine(
    kind: Kind, old: int | None, had: tuple[Machine, ...], machine: Machine, declared: Migrate, problems: list[str]
) -> MachinePlan:
    if old is None:
        return MachinePlan(None, ())
    sent = dict(declared.states)
    found = []
    for state in had[old].states:
        path = f"{kind}.{machine.name}.{state}"
        to = sent.get(path, state)
        if to not in machine.states:
            near = nearest(state, machine.states) or machine.states[0]
            problems.append(f"state {path} is gone: say where it goes, `migrate: {{states: {{{path}: {near}}}}}`")
            to = machine.states[0]
        found.append(machine.states.index(to))
    return MachinePlan(old, tuple(found))


def _undropped(kind: Kind, gone: list[str], has: EntityDefinition, declared: Migrate) -> Iterator[str]:
    for name in gone:
        if f"{kind}.{name}" not in declared.drop:
            yield f"machine {kind}.{name} is gone: say so, `migrate: {{drop: [{kind}.{name}]}}`, or keep it"


def _crossed(
    kind: Kind, had: EntityDefinition, has: EntityDefinition, machines: tuple[MachinePlan, ...]
) -> Iterator[str]:
    """A user's state that takes the old name of another one: what accounts were told of members could mean either."""
    for machine, (old, states) in zip(has.machines, machines, strict=True):
        if old is None or kind != "user" or machine.name not in ("stage", "risk"):
            continue
        names = had.machines[old].states
        renamed = {was: machine.states[to] for was, to in zip(names, states, strict=True) if was != machine.states[to]}
        for was, to in renamed.items():
            if to in renamed:
                yield (
                    f"state {kind}.{machine.name}.{was} becomes {to}, and {to} becomes {renamed[to]}: accounts could not "
                    "tell which is meant; do it in two versions, or take a new name"
                )


def _measure(
    kind: Kind, old: Definition, new: Definition, had: EntityDefinition, measure: Measure, declared: Migrate
) -> int | None:
    former = next((name for name, to in declared.measures if to == measure.name and name.startswith(f"{kind}.")), None)
    name = former.removeprefix(f"{kind}.") if former is not None else measure.name
    n = next((n for n, m in enumerate(had.measures) if m.name == name), None)
    if n is None or _says(had.measures[n], old, had) != _says(measure, new, _section(new, kind)):
        return None
    return n


def _says(measure: Measure, definition: Definition, entity: EntityDefinition | None) -> Any:
    """What a measure counts, whatever things are called. `else`, unit, parts and caps are read from other cells."""
    bare = replace(
        measure,
        name="",
        of=None,
        sets=(),
        clear=(),
        since=None,
        fallback=None,
        unit=None,
        parts=(),
        caps=(),
        publish=False,
    )
    selections = [[_events(name, definition) for name in names] for names in (
        (measure.of,) if measure.of and measure.kind != "flag" else (), measure.sets, measure.clear,
    )]  # fmt: skip
    flag = next((m for m in entity.measures if m.name == measure.since), None) if entity is not None else None
    zone = definition.clock.timezone if measure.within is not None else None  # a window counts that zone's days
    return [plain(bare), selections, zone, None if flag is None else _says(flag, definition, entity)]


def _events(name: str, definition: Definition) -> Any:
    return plain(replace(definition.selections[name], name=""))


def same_events(old: Definition, new: Definition) -> dict[str, str]:
    """{a selection now: one of old that means the same events}."""
    known = {repr(_events(name, old)): name for name in reversed(list(old.selections))}
    return {name: known[key] for name in new.selections if (key := repr(_events(name, new))) in known}


def renames(old: Definition, new: Definition, machine: str) -> dict[str, str]:
    """{old name of a user's state: its name now} of a machine, where it has another one."""
    steps = plan(old, new, "user")
    had = {m.name: m for m in old.user.machines}
    found: dict[str, str] = {}
    for one, step in zip(new.user.machines, steps.machines if steps else (), strict=True):
        if one.name == machine and step.old is not None:
            moves = zip(had[machine].states, step.states, strict=True)
            found |= {was: one.states[to] for was, to in moves if was != one.states[to]}
    return found


def told_names(definition: Definition) -> tuple[dict[str, str], dict[str, str]]:
    """({old name of a user's stage: its name now}, the same of its risk), as `migrate` declares them."""
    found: dict[str, dict[str, str]] = {"stage": {}, "risk": {}}
    for path, to in (definition.migrate or NOTHING).states:
        kind, machine, state = path.split(".")
        if kind == "user" and machine in found:
            found[machine][state] = to
    return found["stage"], found["risk"]


# --- whether it may ----------------------------------------------------------------------------------------------------


def refusal(old: Definition, new: Definition) -> str | None:
    """Why states kept under `old` are not to be taken over by `new`, and what to write; None: they may be."""
    kept, ours = _called(old), _called(new)
    if old.name == new.name and old.version == new.version:
        return (
            f"kept under {kept}, and this is {ours}: another file with the same version. Give it version "
            f"{new.version + 1} and `migrate: {{from: [{old.version}]}}`. What differs:{_listed(old, new)}"
        )
    if not _named(old, new):
        word = old.version if old.name == new.name else old.digest[:12]
        return (
            f"kept under {kept}, and {ours} does not say that it takes its states over: hold it against the old file with "
            f"`journeys validate NEW --from OLD`, and write `migrate: {{from: [{word}]}}` into it. What differs:{_listed(old, new)}"
        )
    found = [problem for kind in KINDS if (one := plan(old, new, kind)) for problem in one.problems]
    if not found:
        return None
    return f"kept under {kept}, and {ours} takes its states over, but does not say all of how:" + "".join(
        f"\n  {problem}" for problem in found
    )


def _named(old: Definition, new: Definition) -> bool:
    declared = new.migrate or NOTHING
    by_version = old.name == new.name and old.version in declared.versions
    return by_version or any(old.digest.startswith(digest) for digest in declared.digests)


def _called(definition: Definition) -> str:
    return f"{definition.name} version {definition.version} (digest {definition.digest[:12]})"


def _listed(old: Definition, new: Definition) -> str:
    return "".join(f"\n  {difference.text()}" for difference in differences(old, new))
