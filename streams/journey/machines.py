"""Machines: the rules of one kind of entity compiled once; which guards leave each state, and when they may hold by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

from schemas.definition.expression import Guard, Not
from schemas.definition.model import AlertRule, Definition, EntityDefinition, Rule
from streams.journey.explain import Explained
from streams.journey.guards import Guards
from streams.journey.instants import When
from streams.journey.state import State
from streams.journey.touch import Touch
from streams.journey.truths import Truth


@dataclass(slots=True, eq=False)
class CompiledRule:
    """A rule as indices and compiled conditions. `key` names it among the holds of a state."""

    rule: Rule
    to: int
    hold: int
    key: str
    holds: Truth
    explained: Explained


@dataclass(slots=True, eq=False)
class CompiledMachine:
    """`leaving[n]`: the rules out of state n, in file order; `soonest[n]`: when time alone may make one matter, and
    `today[n]`, for one that wakes at every midnight anyway; `touch[n]`: what else may (see touch).

    `only_in`: (earlier machine, its states), all must match.
    """

    number: int
    name: str
    states: tuple[str, ...]
    leaving: tuple[tuple[CompiledRule, ...], ...]
    soonest: tuple[When | None, ...]
    today: tuple[When | None, ...]
    touch: tuple[int, ...]
    only_in: tuple[tuple[int, tuple[int, ...]], ...]

    def runs(self, s: State) -> bool:
        """Whether the earlier machines let this one be anywhere but in its initial state."""
        for m, allowed in self.only_in:  # noqa: SIM110 - a generator costs more than the loop
            if s.states[m] not in allowed:
                return False
        return True


@dataclass(slots=True, eq=False)
class CompiledSignal:
    """A signal: its bit and name, when it holds, what it says while it does, and what would end it."""

    bit: int
    name: str
    holds: Truth
    explained: Explained
    stops: Explained


@dataclass(slots=True, eq=False)
class CompiledAlert:
    """An alert rule; `machine` is None for one on a signal, and `state` is then the signal's bit."""

    rule: AlertRule
    machine: int | None
    state: int

    def inside(self, s: State) -> bool:
        return bool(s.signals & self.state) if self.machine is None else s.states[self.machine] == self.state


def compile_machines(entity: EntityDefinition, guards: Guards, touch: Touch) -> list[CompiledMachine]:
    names = {m.name: n for n, m in enumerate(entity.machines)}
    machines = []
    for index, machine in enumerate(entity.machines):
        rules = [(rule, _rule(guards, index, machine.name, machine.states, rule)) for rule in machine.rules]
        leaving = tuple(tuple(c for rule, c in rules if state in rule.from_states) for state in machine.states)
        only_in = tuple(
            (names[name], tuple(entity.machines[names[name]].states.index(x) for x in states))
            for name, states in machine.only_in
        )
        timed = [[(c.rule.when, c.hold, c.key) for c in out] for out in leaving]
        soonest, today = (tuple(g.soonest(rules, index) for rules in timed) for g in (guards, guards.today()))
        touched = tuple(_touched(out, touch) | (touch.states if only_in else 0) for out in leaving)
        machines.append(CompiledMachine(index, machine.name, machine.states, leaving, soonest, today, touched, only_in))
    return machines


def _touched(rules: tuple[CompiledRule, ...], touch: Touch) -> int:
    """What may make one of these rules fire; of one that must hold for a while, what may end that too."""
    found = (touch.flips(c.rule.when) if c.hold else touch.rises(c.rule.when) for c in rules)
    return reduce(or_, found, 0)


def _rule(guards: Guards, index: int, machine: str, states: tuple[str, ...], rule: Rule) -> CompiledRule:
    when = rule.when
    return CompiledRule(
        rule, states.index(rule.to), rule.hold, f"{machine}/{rule.name}", guards.truth(when, index),
        Explained(guards, when, index),
    )  # fmt: skip


def compile_signals(entity: EntityDefinition, guards: Guards) -> list[CompiledSignal]:
    return [_signal(guards, 1 << n, signal.name, signal.when) for n, signal in enumerate(entity.signals)]


def _signal(guards: Guards, bit: int, name: str, when: Guard) -> CompiledSignal:
    return CompiledSignal(bit, name, guards.truth(when), Explained(guards, when), Explained(guards, Not(when)))


def compile_alerts(definition: Definition, entity: EntityDefinition) -> list[CompiledAlert]:
    names = {m.name: n for n, m in enumerate(entity.machines)}
    signals = [s.name for s in entity.signals]
    compiled = []
    for rule in definition.alerts:
        if rule.kind != entity.kind:
            continue
        if rule.machine == "signals":
            compiled.append(CompiledAlert(rule, None, 1 << signals.index(rule.enters)))
        else:
            states = entity.machines[names[rule.machine]].states
            compiled.append(CompiledAlert(rule, names[rule.machine], states.index(rule.enters)))
    return compiled
