"""The machines and signals of an entity: states, rules in file order, and which names each guard may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from schemas.definition.errors import Report, listed
from schemas.definition.expression import Guard, Span
from schemas.definition.expressions_parser import Constants, parse_guard
from schemas.definition.fields import Fields, choice, entries, is_name, items, texts
from schemas.definition.model import Machine, Rule, Signal
from schemas.definition.scope import Scope
from schemas.definition.yaml_reader import Node, Scalar, Table

RULE_KEYS = ("name", "from", "to", "when", "hold", "label")
MACHINE_KEYS = ("states", "transitions", "only_in")

MAX_STATES = 60
"""A state remembers which states it has been in as bits of one JSON integer."""


@dataclass(slots=True)
class Declared:
    """A machine whose states are read and whose rules are not yet."""

    key: Scalar
    fields: Fields
    states: tuple[str, ...]


@dataclass(slots=True)
class Machines:
    """All machines of one entity, in file order. A guard reads the machines before its own only.

    Signals are looked at right after the first machine, `stage`: they may read it, and later machines may read them.
    """

    entity: str
    report: Report
    constants: Constants
    declared: dict[str, Declared] = field(default_factory=dict)
    signals: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    # --- declaring ---------------------------------------------------------------------------------------------------

    def declare(self, key: Scalar, body: Node) -> None:
        what = f"machine {key.value}"
        if not is_name(key, "a machine", self.report):
            return
        fields = Fields(body, what, MACHINE_KEYS, self.report, self.constants)
        self.declared[key.value] = Declared(key, fields, self._states(fields))

    def _states(self, fields: Fields) -> tuple[str, ...]:
        states: list[str] = []
        for word in fields.texts("states", required=True):
            if word.value in states:
                self.report.error(word, f"{fields.what} has the state {word.value!r} twice")
            elif is_name(word, "a state", self.report):
                states.append(word.value)
        words = len(fields.texts("states"))
        if fields.get("states") is not None and not 2 <= words <= MAX_STATES:
            self.report.error(fields.get("states") or fields.place, f"{fields.what} needs 2 to {MAX_STATES} states")
        return tuple(states)

    def declare_signals(self, node: Node | None) -> None:
        for key, body in entries(node, f"`signals` of {self.entity}", self.report):
            if is_name(key, "a signal", self.report):
                self.signals[key.value] = (key, body)

    def states(self) -> dict[str, tuple[str, ...]]:
        return {name: one.states for name, one in self.declared.items()}

    # --- building ----------------------------------------------------------------------------------------------------

    def build_signals(self, scope: Scope) -> tuple[Signal, ...]:
        later = {name: f"signals run right after `stage` and cannot read {name!r}" for name in list(self.declared)[1:]}
        later |= {name: f"{name!r} is a signal, and a signal reads no other" for name in self.signals}
        later["signals"] = "a signal cannot count signals"
        readable = {name: one.states for name, one in list(self.declared.items())[:1]}
        scope = replace(scope, machines=readable, refused={**later, **scope.refused})
        found = []
        for name, (key, body) in self.signals.items():
            when = parse_guard(body, f"signal {name}", scope, self.report)
            if when is not None:
                found.append(Signal(name, when, Span(key.line, key.column, name)))
        return tuple(found)

    def build(self, scope: Scope) -> tuple[Machine, ...]:
        found = []
        names = list(self.declared)
        for n, name in enumerate(names):
            earlier = {m: self.declared[m].states for m in names[:n]}
            found.append(self._machine(self.declared[name], earlier, self._scope(scope, n, names)))
        return tuple(found)

    def _scope(self, scope: Scope, n: int, names: list[str]) -> Scope:
        refused = {
            m: f"machine {m!r} runs later and cannot be read here; put it before {names[n]!r}" for m in names[n + 1 :]
        }
        signals = tuple(self.signals) if n else ()
        if not n:
            refused |= dict.fromkeys([*self.signals, "signals"], "signals run after `stage` and cannot be read by it")
        return replace(
            scope,
            machines={m: self.declared[m].states for m in names[:n]},
            own=names[n],
            own_states=self.declared[names[n]].states,
            signals=signals,
            refused={**refused, **scope.refused},
        )

    def _machine(self, one: Declared, earlier: Mapping[str, tuple[str, ...]], scope: Scope) -> Machine:
        name = one.key.value
        rules: dict[str, Rule] = {}
        for body in items(one.fields.required("transitions"), f"`transitions` of machine {name}", self.report):
            rule = self._rule(body, one, scope)
            if rule is None:
                continue
            if rule.name in rules:
                span = rule.span or Span(1, 1, "")
                self.report.error(
                    span, f"machine {name} has two transitions called {rule.name!r}; each needs its own name"
                )
            rules[rule.name] = rule
        only_in = self._only_in(one, earlier)
        return Machine(name, one.states, tuple(rules.values()), only_in, Span(one.key.line, one.key.column, name))

    def _rule(self, body: Node, one: Declared, scope: Scope) -> Rule | None:
        what = f"a transition of machine {one.key.value}"
        fields = Fields(body, what, RULE_KEYS, self.report, self.constants)
        if not isinstance(body, Table):
            return None
        name = fields.text("name", required=True)
        from_states = fields.choices("from", one.states, required=True)
        to = fields.choice("to", one.states, required=True)
        if to in from_states:
            self.report.error(
                fields.get("to") or fields.place, f"a transition leads to another state, and {to!r} is in its `from`"
            )
        when = self._when(fields, scope)
        hold, label = fields.duration("hold") or 0, fields.text("label")
        if name is None or to is None or when is None:
            return None
        return Rule(name, from_states, to, when, hold, label, Span(body.line, body.column, name))

    def _when(self, fields: Fields, scope: Scope) -> Guard | None:
        node = fields.required("when")
        return None if node is None else parse_guard(node, "`when`", scope, self.report)

    def _only_in(
        self, one: Declared, earlier: Mapping[str, tuple[str, ...]]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        what = f"`only_in` of {one.fields.what}"
        found = []
        for key, body in entries(one.fields.get("only_in"), what, self.report):
            if key.value not in earlier:
                self._not_earlier(key, what, earlier)
                continue
            words = (
                choice(word, earlier[key.value], f"{what}: {key.value}", self.report)
                for word in texts(body, what, self.report)
            )
            states = tuple(dict.fromkeys(word for word in words if word is not None))
            found.append((key.value, states))
        return tuple(found)

    def _not_earlier(self, key: Scalar, what: str, earlier: Mapping[str, tuple[str, ...]]) -> None:
        if key.value in self.declared:
            self.report.error(key, f"{what} may name machines that stand before it only; {key.value!r} does not")
        else:
            self.report.error(key, f"{what}: unknown machine {key.value!r}; before it there is {listed(earlier)}")
