"""Versions: the states that an earlier definition kept, taken over by another one; see docs/decisions/0007.

Theory of operation. An entity is taken over when it is first touched, as of one instant of event time, the boundary: as
far as its partition had been read when the new definition came. Up to there the old definition folds it, with all that
is still unsettled; then its cells, states and alerts are put where the new definition keeps them, every state whose name
changed is published as a transition, and the new rules run. So nothing before the boundary is told anew, and what comes
late for it counts from the boundary on. Done twice, before and after a crash, it gives the same records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from schemas.alert import Alert, alert_id
from schemas.definition.model import Definition, EntityDefinition
from streams.delivery.contracts import Beside
from streams.journey.changes import Change, Fact, Out
from streams.journey.members import Settled
from streams.journey.migration_plan import Plan, renames, same_events
from streams.journey.rollup import Member, Names
from streams.journey.selections import Hit
from streams.journey.state import State, load
from streams.journey.timeline import Entity, Tally, Timeline, stamped


class Side(NamedTuple):
    """One of the two definitions: how it folds a kind of entity."""

    definition: Definition
    timeline: Timeline
    selections: list[str]

    @property
    def entity(self) -> EntityDefinition:
        return self.timeline.fold.entity


class Taken(NamedTuple):
    """An entity as the new definition keeps it, and as the old one did.

    before   what the old one still had to say
    changes  what is told of the change
    members  records of members to write beside the account
    """

    entity: Entity
    was: Entity
    before: Tally
    changes: list[Change]
    members: dict[str, Member]


class Migration:
    """From the entities of one definition to those of another. Holds no entity."""

    def __init__(self, old: Side, new: Side, plan: Plan) -> None:
        self._old, self._new, self._plan = old, new, plan
        self._cause = {"definition": new.definition.version}
        same = same_events(old.definition, new.definition)
        self._bits = [(1 << old.selections.index(was), 1 << new.selections.index(now)) for now, was in same.items()]
        # Of users, whatever the kind here: an account's members are told by the names of their states.
        self._names = Names(*(renames(old.definition, new.definition, machine) for machine in ("stage", "risk")))

    def take_over(self, key: str, payload: bytes, boundary: int, beside: Beside) -> Taken:
        """An entity that the old definition wrote, as of the boundary (ms)."""
        old, members = self._old.timeline, Settled(beside)
        if self._old.entity.kind == "account":
            boundary -= self._old.definition.clock.disorder  # so long do its inputs wait
        was = old.load(key, payload)
        before = old.advance(was, [], boundary, members)
        written = before.members | was.overlay
        entity, head, changes = self._entity(was), was.head, list[Change]()
        if head is not None:
            at = max(head.now, boundary)
            entity.head = self._state(head, _all_members(beside, written), written)
            if head.begun >= 0 and head.ended < 0:
                before.changes.extend(self._drop(was, head, at))
                changes += self._begin(entity, entity.head, head, at)
            entity.settled, entity.settled_to = entity.head.dump(), max(at, was.settled_to)
            old.mark_seen(entity, was.recent, before)
        return Taken(entity, was, before, changes, written)

    def stamped(self, taken: Taken, now: int) -> list[Change]:
        """What the old definition still had to say, with its place in the log; the new one goes on counting there."""
        numbers = {m.name: m.number for m in self._old.timeline.fold.machines}
        found = stamped(taken.before.changes, taken.was.seqs, numbers, now)
        taken.entity.seqs = self._seqs(taken.was)
        return found

    def _seqs(self, was: Entity) -> list[int]:
        return [0 if m.old is None else was.seqs[m.old] for m in self._plan.machines]

    # --- what is kept ------------------------------------------------------------------------------------------------

    def _entity(self, was: Entity) -> Entity:
        """What means the same under any definition is as it was; the rest is put in place by the caller."""
        entity = self._new.timeline.load(was.key, was.dump())
        entity.settled, entity.closed, entity.count, entity.recent, entity.asleep = b"", b"", 0, [], None
        entity.seqs = self._seqs(was)
        entity.pending = [self._input(item) for item in was.pending]
        entity.said_at, entity.said = -1, 0
        return entity

    def _state(self, was: State, members: dict[str, Member], written: dict[str, Member]) -> State:
        """By number is kept what the definition lays out; all else is as it was."""
        plan, fresh, s = self._plan, self._new.timeline.fold.fresh(), load(was.dump())
        s.states, s.since, s.reached, s.rollups = fresh.states, fresh.since, fresh.reached, fresh.rollups
        s.holds, s.signals, s.told = {}, 0, None
        s.cells = [None if n is None else was.cells[n] for n in plan.measures]
        s.evidence = [None if n is None else was.evidence[n] for n in plan.measures]
        for m, (old, states) in enumerate(plan.machines):
            if old is not None and was.states[old] >= 0:
                s.states[m], s.since[m] = states[was.states[old]], was.since[old]
                s.reached[m] = _bits(states[n] for n in range(len(states)) if was.reached[old] >> n & 1)
        self._recount(s, members, written)
        return s

    def _recount(self, s: State, members: dict[str, Member], written: dict[str, Member]) -> None:
        """An account's rollups, counted again over its members: they may count others now, or by other names."""
        rollups, today = self._new.timeline.fold.terms.rollups, self._new.timeline.fold.calendar.day(s.now)
        for user, member in members.items():
            now = self._names.of(member)
            if now != member:
                written[user] = now
            if now.life == s.begun:
                rollups.move(s.rollups, None, now, today)

    def _input(self, item: Any) -> Any:
        """An input that still waits. Events of selections that are new did not count for them when it came."""
        if isinstance(item, Fact):
            return item.about(self._names.of(item.member))
        if not isinstance(item, Hit):
            return item
        old, new = self._old.timeline.fold.reader, self._new.timeline.fold
        bits = _union(now for was, now in self._bits if item.bits & was & old.used) & new.reader.used
        said = dict(zip(old.paths, item.values or [], strict=False))
        values = [said.get(path) for path in new.reader.paths]
        attrs = {name: value for name, value in (item.attrs or {}).items() if name in new.attrs}
        known = any(value is not None for value in values)
        return item.reading(bits, values if known else None, attrs or None)

    # --- what is told ------------------------------------------------------------------------------------------------

    def _drop(self, was: Entity, head: State, at: int) -> Iterator[Change]:
        """The end of machines that are no more, told by the definition that had them."""
        out = Out(was.key)
        self._old.timeline.fold.leave(head, self._plan.dropped, at, self._cause, out)
        return _migrated(out.changes)

    def _begin(self, entity: Entity, s: State, was: State, at: int) -> Iterator[Change]:
        """States under other names, machines that are new, and what the new rules make of it all at once."""
        fold, out = self._new.timeline.fold, Out(entity.key)
        s.now = at
        machines = self._old.entity.machines
        names = [None if m.old is None else machines[m.old].states[was.states[m.old]] for m in self._plan.machines]
        self._retell(s, was)
        fold.adopt(s, names, list(self._closed(s, at)), at, self._cause, out)
        return _migrated(out.changes)

    def _closed(self, s: State, at: int) -> Iterator[tuple[Alert, Alert]]:
        """Alerts of rules that are no more resolve."""
        known = {alert.rule.name for alert in self._new.timeline.fold.alerts.rules}
        definition = self._new.definition
        for name in [name for name in s.alerts if name not in known]:
            kept = s.alerts.pop(name)
            if kept[0] is None:
                continue
            opening = Alert(*kept[4])
            record = replace(
                opening, status="resolved", clears_when=None, act_by=None, transition=None, at=at,
                definition=definition.name, version=definition.version,
            )  # fmt: skip
            record.id = alert_id(record)
            yield record, opening

    def _retell(self, s: State, was: State) -> None:
        """What a user's accounts were told last, by the numbers of now; nothing where names changed, so that all is told."""
        stage, reached, risk, *rest = was.told or (0, 0, None)
        states, risks = self._numbers("stage"), self._numbers("risk")
        if was.told is None or self._names.stages or self._names.risks or (risk is not None and not risks):
            return
        now = _bits(states[n] for n in range(len(states)) if reached >> n & 1)
        s.told = [states[stage], now, None if risk is None else risks[risk], *rest]

    def _numbers(self, machine: str) -> tuple[int, ...]:
        return next(
            (
                p.states
                for m, p in zip(self._new.entity.machines, self._plan.machines, strict=True)
                if m.name == machine
            ),
            (),
        )


def _migrated(changes: list[Change]) -> Iterator[Change]:
    for change in changes:
        if change.kind in ("transition", "alert"):
            change.record.origin = "migration"  # type: ignore[union-attr]  # these two have one
        yield change


def _bits(numbers: Iterator[int]) -> int:
    return _union(1 << n for n in numbers)


def _union(sets: Iterator[int]) -> int:
    found = 0
    for bits in sets:
        found |= bits
    return found


def _all_members(beside: Beside, moved: dict[str, Member]) -> dict[str, Member]:
    kept = {}
    for name in list(beside.all()):
        found = beside.get(name)
        if name.startswith(b"m:") and found is not None:
            kept[name[2:].decode()] = Member(*orjson.loads(found))
    return kept | moved
