"""Publishing: a state put into the records that others consume. Content only: seq, detected_at and origin are added when sent."""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

import orjson

from schemas.definition.model import Definition, EntityDefinition
from schemas.draft import FactDraft, TransitionDraft, content, content_in_order, in_order
from schemas.time import rfc3339
from streams.journey.asks import Ask
from streams.journey.changes import Standing
from streams.journey.gauge import Value
from streams.journey.machines import CompiledMachine, CompiledRule, CompiledSignal
from streams.journey.state import State
from streams.journey.terms import Term, Terms

_dumps: Final = orjson.dumps


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
        carried = sorted(entity.carry)
        self._carry = [(name, _shown(terms.terms[name]) if name in terms.terms else None) for name in carried]
        self._published = [(m.name, _shown(terms.terms[m.name])) for m in entity.measures if m.publish]
        self.publishes = bool(self._published)
        self._sets: dict[int, list[str]] = {}
        self._places = [[_place(m.name, state) for state in m.states] for m in machines]
        self._watched = [terms.index[m.name] for m in entity.measures if m.publish]

    def transition(
        self, s: State, machine: CompiledMachine, to: int | None, rule: CompiledRule | None, now: int, today: int,
        cause: dict[str, Any], evidence: list[str], entity: str, label: str | None, into: str | None = None,
    ) -> TransitionDraft:  # fmt: skip
        m = machine.number
        was = s.states[m]
        about, states, name = self._definition, machine.states, self._name(was, to, rule)
        values = {
            "account": s.home if self._kind == "user" else None, "at": rfc3339(now),
            "because": [] if rule is None else rule.explained.because(s, now, today),
            "carry": {} if label == "erased" else self.carry(s, now, today),
            "cause": _cause(cause), "definition": about.name, "digest": about.digest,
            "dwell_s": None if was < 0 else round((now - s.since[m]) / 1000, 3), "entity": entity, "evidence": evidence,
            "from": None if was < 0 else states[was], "kind": self._kind,
            "label": label or (rule.rule.label if rule is not None else None), "machine": machine.name, "name": name,
            "signals": self.holding(s), "to": None if to is None else states[to], "version": about.version,
        }  # fmt: skip
        found = content_in_order(values) if into is None else content({**values, "into": into})
        return TransitionDraft(found, entity, machine.name, name, now)

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
            value = s.attrs.get(name) if ask is None else ask.of(s, now, today)
            if value is not None:
                found[name] = in_order(value) if type(value) is dict or type(value) is list else value
        return found

    def fact(
        self, s: State, now: int, account: str, day: int | None, event: str | None, user: str, risk: int | None
    ) -> FactDraft:
        stage = self._machines[0]
        found = content_in_order({
            "account": account, "active_day": day, "admin": s.admin, "at": now, "champion": False, "event": event,
            "level": s.level, "reached": self._reached(s.reached[0]),
            "risk": None if risk is None else self._machines[risk].states[s.states[risk]],
            "stage": stage.states[s.states[0]], "user": user,
        })  # fmt: skip
        return FactDraft(found, account)

    def _reached(self, states: int) -> list[str]:
        """The states of the first machine in a bit set, by name."""
        found = self._sets.get(states)
        if found is None:
            found = [name for n, name in enumerate(self._machines[0].states) if states >> n & 1]
            self._sets[states] = found
        return found

    def mark(self, s: State) -> int:
        """Changes whenever an event has moved a published measure. What only time moved is written with the next snapshot."""
        return crc32("".join([s.evidence[i] or "-" for i in self._watched]).encode())

    def standing(self, s: State, now: int, today: int) -> Standing:
        """The published measures, the machines and the carried attributes."""
        machines = [
            self._places[n][s.states[n]] + rfc3339(s.since[n]).encode() + b'"}' for n in range(len(self._machines))
        ]
        measures = _dumps({name: ask.of(s, now, today) for name, ask in self._published})
        carry = _dumps(self.carry(s, now, today))
        merging = [name for name, waits in s.names.items() if waits] if s.names else []
        body = (
            b'"machines":{' + b",".join(machines) + b'},"signals":' + _dumps(self.holding(s))
            + b',"measures":' + measures + b',"carry":' + carry + (b',"merging":' + orjson.dumps(merging) if merging else b"")
        )  # fmt: skip
        return Standing(body, crc32(b"[" + measures + b"," + carry + b"]"))


def _place(machine: str, state: str) -> bytes:
    """How a snapshot begins to say where a machine is; since when comes after it."""
    return orjson.dumps(machine) + b':{"state":' + orjson.dumps(state) + b',"since":"'


class _Moment(Ask):
    """A measure that is a time, as people read it: RFC 3339."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def of(self, s: State, now: int, today: int) -> Value:
        value = self._ask.of(s, now, today)
        return rfc3339(value) if isinstance(value, int) else value


def _shown(term: Term) -> Ask:
    return _Moment(term.value) if term.measure.kind == "first" or term.measure.as_time else term.value


def _cause(cause: dict[str, Any]) -> dict[str, Any]:
    return {"timer": rfc3339(cause["timer"])} if "timer" in cause else cause
