"""Publishing: a state put into the records that others consume. Content only: seq, detected_at and origin are added when sent."""

from __future__ import annotations

from typing import Any, cast
from zlib import crc32

from schemas.definition.model import Definition, EntityDefinition
from schemas.member import Level, MemberFacts
from schemas.time import rfc3339
from schemas.transition import Transition, transition_id
from streams.journey.machines import CompiledMachine, CompiledRule, CompiledSignal
from streams.journey.state import State
from streams.journey.terms import Term, Terms


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
        self._carry = [(name, terms.terms.get(name)) for name in entity.carry]
        self._published = [terms.terms[m.name] for m in entity.measures if m.publish]
        self.publishes = bool(self._published)
        self._watched = [terms.index[m.name] for m in entity.measures if m.publish]

    def transition(
        self, s: State, machine: CompiledMachine, to: int | None, rule: CompiledRule | None, now: int, today: int,
        cause: dict[str, Any], evidence: list[str], entity: str, label: str | None, into: str | None = None,
    ) -> Transition:  # fmt: skip
        m = machine.number
        was = s.states[m]
        record = Transition(
            id="", kind=self._kind, entity=entity, account=s.home if self._kind == "user" else None, machine=machine.name,
            from_=None if was < 0 else machine.states[was], to=None if to is None else machine.states[to],
            name=self._name(was, to, rule), label=label or (rule.rule.label if rule is not None else None), at=now,
            detected_at=0, seq=0, dwell_s=None if was < 0 else round((now - s.since[m]) / 1000, 3),
            definition=self._definition.name, version=self._definition.version, digest=self._definition.digest,
            cause=_cause(cause), because=[] if rule is None else rule.explained.because(s, now, today),
            signals=self.holding(s), evidence=evidence, carry=self.carry(s, now, today), origin="live", valid=True,
            supersedes=None, into=into,
        )  # fmt: skip
        record.id = transition_id(record)
        return record

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
        for name, term in self._carry:
            value = s.attrs.get(name) if term is None else shown(term, s, now, today)
            if value is not None:
                found[name] = value
        return found

    def fact(
        self, s: State, now: int, account: str, day: int | None, event: str | None, user: str, risk: int | None
    ) -> MemberFacts:
        stage = self._machines[0]
        reached = [name for n, name in enumerate(stage.states) if s.reached[0] >> n & 1]
        return MemberFacts.of(
            user=user, account=account, at=now, stage=stage.states[s.states[0]], reached=reached,
            risk=None if risk is None else self._machines[risk].states[s.states[risk]], level=cast("Level", s.level), admin=s.admin,
            active_day=day, event=event,
        )  # fmt: skip

    def mark(self, s: State) -> int:
        """Changes whenever an event has moved a published measure. What only time moved is written with the next snapshot."""
        return crc32("".join([s.evidence[i] or "-" for i in self._watched]).encode())

    def snapshot(self, s: State, now: int, today: int) -> dict[str, Any]:
        """The published measures, the machines and the carried attributes, as the body of a Snapshot."""
        return {
            "machines": {
                m.name: {"state": m.states[s.states[m.number]], "since": rfc3339(s.since[m.number])}
                for m in self._machines
            },
            "signals": self.holding(s),
            "measures": {term.measure.name: shown(term, s, now, today) for term in self._published},
            "carry": self.carry(s, now, today),
            "merging": [name for name, waits in s.names.items() if waits] or None,
        }


def shown(term: Term, s: State, now: int, today: int) -> Any:
    """A measure's value as people read it: times in RFC 3339."""
    value = term.value(s, now, today)
    if isinstance(value, int) and (term.measure.kind == "first" or term.measure.as_time):
        return rfc3339(value)
    return value


def _cause(cause: dict[str, Any]) -> dict[str, Any]:
    return {"timer": rfc3339(cause["timer"])} if "timer" in cause else cause
