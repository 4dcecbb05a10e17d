"""Publishing: a state put into the records that others consume. Content only: seq, detected_at and origin are added when sent."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from schemas.definition.model import Definition, EntityDefinition
from schemas.draft import FactDraft, TransitionDraft, content
from schemas.time import rfc3339
from streams.journey.machines import CompiledMachine, CompiledRule, CompiledSignal
from streams.journey.measures import Value
from streams.journey.state import State
from streams.journey.terms import Ask, Term, Terms


class Publisher:
    """Builds the records of one kind of entity."""

    def __init__(
        self, definition: Definition, entity: EntityDefinition, terms: Terms, machines: list[CompiledMachine],
        signals: list[CompiledSignal],
    ) -> None:  # fmt: skip
        self._definition = definition
        self._kind = entity.kind
        self._machines = machines
        self._signals = signals
        self._carry = [(name, _shown(terms.terms[name]) if name in terms.terms else None) for name in entity.carry]
        self._published = [(m.name, _shown(terms.terms[m.name])) for m in entity.measures if m.publish]
        self.publishes = bool(self._published)
        self._watched = [terms.index[m.name] for m in entity.measures if m.publish]

    def transition(
        self, s: State, machine: CompiledMachine, to: int | None, rule: CompiledRule | None, now: int, today: int,
        cause: dict[str, Any], evidence: list[str], entity: str, label: str | None, into: str | None = None,
    ) -> TransitionDraft:  # fmt: skip
        m = machine.number
        was = s.states[m]
        about, states, name = self._definition, machine.states, self._name(was, to, rule)
        values = {
            "kind": self._kind, "entity": entity, "account": s.home if self._kind == "user" else None,
            "machine": machine.name, "from": None if was < 0 else states[was], "to": None if to is None else states[to],
            "name": name, "label": label or (rule.rule.label if rule is not None else None),
            "at": rfc3339(now), "dwell_s": None if was < 0 else round((now - s.since[m]) / 1000, 3),
            "definition": about.name, "version": about.version, "digest": about.digest, "cause": _cause(cause),
            "because": [] if rule is None else rule.explained.because(s, now, today), "signals": self.holding(s),
            "evidence": evidence, "carry": {} if label == "erased" else self.carry(s, now, today),
        }  # fmt: skip
        if into is not None:
            values["into"] = into
        return TransitionDraft(content(values), entity, machine.name, name, now)

    def _name(self, was: int, to: int | None, rule: CompiledRule | None) -> str:
        if rule is not None:
            return rule.rule.name
        return "begins" if was < 0 else "ends" if to is None else "outside"

    def holding(self, s: State) -> list[str]:
        """The signals that hold, by name."""
        return [signal.name for signal in self._signals if s.signals & signal.bit] if s.signals else []

    def carry(self, s: State, now: int, today: int) -> dict[str, Any]:
        """The attributes that the definition carries on every record; a measure's value or a trait."""
        found = {}
        for name, ask in self._carry:
            value = s.attrs.get(name) if ask is None else ask(s, now, today)
            if value is not None:
                found[name] = value
        return found

    def fact(
        self, s: State, now: int, account: str, day: int | None, event: str | None, user: str, risk: int | None
    ) -> FactDraft:
        stage = self._machines[0]
        found = content({
            "user": user, "account": account, "at": now, "stage": stage.states[s.states[0]],
            "reached": [name for n, name in enumerate(stage.states) if s.reached[0] >> n & 1],
            "risk": None if risk is None else self._machines[risk].states[s.states[risk]], "level": s.level,
            "admin": s.admin, "active_day": day, "event": event, "champion": False,
        })  # fmt: skip
        return FactDraft(found, account)

    def mark(self, s: State) -> int:
        """Changes whenever an event has moved a published measure. What only time moved is written with the next snapshot."""
        return crc32("".join([s.evidence[i] or "-" for i in self._watched]).encode())

    def snapshot(self, s: State, now: int, today: int) -> dict[str, Any]:
        """The published measures, the machines and the carried attributes, as the body of a Snapshot."""
        found: dict[str, Any] = {
            "machines": {
                m.name: {"state": m.states[s.states[m.number]], "since": rfc3339(s.since[m.number])}
                for m in self._machines
            },
            "signals": self.holding(s),
            "measures": {name: ask(s, now, today) for name, ask in self._published},
            "carry": self.carry(s, now, today),
        }
        merging = [name for name, waits in s.names.items() if waits]
        return {**found, "merging": merging} if merging else found


def _shown(term: Term) -> Ask:
    """Asks for a measure's value as people read it: times in RFC 3339."""
    ask = term.value
    if term.measure.kind != "first" and not term.measure.as_time:
        return ask

    def read(s: State, now: int, today: int) -> Value:
        value = ask(s, now, today)
        return rfc3339(value) if isinstance(value, int) else value

    return read


def _cause(cause: dict[str, Any]) -> dict[str, Any]:
    return {"timer": rfc3339(cause["timer"])} if "timer" in cause else cause
