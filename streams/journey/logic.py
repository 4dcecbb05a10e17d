"""What the logics of users and accounts share: changes and snapshots put on their topics, and counted."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import orjson

from schemas.alert import Alert
from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition, Kind
from schemas.definition.parse import parse
from schemas.draft import TransitionDraft
from schemas.time import rfc3339
from streams.delivery.contracts import Beside, Dead, Ok, Outcome, Output, TakenOver, UnknownDefinition
from streams.journey.changes import Change, Fact, Standing
from streams.journey.erasure import Erase, Released
from streams.journey.fold import Fold
from streams.journey.identity import Link, Merge, Message, message
from streams.journey.migrate import Migration, Side
from streams.journey.migration_plan import plan, refusal
from streams.journey.pack import pack
from streams.journey.rollup import GONE, Member
from streams.journey.selections import Selections
from streams.journey.timeline import UNHEARD, Entity, Input, Retract, Tally, Timeline, stamped

_dumps: Final = orjson.dumps

HOUR: Final = 3_600_000
"""A changed published value is written at most hourly: often enough for a board, rare enough for a busy user."""


class Journeys:
    """One kind of entity of one definition, from inputs to outputs."""

    def __init__(self, definition: Definition, kind: Kind) -> None:
        self.definition = definition
        self.kind = kind
        self.selections = Selections(definition)
        self.fold = Fold(definition, kind, self.selections)
        self.timeline = Timeline(self.fold, definition.clock.grace)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._matched: dict[int, list[int]] = {}  # set of selections -> [events since it was last emptied]
        self._fired: dict[tuple[str, str], list[int]] = {}  # (machine, rule) -> [transitions likewise]
        self.timeline.counts = self._counts
        self.timeline.redirects.counts = self.fold.reader.counts = self._counts
        self._machines = {m.name: m.number for m in self.fold.machines}
        self._transitions, self._state = f"transitions.{kind}", f"state.{kind}"
        self._followed = True  # somebody reads what is told to accounts
        about = orjson.dumps({"definition": definition.name, "version": definition.version})
        self._head, self._about = b'{"kind":"%b","entity":' % kind.encode(), b'",' + about[1:-1] + b","

    def new(self, key: bytes, kept: bytes | None = None) -> Entity:
        entity = Entity(key.decode(), len(self._machines))
        if kept is not None:
            entity.erased, entity.erasure = orjson.loads(kept)
        return entity

    def load(self, key: bytes, payload: bytes) -> Entity:
        return self.timeline.load(key.decode(), payload)

    def dump(self, entity: Entity) -> bytes:
        return entity.dump()

    def is_full(self, entity: Entity) -> bool:
        return len(entity.recent) > UNHEARD // 2

    def kept(self, entity: Entity) -> bytes | None:
        """What must outlive an entity: up to when it was erased, so that nothing from before brings it back."""
        return None if entity.erased < 0 else pack([entity.erased, entity.erasure])

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """(metric, label) -> n since it was last emptied: what happened, for metrics and the definition's own check."""
        for bits, (count,) in self._matched.items():
            for n, name in enumerate(self.selections.names):
                if bits >> n & 1:
                    self._counts["matches", name] += count
        for (machine, rule), (count,) in self._fired.items():
            self._counts["firings", f"{self.kind}.{machine}/{rule}"] += count
        self._matched.clear()
        self._fired.clear()
        return self._counts

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
            case "erase":
                before, at_once, via = said["erase"]
                return Erase(t, key, [int(before), bool(at_once), str(via)])
            case "release":
                return Released(t, key, said["release"])
            case "hit":
                return self.fold.reader.read(t, key, said["hit"], said["via"])
        member = GONE if said["member"] is None else Member(*said["member"])
        return Fact(t, key, said["user"], member, said["event"], None, said["how"])

    def former(self, text: bytes) -> Migration | None:
        """What takes over entities that the definition with this text kept; None where it is this one.

        Raises UnknownDefinition.
        """
        try:
            old = parse(text.decode(), "the definition it is kept under")
        except DefinitionErrors as problems:
            raise UnknownDefinition(
                f"kept under a definition that this program cannot read any more: {problems}"
            ) from None
        if old.digest == self.definition.digest:
            return None
        reason = refusal(old, self.definition)
        if reason is not None:
            raise UnknownDefinition(reason)
        steps = plan(old, self.definition, self.kind)
        assert steps is not None, f"{self.kind}s were kept, so both definitions have some"
        return Migration(Journeys(old, self.kind).side, self.side, steps)

    @property
    def side(self) -> Side:
        return Side(self.definition, self.timeline, self.selections.names)

    def take_over(
        self, former: Migration, key: bytes, payload: bytes, boundary: int, now: int, beside: Beside
    ) -> TakenOver:
        """An entity that an earlier definition kept; what it had still to say comes first."""
        taken = former.take_over(key.decode(), payload, boundary, beside)
        changes = former.stamped(taken, now) + stamped(taken.changes, taken.entity.seqs, self._machines, now)
        outputs = self._published(taken.entity, changes)
        outputs += [self._snapshot(taken.entity, at, body) for at, body in taken.before.days]
        taken.before.changes[:] = changes
        standing = self._standing(taken.entity, taken.before)
        written: list[tuple[bytes, bytes | None]] = [
            (b"m:" + user.encode(), pack(member.row())) for user, member in taken.members.items()
        ]
        return TakenOver(taken.entity, outputs + ([standing] if standing else []), written)

    def matched(self, bits: int) -> None:
        """Count an event for each selection it belongs to."""
        _count(self._matched, bits)

    def outputs(self, e: Entity, tally: Tally, now: int) -> list[Output]:
        """The records that a tally publishes, in order: changes, the mornings, then where the entity stands."""
        found = self._published(e, stamped(tally.changes, e.seqs, self._machines, now))
        found += [self._snapshot(e, at, body) for at, body in tally.days]
        last = self._standing(e, tally)
        if last is not None:
            found.append(last)
        return found

    def _published(self, e: Entity, changes: list[Change]) -> list[Output]:
        found = [self._output(e, change) for change in changes]
        return found if self._followed else [output for output in found if output.topic != "members"]

    def _output(self, e: Entity, change: Change) -> Output:
        record = change.record
        if isinstance(record, Message):
            if record.what == "link" and record.said["link"][1] == e.key:
                e.waits.pop(record.to, None)
                if record.valid:
                    e.waits[record.to] = record.t
            self._counts["messages", f"{record.what}/{'sent' if record.valid else 'taken back'}"] += 1
            of_users = record.what == "release" or (self.kind == "user" and record.what != "member")
            topic = "events" if of_users else "members"
            return Output(topic, record.to.encode(), record.to_json())
        if isinstance(record, Alert):
            self._counts["alerts", f"{record.name}/{record.status}"] += 1
            return Output("alerts", record.entity.encode(), record.to_json())
        if isinstance(record, TransitionDraft):
            _count(self._fired, (record.machine, record.name))
            return Output(self._transitions, record.entity.encode(), record.to_json())
        return Output("members", record.account.encode(), record.to_json())

    def _standing(self, e: Entity, tally: Tally) -> Output | None:
        """A snapshot where a stage changed, or a published value did and the last one is an hour old."""
        head = e.head
        if head is None:
            return None
        moved = any(change.kind == "transition" for change in tally.changes)
        if head.ended >= 0 or head.begun < 0:  # gone, or all that was told of it is taken back
            return Output(self._state, e.key.encode(), None) if moved else None
        if not moved and (not self.fold.publisher.publishes or head.now - e.said_at < HOUR):
            return None
        mark = self.fold.publisher.mark(head)
        if not moved and mark == e.mark:
            return None
        e.mark = mark
        standing = self.fold.publisher.standing(head, head.now, self.fold.calendar.day(head.now))
        if not moved and standing.said == e.said:
            return None
        e.said, e.said_at = standing.said, head.now
        return self._snapshot(e, head.now, standing)

    def standing(self, e: Entity) -> bytes | None:
        """A snapshot of where a living entity stands at the instant it was folded to; None for one that is not."""
        head = e.head
        if head is None or head.begun < 0 or head.ended >= 0:
            return None
        return self._snapshot(
            e, head.now, self.fold.publisher.standing(head, head.now, self.fold.calendar.day(head.now))
        ).value

    def _snapshot(self, e: Entity, at: int, standing: Standing) -> Output:
        head, entity = e.head, _dumps(e.key)
        account = _dumps(head.home if head is not None else None) if self.kind == "user" else entity
        record = (
            self._head + entity + b',"account":' + account + b',"as_of":"' + rfc3339(at).encode() + self._about
            + standing.body + b"}"
        )  # fmt: skip
        return Output(self._state, e.key.encode(), record)


def _count(counts: dict[Any, list[int]], key: Any) -> None:
    """One more of these, in place: storing a number anew for every event costs more than looking it up."""
    count = counts.get(key)
    if count is None:
        counts[key] = [1]
    else:
        count[0] += 1
