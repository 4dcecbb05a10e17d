"""Machines: the rules of one kind of entity compiled once; which guards leave each state, and when they may hold by themselves."""

from __future__ import annotations

from typing import NamedTuple

from schemas.definition.expression import Not
from schemas.definition.model import AlertRule, Definition, EntityDefinition, Rule
from streams.delivery.contracts import NEVER
from streams.journey.explain import Explained
from streams.journey.guards import Guards
from streams.journey.state import State
from streams.journey.terms import Ask, When


class CompiledRule(NamedTuple):
    """A rule as indices and functions. `key` names it among the holds of a state; `falls` only where it has a hold."""

    rule: Rule
    to: int
    hold: int
    key: str
    holds: Ask
    rises: When
    falls: When
    explained: Explained


class CompiledMachine(NamedTuple):
    """`leaving[n]`: the rules out of state n, in file order. `only_in`: (earlier machine, its states), all must match."""

    index: int
    name: str
    states: tuple[str, ...]
    leaving: tuple[tuple[CompiledRule, ...], ...]
    only_in: tuple[tuple[int, tuple[int, ...]], ...]

    def runs(self, s: State) -> bool:
        """Whether the earlier machines let this one be anywhere but in its initial state."""
        return all(s.states[m] in allowed for m, allowed in self.only_in)

    def deadline(self, s: State, now: int, today: int) -> int:
        """The first instant after now at which one of the rules may begin to hold, stop holding, or have held long enough."""
        if self.only_in and not self.runs(s):
            return NEVER
        soonest = NEVER
        for rule in self.leaving[s.states[self.index]]:
            found = rule.rises(s, now, today)
            if rule.hold and (since := s.holds.get(rule.key)) is not None:
                found = min(since + rule.hold, rule.falls(s, now, today))
            if now < found < soonest:
                soonest = found
        return soonest


class CompiledSignal(NamedTuple):
    """A signal: bit, name, whether it holds, and when it may begin and stop to."""

    bit: int
    name: str
    holds: Ask
    rises: When
    falls: When
    explained: Explained
    stops: Explained


class CompiledAlert(NamedTuple):
    """An alert rule; `machine` is None for one on a signal, and `state` is then the signal's bit."""

    rule: AlertRule
    machine: int | None
    state: int

    def inside(self, s: State) -> bool:
        return bool(s.signals & self.state) if self.machine is None else s.states[self.machine] == self.state


def compile_machines(entity: EntityDefinition, guards: Guards) -> list[CompiledMachine]:
    names = {m.name: n for n, m in enumerate(entity.machines)}
    machines = []
    for index, machine in enumerate(entity.machines):
        rules = [(rule, _rule(guards, index, machine.name, machine.states, rule)) for rule in machine.rules]
        leaving = tuple(tuple(c for rule, c in rules if state in rule.from_states) for state in machine.states)
        only_in = tuple(
            (names[name], tuple(entity.machines[names[name]].states.index(x) for x in states))
            for name, states in machine.only_in
        )
        machines.append(CompiledMachine(index, machine.name, machine.states, leaving, only_in))
    return machines


def _rule(guards: Guards, index: int, machine: str, states: tuple[str, ...], rule: Rule) -> CompiledRule:
    when = rule.when
    return CompiledRule(
        rule, states.index(rule.to), rule.hold, f"{machine}/{rule.name}", guards.truth(when, index),
        guards.earliest(when, index), guards.earliest(Not(when), index), Explained(guards, when, index),
    )  # fmt: skip


def compile_signals(entity: EntityDefinition, guards: Guards) -> list[CompiledSignal]:
    return [
        CompiledSignal(
            1 << n, signal.name, guards.truth(signal.when), guards.earliest(signal.when),
            guards.earliest(Not(signal.when)), Explained(guards, signal.when), Explained(guards, Not(signal.when)),
        )
        for n, signal in enumerate(entity.signals)
    ]  # fmt: skip


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
