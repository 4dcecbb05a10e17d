"""Next steps: for every transition out of where an entity stands, what would have to happen for it; for an alert, what ends it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from schemas.definition.expression import Guard, Not
from streams.journey.counterfactual import Counterfactual, Move
from streams.journey.fold import Fold
from streams.journey.machines import CompiledAlert, CompiledMachine, CompiledRule
from streams.journey.state import State


class NextStep(NamedTuple):
    """One transition that is possible from here.

    moves    the smallest change that makes its condition hold; [] where it holds and waits for its `hold` to pass; None
             where no change of single terms does
    hold     how long it must hold then, ms; `left` of that, where it holds already
    signals  where the number of signals has to fall: what would end each that holds
    instead  an earlier transition whose condition would hold as well, and which would win
    """

    machine: str
    from_: str
    to: str
    name: str
    moves: list[Move] | None
    hold: int
    left: int | None
    signals: tuple[tuple[str, list[Move] | None], ...]
    instead: str | None


class NextSteps:
    """Of one kind of entity of one definition."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._of_rule = cache(lambda rule, machine: Counterfactual(fold.guards, rule.when, machine))
        self._of_signal = cache(lambda name: Counterfactual(fold.guards, Not(self._signal(name))))

    def of(self, s: State, now: int) -> list[NextStep]:
        """Of every machine that may move, in file order."""
        machines = (machine for machine in self._fold.machines if not machine.only_in or machine.runs(s))
        return [
            self._step(s, now, machine, rule, n) for machine in machines
            for n, rule in enumerate(machine.leaving[s.states[machine.number]])
        ]  # fmt: skip

    def clearing(self, s: State, alert: CompiledAlert, now: int) -> NextStep | None:
        """The step that ends an open alert and asks for least; None where none does."""
        if alert.machine is None:
            name = next(signal.name for signal in self._fold.signals if signal.bit == alert.state)
            moves = self._of_signal(name).moves(s, now, self._fold.calendar.day(now))
            return NextStep("signals", name, "", alert.rule.name, moves, 0, None, (), None)
        machine = self._fold.machines[alert.machine]
        today = self._fold.calendar.day(now)
        rules = sorted(
            enumerate(machine.leaving[alert.state]),
            key=lambda way: self._of_rule(way[1].rule, machine.number).effort(s, now, today),
        )
        ways = (self._step(s, now, machine, rule, n) for n, rule in rules)
        return next((way for way in ways if way.moves is not None), None)

    def _step(self, s: State, now: int, machine: CompiledMachine, rule: CompiledRule, n: int) -> NextStep:
        today, number = self._fold.calendar.day(now), machine.number
        asked = self._of_rule(rule.rule, number)
        moves, values = asked.moves(s, now, today), asked.values(s, now, today)
        earlier = machine.leaving[s.states[number]][:n]
        instead = next(
            (other.rule.name for other in earlier if values is not None and other.hold <= rule.hold
             and self._of_rule(other.rule, number).holds(s, now, today, values)), None,
        )  # fmt: skip
        states = machine.states
        return NextStep(
            machine.name, states[s.states[number]], states[rule.to], rule.rule.name, moves, rule.hold,
            rule.hold - (now - s.holds[rule.key]) if moves == [] and rule.key in s.holds else None, self._stops(s, now, moves), instead,
        )  # fmt: skip

    def _stops(self, s: State, now: int, moves: list[Move] | None) -> tuple[tuple[str, list[Move] | None], ...]:
        """What would end each signal that holds, where fewer of them are asked for."""
        if not any(move.kind == "signals" and (move.by or 0) < 0 for move in moves or ()):
            return ()
        today = self._fold.calendar.day(now)
        holding = (signal.name for signal in self._fold.signals if s.signals & signal.bit)
        return tuple((name, self._of_signal(name).moves(s, now, today)) for name in holding)

    def _signal(self, name: str) -> Guard:
        return next(signal.when for signal in self._fold.entity.signals if signal.name == name)
