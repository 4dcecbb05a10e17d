"""Alerts: one open alert per name and entity, opened while a machine is in a state (or a signal holds), resolved when it is left.

Kept in the state as {name: [id of the opening record or None, opened at, closed at or None, transition, that record's
values while it is open]}. An alert that would reopen within its cool-down waits for the end of it; if the reason is gone by
then, nothing was ever said.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, Literal

from schemas.alert import Alert, alert_id
from schemas.definition.model import AlertRule, Definition, EntityDefinition
from schemas.transition import Transition
from streams.delivery.contracts import NEVER
from streams.journey.clearing import Clearing
from streams.journey.explain import Explained
from streams.journey.machines import CompiledAlert, CompiledMachine, CompiledSignal, compile_alerts
from streams.journey.publish import Publisher
from streams.journey.state import State

_FIELDS: Final = tuple(field.name for field in fields(Alert))

Status = Literal["opened", "resolved", "retracted"]


Step = tuple[Alert, Alert | None]
"""A record that opens or resolves; with one that resolves, the record that opened it."""


class Alerts:
    """The alert rules of one kind of entity."""

    def __init__(
        self, definition: Definition, entity: EntityDefinition, publisher: Publisher, machines: list[CompiledMachine],
        signals: list[CompiledSignal],
    ) -> None:  # fmt: skip
        self.rules = compile_alerts(definition, entity)
        self._definition = definition
        self._kind = entity.kind
        self._publisher = publisher
        self._machines = machines
        self._signals = signals
        self._clearing = Clearing(machines, signals)

    def waiting(self, s: State) -> bool:
        """Whether some alert has a reason to open and is only held back by its cool-down."""
        return any(kept[0] is None and kept[1] >= 0 for kept in s.alerts.values()) if s.alerts else False

    def next(self, s: State, now: int) -> int:
        """The first instant after now at which a cool-down ends for an alert that waits."""
        ends = [
            kept[2] + alert.rule.cooldown
            for alert in self.rules
            if (kept := s.alerts.get(alert.rule.name)) is not None and kept[0] is None and kept[1] >= 0
        ]
        return min((end for end in ends if end > now), default=NEVER)

    def update(self, s: State, now: int, today: int, entity: str, changes: list[Any]) -> list[Step]:
        """Open and resolve what the state asks for. `changes`: what this input changed, to name the transition behind it."""
        found: list[Step] = []
        for alert in self.rules:
            kept = s.alerts.get(alert.rule.name)
            inside = alert.inside(s)
            if inside and (kept is None or kept[0] is None):
                record = self._open(s, alert, kept, now, today, entity, changes)
                found += [(record, None)] if record else []
            elif not inside and kept is not None:
                found += self._leave(s, alert, kept, now, today, entity, changes)
        return found

    def end(self, s: State, now: int, today: int, entity: str, changes: list[Any]) -> list[Step]:
        """The entity is no more: what is open resolves."""
        found: list[Step] = []
        for alert in self.rules:
            kept = s.alerts.get(alert.rule.name)
            if kept is not None:
                found += self._leave(s, alert, kept, now, today, entity, changes)
        return found

    def _open(
        self,
        s: State,
        alert: CompiledAlert,
        kept: list[Any] | None,
        now: int,
        today: int,
        entity: str,
        changes: list[Any],
    ) -> Alert | None:
        rule = alert.rule
        behind = kept[3] if kept is not None and kept[1] >= 0 else self._transition(alert, changes)
        if kept is not None and now < kept[2] + rule.cooldown:
            s.alerts[rule.name] = [None, now, kept[2], behind]
            return None
        record = self._record(s, alert, "opened", now, today, entity, behind)
        record.id = record.opens = alert_id(record)
        s.alerts[rule.name] = [record.id, now, None, behind, [getattr(record, name) for name in _FIELDS]]
        return record

    def _leave(
        self, s: State, alert: CompiledAlert, kept: list[Any], now: int, today: int, entity: str, changes: list[Any]
    ) -> list[Step]:
        opens, closed = kept[0], kept[2]
        if opens is None:  # it waited for its cool-down, and the reason went away first
            s.alerts[alert.rule.name] = [None, -1, closed, None]
            return []
        record = self._record(s, alert, "resolved", now, today, entity, self._transition(alert, changes))
        record.opens = opens
        record.id = alert_id(record)
        s.alerts[alert.rule.name] = [None, -1, now, None]
        return [(record, Alert(*kept[4]))]

    def _transition(self, alert: CompiledAlert, changes: list[Any]) -> str | None:
        if alert.machine is None:
            return None
        name = self._machines[alert.machine].name
        ids = [c.id for c in changes if c.kind == "transition" and c.record.machine == name]
        return ids[-1] if ids else None

    def _record(
        self, s: State, alert: CompiledAlert, status: Status, now: int, today: int, entity: str, transition: str | None
    ) -> Alert:
        rule, carry, signals = alert.rule, self._publisher.carry(s, now, today), self._publisher.holding(s)
        because, evidence = self._reasons(s, alert, now, today)
        return Alert(
            id="", name=rule.name, status=status, opens="", kind=self._kind, entity=entity,
            account=s.home if self._kind == "user" else entity, severity=rule.severity,
            title=title(rule, carry, signals, entity), signals=signals, because=because, evidence=evidence,
            clears_when=self._clearing.of(s, alert, now, today) if status == "opened" else None, do=rule.do,
            act_by=now + rule.act_within if rule.act_within is not None and status == "opened" else None,
            owner=owner(carry), carry=carry, transition=transition, at=now, detected_at=0,
            definition=self._definition.name, version=self._definition.version, origin="live",
        )  # fmt: skip

    def _reasons(self, s: State, alert: CompiledAlert, now: int, today: int) -> tuple[list[dict[str, Any]], list[str]]:
        """The values of every signal that holds, and of the rule that leads into the state."""
        explained = [signal.explained for signal in self._signals if s.signals & signal.bit]
        if alert.machine is not None:
            explained += [rule.explained for rule in self._ways_in(alert) if rule.holds.of(s, now, today)]
        rows = [row for one in explained for row in one.because(s, now, today)]
        because = [row for n, row in enumerate(rows) if row not in rows[:n]]
        ids = [found for one in explained for found in one.evidence(s)] or ([s.last_id] if s.last_id else [])
        return because, list(dict.fromkeys(ids))

    def _ways_in(self, alert: CompiledAlert) -> list[Any]:
        machine = self._machines[alert.machine or 0]
        return [rule for rules in machine.leaving for rule in rules if rule.to == alert.state]


def owner(carry: dict[str, Any]) -> str | None:
    """Who looks after it: a name, an address or a CRM's number, as text; nobody where a source says something else."""
    found = carry.get("owner")
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def title(rule: AlertRule, carry: dict[str, Any], signals: list[str], entity: str) -> str:
    """The rule's title with {name}, {signals} and carried attributes filled in; a readable default without one."""
    words = ", ".join(name.replace("_", " ") for name in signals) or rule.enters.replace("_", " ")
    filled = {**{k: str(v) for k, v in carry.items()}, "entity": entity, "signals": words}
    filled.setdefault("name", entity)
    text = rule.title or "{name}: " + rule.name.replace("_", " ")
    for key, value in filled.items():
        text = text.replace("{" + key + "}", value)
    return text


__all__ = ["Alerts", "Explained", "Transition", "title"]
