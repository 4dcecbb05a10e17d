"""What the logics of users and accounts share: changes and snapshots put on their topics, and counted."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zlib import crc32

import orjson

from schemas.alert import Alert
from schemas.definition.model import Definition, Kind
from schemas.member import MemberFacts
from schemas.snapshot import Snapshot
from streams.delivery.contracts import Dead, Ok, Outcome, Output
from streams.journey.fold import Change, Fact, Fold
from streams.journey.identity import Link, Merge, Message, message
from streams.journey.rollup import GONE, Member
from streams.journey.selections import Selections
from streams.journey.timeline import Entity, Input, Retract, Tally, Timeline, stamped

HOUR = 3_600_000
"""A changed published value is written at most hourly: often enough for a board, rare enough for a busy user."""


class Journeys:
    """One kind of entity of one definition, from inputs to outputs."""

    def __init__(self, definition: Definition, kind: Kind) -> None:
        self.definition = definition
        self.kind = kind
        self.selections = Selections(definition)
        self.fold = Fold(definition, kind, self.selections)
        self.timeline = Timeline(self.fold, definition.clock.grace)
        self.counts: Counter[tuple[str, str]] = Counter()
        """(metric, label) -> n since it was last emptied: what happened, for metrics and the definition's own check."""
        self.timeline.counts = self.counts
        self.timeline.redirects.counts = self.fold.reader.counts = self.counts
        self._machines = {m.name: m.number for m in self.fold.machines}

    def new(self, key: bytes) -> Entity:
        return Entity(key.decode(), len(self._machines))

    def load(self, key: bytes, payload: bytes) -> Entity:
        return self.timeline.load(key.decode(), payload)

    def dump(self, entity: Entity) -> bytes:
        return entity.dump()

    def told(self, value: bytes, to: bytes) -> Outcome:
        """A message of another entity, as an input; whatever it was, when it is taken back."""
        try:
            found = message(value, to.decode())
            t, key, said = found.t, found.id, found.said
            if not found.valid:
                return Ok(to, Retract(t, key), t)
            return Ok(to, self._input(found.what, t, key, said), t)
        except (KeyError, TypeError, ValueError) as error:
            return Dead("wrong_type", f"{type(error).__name__}: {error}")

    def _input(self, what: str, t: int, key: str, said: dict[str, Any]) -> Input:
        match what:
            case "link":
                return Link(t, key, said["link"])
            case "merge":
                return Merge(t, key, said)
            case "hit":
                return self.fold.reader.read(t, key, said["hit"], said["via"])
        member = GONE if said["member"] is None else Member(*said["member"])
        return Fact(t, key, said["user"], member, said["event"], None, said["how"])

    def matched(self, bits: int) -> None:
        """Count an event for each selection it belongs to."""
        counts, names, n = self.counts, self.selections.names, 0
        while bits:
            if bits & 1:
                counts["matches", names[n]] += 1
            bits >>= 1
            n += 1

    def outputs(self, e: Entity, tally: Tally, now: int) -> list[Output]:
        """The records that a tally publishes, in order: changes, the mornings, then where the entity stands."""
        found = [self._output(e, change) for change in stamped(tally.changes, e.seqs, self._machines, now)]
        found += [self._snapshot(e, at, body) for at, body in tally.days]
        last = self._standing(e, tally)
        if last is not None:
            found.append(last)
        return found

    def _output(self, e: Entity, change: Change) -> Output:
        record = change.record
        if isinstance(record, MemberFacts):
            return Output("members", record.account.encode(), record.to_json())
        if isinstance(record, Message):
            if record.what == "link" and record.said["link"][1] == e.key:
                e.waits.pop(record.to, None)
                e.waits |= {record.to: record.t} if record.valid else {}
            self.counts["messages", f"{record.what}/{'sent' if record.valid else 'taken back'}"] += 1
            topic = "events" if self.kind == "user" and record.what != "member" else "members"
            return Output(topic, record.to.encode(), record.to_json())
        if isinstance(record, Alert):
            self.counts["alerts", f"{record.name}/{record.status}"] += 1
            return Output("alerts", record.entity.encode(), record.to_json())
        self.counts["firings", f"{self.kind}.{record.machine}/{record.name}"] += 1
        return Output(f"transitions.{self.kind}", record.entity.encode(), record.to_json())

    def _standing(self, e: Entity, tally: Tally) -> Output | None:
        """A snapshot where a stage changed, or a published value did and the last one is an hour old."""
        head = e.head
        if head is None or (head.begun < 0 and head.ended < 0):
            return None
        moved = any(change.kind == "transition" for change in tally.changes)
        if head.ended >= 0:
            return Output(f"state.{self.kind}", e.key.encode(), None) if moved else None
        if not moved and (not self.fold.publisher.publishes or head.now - e.said_at < HOUR):
            return None
        mark = self.fold.publisher.mark(head)
        if not moved and mark == e.mark:
            return None
        e.mark = mark
        body = self.fold.publisher.snapshot(head, head.now, self.fold.calendar.day(head.now))
        said = crc32(orjson.dumps([body["measures"], body["carry"]]))
        if not moved and said == e.said:
            return None
        e.said, e.said_at = said, head.now
        return self._snapshot(e, head.now, body)

    def standing(self, e: Entity) -> bytes | None:
        """A snapshot of where a living entity stands at the instant it was folded to; None for one that is not."""
        head = e.head
        if head is None or head.begun < 0 or head.ended >= 0:
            return None
        return self._snapshot(
            e, head.now, self.fold.publisher.snapshot(head, head.now, self.fold.calendar.day(head.now))
        ).value

    def _snapshot(self, e: Entity, at: int, body: dict[str, Any]) -> Output:
        head = e.head
        account = (head.home if head is not None else None) if self.kind == "user" else e.key
        record = Snapshot(
            kind=self.kind, entity=e.key, account=account, as_of=at, definition=self.definition.name,
            version=self.definition.version, **body,
        )  # fmt: skip
        return Output(f"state.{self.kind}", e.key.encode(), record.to_json())
