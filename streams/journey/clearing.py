"""Clearing: what would end an open alert, in words: what somebody can move, also where a state or a signal stands before it."""

from __future__ import annotations

from math import ceil, floor

from schemas.definition.expression import Compare, Not, SignalHolds, StateIn
from streams.journey.explain import Gap, effort
from streams.journey.machines import CompiledAlert, CompiledMachine, CompiledRule, CompiledSignal
from streams.journey.state import State
from streams.journey.supposed import state_of


class Clearing:
    """Of the alerts of one kind of entity."""

    def __init__(self, machines: list[CompiledMachine], signals: list[CompiledSignal]) -> None:
        self._machines = machines
        self._signals = signals

    def of(self, s: State, alert: CompiledAlert, now: int, today: int) -> str | None:
        """The smallest change that ends it; None where no rule does, or one holds already and waits."""
        if alert.machine is None:
            stops = next(signal.stops for signal in self._signals if signal.bit == alert.state)
            return self._all(stops.missing(s, now, today), s, now, today) or None
        rules = self._machines[alert.machine].leaving[alert.state]
        ways = [(rule.explained.missing(s, now, today), rule) for rule in rules]
        if not ways:
            return None
        missing, rule = min(ways, key=lambda way: effort(way[0]))
        return self._all(missing, s, now, today) + _held(rule) if missing else None

    def _all(self, missing: list[Gap], s: State, now: int, today: int) -> str:
        return " and ".join(told for gap in missing for told in self._told(gap, s, now, today))

    def _told(self, gap: Gap, s: State, now: int, today: int) -> list[str]:
        """A condition in words; of a signal or a state that has to go, what would make it go."""
        match gap.atom:
            case Compare():
                ending = _ending(gap)
                return self._fewer(ending, s, now, today) if ending else [gap.words]
            case StateIn() | Not(StateIn()):
                return [self._left(gap, s, now, today)]
            case Not(SignalHolds(name)):
                return [self._ended(signal, s, now, today) for signal in self._signals if signal.name == name]
        return [gap.words]

    def _fewer(self, ending: int, s: State, now: int, today: int) -> list[str]:
        """So many of the signals that hold, those that are ended most easily, each with what ends it; in file order."""
        holding = [signal for signal in self._signals if s.signals & signal.bit]
        easiest = sorted(holding, key=lambda signal: effort(signal.stops.missing(s, now, today)))[:ending]
        return [self._ended(signal, s, now, today) for signal in holding if signal in easiest]

    def _ended(self, signal: CompiledSignal, s: State, now: int, today: int) -> str:
        return f"{signal.name}: {self._all(signal.stops.missing(s, now, today), s, now, today)}"

    def _left(self, gap: Gap, s: State, now: int, today: int) -> str:
        """A machine has to be in another state: the nearest one that a rule leads to, and what that rule asks for."""
        machine = next(machine for machine in self._machines if machine.name == gap.measure)
        here, (_, wanted, negated) = s.states[machine.number], state_of(gap.atom)
        ways = [rule for rule in machine.leaving[here] if (machine.states[rule.to] in wanted) != negated]
        if not ways:
            return gap.words
        rule = min(ways, key=lambda way: (way.to - here) % len(machine.states))  # states stand in the journey's order
        missing = " and ".join(gap.words for gap in rule.explained.missing(s, now, today))
        return f"{machine.name} becomes {machine.states[rule.to]} (now {machine.states[here]}){': ' * bool(missing)}{missing}{_held(rule)}"


def _held(rule: CompiledRule) -> str:
    return f", for {rule.hold // 86_400_000} d" if rule.hold >= 86_400_000 else ""


def _ending(gap: Gap) -> int:
    """How many signals have to end; 0 where it is not fewer of them that are asked for."""
    if gap.measure != "count(signals)" or not isinstance(gap.threshold, (int, float)):
        return 0
    most = ceil(gap.threshold) - 1 if gap.op == "<" else floor(gap.threshold)
    return max(0, int(gap.value) - most) if gap.op in ("<", "<=", "==") else 0
