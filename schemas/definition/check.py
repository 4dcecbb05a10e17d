"""What is odd about a valid definition, found without data: warnings, each with the line it is about.

Only what can be proven is said, with one exception: a cycle is told with values that make its guards hold together, and
whether such values ever come about only the author knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from schemas.definition import advice
from schemas.definition.errors import Problem
from schemas.definition.expression import (
    And,
    Arith,
    Compare,
    Const,
    Guard,
    InState,
    Known,
    Not,
    Number,
    Or,
    Span,
    Truth,
)  # fmt: skip
from schemas.definition.model import Definition, EntityDefinition, Machine, Rule
from schemas.definition.satisfy import World, always, measures_of, together, world
from schemas.definition.shadows import shadowed

MAX_CYCLE = 4
"""Transitions in one cycle that is looked for; longer ones would need as many guards to hold in one instant."""


def check(definition: Definition) -> list[Problem]:
    """Warnings, in file order. A definition with any still runs."""
    entities = [definition.user, *([definition.account] if definition.account else [])]
    found = [problem for entity in entities for problem in _entity(entity)]
    found += [*_unused_selections(definition, entities), *_shadowed_levels(definition)]
    return sorted(found, key=lambda p: (p.line, p.column))


def _entity(entity: EntityDefinition) -> Iterator[Problem]:
    known = world(entity)
    for machine in entity.machines:
        yield from _machine(machine, _within(machine, known))
    for signal in entity.signals:
        if together([signal.when], known) is None:
            yield _warning(signal.span, f"signal {signal.name!r} can never hold", advice.never(signal.when, known))
        elif always(signal.when, known):
            yield _warning(signal.span, f"signal {signal.name!r} always holds", advice.always(signal.when))
    for measure in entity.measures:
        for cap in measure.caps:
            if together([cap.when], known) is None:
                message = f"this cap of measure {measure.name!r} can never hold"
                yield _warning(place(cap.when), message, advice.never(cap.when, known))
    yield from _unused_measures(entity)


def _within(machine: Machine, known: World) -> World:
    """The world in which a machine moves: its `only_in` says where the earlier ones are."""
    return replace(known, machines={**known.machines, **dict(machine.only_in)})


def _machine(machine: Machine, known: World) -> Iterator[Problem]:
    fires = {id(rule): _can_fire(rule, machine, known) for rule in machine.rules}
    for rule in machine.rules:
        yield from _provable(rule, machine, known, fires[id(rule)])
    yield from _unreachable(machine, [rule for rule in machine.rules if fires[id(rule)]])
    cycles = list(_cycles(machine, known))
    yield from (problem for problem, _ in cycles)
    turning = {id(rule) for _, path in cycles for _, rule in path}
    yield from _never_win(machine, known, lambda rule: fires[id(rule)] and id(rule) not in turning)


# --- guards ----------------------------------------------------------------------------------------------------------


def _can_fire(rule: Rule, machine: Machine, known: World) -> bool:
    return any(together([rule.when], _inside(known, machine, state)) is not None for state in rule.from_states)


def _inside(known: World, machine: Machine, *states: str) -> World:
    """The world of an entity whose machine is, or has been, in these states."""
    return replace(known, reached=known.reached | {(machine.name, state) for state in states})


def _provable(rule: Rule, machine: Machine, known: World, fires: bool) -> Iterator[Problem]:
    where = f"transition {rule.name!r} of machine {machine.name!r}"
    if not fires:
        hint = advice.never(rule.when, _inside(known, machine, rule.from_states[0]))
        yield _warning(place(rule.when) or rule.span, f"{where} can never fire: its condition cannot hold", hint)
    elif all(always(rule.when, _inside(known, machine, state)) for state in rule.from_states):
        message = f"{where} always holds, so {' and '.join(rule.from_states)} is left as soon as it is entered"
        yield _warning(place(rule.when) or rule.span, message, advice.always(rule.when))


def _never_win(machine: Machine, known: World, matters: Callable[[Rule], bool]) -> Iterator[Problem]:
    """Transitions that an earlier one always wins over. One on a cycle is left out: a state is entered once an instant,

    so there the earlier one may have had its turn.
    """
    for rule, winner in shadowed(machine, lambda state: _inside(known, machine, state)):
        if not matters(rule) or not matters(winner):
            continue
        message = (
            f"transition {rule.name!r} of machine {machine.name!r} can never win: {winner.name!r} stands before it"
        )
        hint = f"Put {rule.name!r} before {winner.name!r}, or narrow {winner.name!r}"
        yield _warning(rule.span, f"{message} and holds whenever it does", hint)


def _unreachable(machine: Machine, rules: list[Rule]) -> Iterator[Problem]:
    seen = {machine.states[0]}
    while new := {r.to for r in rules if r.to not in seen and seen.intersection(r.from_states)}:
        seen |= new
    for state in machine.states:
        if state not in seen:
            message = f"no way leads to state {state!r} of machine {machine.name!r}"
            yield _warning(machine.span, message, f"Add a transition with `to: {state}`, or take it out of `states`")


# --- cycles ----------------------------------------------------------------------------------------------------------


def _cycles(machine: Machine, known: World) -> Iterator[tuple[Problem, list[tuple[str, Rule]]]]:
    """Ways round that one instant can run through. A rule with `hold` needs time, which breaks the cycle."""
    told: set[frozenset[str]] = set()
    for path in _ways_round(machine):
        names = frozenset(rule.name for _, rule in path)
        example = None if names in told else _instant(path, machine, known)
        if example is None:
            continue
        told.add(names)
        states = " -> ".join([*(state for state, _ in path), path[0][0]])
        shown = ", ".join(f"{term} = {value}" for term, value in example.items())
        message = f"machine {machine.name!r} can run {states} in one instant"
        last = path[-1][1].name
        hint = f"Let {last!r} ask for what the others exclude, or give it a `hold`"
        yield _warning(path[0][1].span, message + (f", for example with {shown}" if shown else ""), hint), path


def _ways_round(machine: Machine) -> Iterator[list[tuple[str, Rule]]]:
    """Every cycle of at most MAX_CYCLE transitions, from each of its states."""
    leaving = {state: [r for r in machine.rules if state in r.from_states and not r.hold] for state in machine.states}

    def walk(path: list[tuple[str, Rule]], state: str) -> Iterator[list[tuple[str, Rule]]]:
        for rule in leaving[state]:
            longer = [*path, (state, rule)]
            if rule.to == longer[0][0]:
                yield longer
            elif len(longer) < MAX_CYCLE and all(rule.to != seen for seen, _ in longer):
                yield from walk(longer, rule.to)

    for state in machine.states:
        yield from walk([], state)


def _instant(path: list[tuple[str, Rule]], machine: Machine, known: World) -> dict[str, str] | None:
    """Values with which all guards of a cycle hold, the states after the first just entered."""
    guards = [rule.when if n == 0 else _just_entered(rule.when) for n, (_, rule) in enumerate(path)]
    return together(guards, _inside(known, machine, *(state for state, _ in path)))


def _just_entered(guard: Guard) -> Guard:
    match guard:
        case And(items):
            return And(tuple(_just_entered(item) for item in items))
        case Or(items):
            return Or(tuple(_just_entered(item) for item in items))
        case Not(item):
            return Not(_just_entered(item))
        case Compare(op, left, right, span):
            return Compare(op, _at_zero(left), _at_zero(right), span)
    return guard


def _at_zero(tree: Number) -> Number:
    match tree:
        case InState():
            return Const(0.0)
        case Arith(op, left, right):
            return Arith(op, _at_zero(left), _at_zero(right))
    return tree


# --- what nothing uses -----------------------------------------------------------------------------------------------


def _unused_selections(definition: Definition, entities: list[EntityDefinition]) -> Iterator[Problem]:
    used = set(definition.exclude)
    for entity in entities:
        used |= {entity.activity, *(name for m in entity.measures for name in (m.of, *m.sets, *m.clear) if name)}
    for name, selection in definition.selections.items():
        if name not in used:
            message = f"selection {name!r} is used by no measure, activity or `exclude`"
            yield _warning(selection.span, message, "Measure it, or delete the line")


def _unused_measures(entity: EntityDefinition) -> Iterator[Problem]:
    used = {name for m in entity.measures for name in (m.since, m.fallback) if name} | set(entity.carry)
    for measure in entity.measures:
        for part in measure.parts:
            used.update(measures_of(part.value))
        for cap in measure.caps:
            used |= read_by(cap.when)
    for machine in entity.machines:
        for rule in machine.rules:
            used |= read_by(rule.when)
    for signal in entity.signals:
        used |= read_by(signal.when)
    for measure in entity.measures:
        if measure.name not in used and not measure.publish:
            message = f"measure {measure.name!r} is read by nothing and not published"
            yield _warning(measure.span, message, "Read it, say `publish: true`, or delete the line")


def read_by(guard: Guard) -> set[str]:
    """The measures that a condition names."""
    match guard:
        case And(items) | Or(items):
            return {name for item in items for name in read_by(item)}
        case Not(item):
            return read_by(item)
        case Truth(measure) | Known(measure):
            return {measure}
        case Compare(_, left, right):
            return {*measures_of(left), *measures_of(right)}
    return set()


def _shadowed_levels(definition: Definition) -> Iterator[Problem]:
    catch_all = None
    for level, patterns in definition.levels.patterns if definition.levels else ():
        if catch_all is not None:
            message = f"level {level!r} is never found: the pattern * of {catch_all!r} before it takes every title"
            hint = f"Put {level!r} before {catch_all!r}"
            yield _warning(definition.levels.span if definition.levels else None, message, hint)
        elif "*" in patterns:
            catch_all = level


def place(guard: Guard) -> Span | None:
    """Where a condition begins in the file."""
    match guard:
        case And(items) | Or(items):
            return next((span for item in items if (span := place(item))), None)
        case Not(item):
            return place(item)
    return guard.span


def _warning(span: Span | None, message: str, hint: str) -> Problem:
    return Problem(span.line if span else 1, span.column if span else 1, message, hint, "warning")
