"""Accounts: the logic that follows every customer account, from its own events and its members' facts, in event-time order."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import asdict
from itertools import chain, islice
from typing import Any, Final, get_args

import orjson

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.member import Level, MemberFacts
from schemas.sources import canonical
from streams.delivery.contracts import NEVER, Advanced, Beside, Dead, Ok, Outcome, Record
from streams.journey.changes import Change, Fact
from streams.journey.erasure import Erase, release
from streams.journey.identity import MARKS, Message, member_message
from streams.journey.logic import Journeys
from streams.journey.members import Settled
from streams.journey.migration_plan import told_names
from streams.journey.pack import pack
from streams.journey.redirect import Into
from streams.journey.rollup import GONE, Member, Names
from streams.journey.timeline import Entity, Input, Retract, Tally, hasty, in_time, now_at
from streams.journey.users import refused

LEVELS: Final = get_args(Level)

WRITTEN: Final = [
    "fact", "valid", "account", "active_day", "admin", "at", "champion", "event", "level", "reached", "risk", "stage",
    "user",
]  # fmt: skip
"""Fields of a fact, in the order in which `FactDraft` writes them."""

_loads: Final = orjson.loads
"""Kept by itself here and elsewhere in the core: looking it up in its module at each call was 1 % of all instructions."""


class AccountsLogic(Journeys):
    """Accounts of one definition. Inputs wait until the watermark is `disorder` past them, then fold in order."""

    name = "accounts"
    slice = 1_000
    """Members of a merged account that follow it at once: some 10 ms of work, and well below the 1 MB of a Kafka batch."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition, "account")
        self._disorder = definition.clock.disorder
        self._names = Names(*told_names(definition))  # of users that an earlier version still tells of

    def read(self, record: Record) -> list[Outcome]:
        value = record.value
        if value is not None and value.startswith(b'{"fact":'):
            return [self._fact(value)]
        if value is not None and record.key is not None and value.startswith(MARKS):
            return [self.told(value, record.key)]
        outcomes: list[Outcome] = []
        for found in canonical.decode(value, timestamp=record.timestamp):
            outcomes.append(self._event(found) if isinstance(found, Event) else refused(found))
        return outcomes

    def _fact(self, value: bytes) -> Outcome:
        try:
            found: dict[str, Any] = _loads(value)
            told = list(found.values()) if list(found) == WRITTEN else []
            if not told or not _right(told):
                facts = asdict(MemberFacts.from_json(value))  # another writer's, or it says what is wrong
                told = [facts[name] for name in WRITTEN]
        except ValueError as error:
            return Dead("wrong_type", str(error))
        name, valid, account, day, admin, at, _, event, level, reached, risk, stage, user = told
        key = account.encode()
        if not valid:
            return Ok(key, Retract(at, name), at)
        member = self._names.of(Member(day, stage, reached, risk, level, admin))
        return Ok(key, Fact(at, name, user, member, event), at)

    def _event(self, event: Event) -> Outcome:
        if event.account is None:
            return Dead("missing_entity", "an event on the members topic names no account")
        bits = self.selections.match(event)
        self.matched(bits & self.fold.reader.used)
        hit = self.fold.reader.hit(event, bits)
        if event.type != "group" and hit.attrs is not None:
            hit = hit.reading(hit.bits, hit.values, None)  # traits of its user, not of the account
        return Ok(event.account.encode(), hit, event.at)

    def deadline(self, entity: Entity) -> int:
        soonest = self.timeline.deadline(entity)
        if entity.pending:
            soonest = min(soonest, entity.pending[0].t)
        if entity.freeing:
            soonest = min(soonest, entity.resume)
        return soonest if soonest >= NEVER else soonest + self._disorder

    def settles(self, entity: Entity) -> int:
        soonest = self.timeline.settles(entity)
        return soonest if soonest >= NEVER else soonest + self._disorder

    def advance(
        self, key: bytes, entity: Entity, inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:  # fmt: skip
        horizon, sure = until - self._disorder, min(until, heard) - self._disorder
        inputs, strays = self._hastened(entity, inputs, horizon) if inputs else (inputs, [])
        due = self._due(entity, inputs, horizon)
        rests = self.timeline.deadline(entity) > horizon and self.timeline.settles(entity) > sure
        if rests and not due and not entity.freeing:  # all that came waits, and no timer is due
            return Advanced([], [])
        settled = Settled(beside)
        tally = self.timeline.advance(entity, due, horizon, settled, sure)
        if entity.head is not None and entity.head.into is not None:
            self._hand_over(entity, Into(*entity.head.into), sure, settled, tally)
        if entity.freeing:
            self._free(entity, horizon, settled, tally)
        tally.changes.extend(_released(entity, user) for user in strays)
        written = [(b"m:" + user.encode(), None if m.life < 0 else pack(m.row())) for user, m in tally.members.items()]
        outputs = self.outputs(entity, tally, now) if _says(tally) or self._due_to_say(entity) else []
        return Advanced(outputs, written, self.timeline.ended(entity, sure), self.kept(entity))

    def _hastened(self, e: Entity, inputs: list[Any], horizon: int) -> tuple[list[Any], list[str]]:
        """What erases at once waits for no time. Also who still tells of a time before this account was erased."""
        found, strays = list[Any](), list[str]()
        for item in inputs:
            if isinstance(item, Erase) and hasty(item):
                strays += [i.user for i in e.pending if isinstance(i, Fact) and i.t < item.before]
                e.pending = [i for i in e.pending if i.t >= item.before]
                item = now_at(item, e, horizon)
            elif isinstance(item, Fact) and hasty(item):
                item = item.moved(min(item.t, max(horizon, e.reached)))
                e.pending = sorted([_sooner(i, item) for i in e.pending], key=in_time)
                found = [_sooner(i, item) for i in found]
            elif isinstance(item, Fact) and item.how is None and item.t < e.erased:
                strays.append(item.user)
            found.append(item)
        return found, strays

    def _free(self, e: Entity, horizon: int, settled: Settled, tally: Tally) -> None:
        """A slice of the members of an account that was erased hears of it. Those of a life since then stay."""
        kept = (-1, e.head.begun if e.head is not None and e.head.ended < 0 else -1)
        users = chain(tally.members, (user for user in settled.users() if user not in tally.members))
        old = (u for u in users if (tally.members.get(u) or settled.get(u) or GONE).life not in kept)
        given = list(islice(old, self.slice + 1))
        for user in given[: self.slice]:
            tally.members[user] = GONE
            tally.changes.append(_released(e, user))
        e.resume = horizon + 1
        if len(given) <= self.slice:
            e.freeing = False

    def _hand_over(self, e: Entity, into: Into, sure: int, settled: Settled, tally: Tally) -> None:
        """A slice of the members of an account that was merged follows it; after the last one the survivor is told so.

        They follow when no earlier fact can change them, all as of one instant, so that slices are nobody's business.
        That all is settled here is said after it: the survivor keeps its past open until then.
        """
        if into.life is None or e.handed < 0 or sure < into.due:
            return
        self.timeline.settle_before(e, sure - self.timeline.grace, settled, tally)
        over = [change for change in tally.changes if _is_over(change)]
        tally.changes = [change for change in tally.changes if not _is_over(change)]
        moved = {user: m for user, m in tally.members.items() if m.life >= 0}
        waiting = chain(moved, (user for user in settled.users() if user not in tally.members))
        given = list(islice(waiting, self.slice + 1))
        for user in given[: self.slice]:
            member = moved.get(user) or settled.get(user)
            tally.members[user] = GONE
            if member is not None and member.life == into.life:
                tally.changes.append(_handed(user, member, e.key, into))
        e.handed, e.resume = e.handed + 1, sure + 1
        if len(given) <= self.slice:
            e.handed = -1
            done = Message("merge", f"~done {e.key}", into.key, into.due + 1, {"done": e.key, "as": into.kind})
            tally.changes.append(Change("message", done))
        tally.changes.extend(over)

    def _due_to_say(self, entity: Entity) -> bool:
        return entity.head is not None and self.fold.publisher.publishes

    def _due(self, e: Entity, inputs: list[Input | Retract], horizon: int) -> list[Input | Retract]:
        """What may be folded now; the rest waits in the account, in order of time."""
        due: list[Input | Retract] = []
        for item in inputs:
            if isinstance(item, Retract):
                if not _take_back(e.pending, item):
                    due.append(item)
            elif item.t > horizon:
                _wait(e.pending, item)
            else:
                due.append(item)
        if e.pending and e.pending[0].t <= horizon:
            count = bisect_left(e.pending, (horizon + 1, ""), key=in_time)
            due += e.pending[:count]
            del e.pending[:count]
        return due


def _place(pending: list[Input], item: Input | Retract) -> tuple[int, bool]:
    """Where an input belongs among those that wait, and whether it is there. In catch-up thousands may wait."""
    at = bisect_left(pending, in_time(item), key=in_time)
    return at, at < len(pending) and pending[at].id == item.id


def _wait(pending: list[Input], item: Input) -> None:
    at, there = _place(pending, item)
    if not there:
        pending.insert(at, item)


def _take_back(pending: list[Input], item: Retract) -> bool:
    """Whether what never was had not been folded yet: it is gone then. It may wait at another time than it was said for."""
    at, there = _place(pending, item)
    if not there:
        at = next((n for n, other in enumerate(pending) if other.id == item.id), -1)
    if at >= 0:
        del pending[at]
    return at >= 0


def _right(told: list[Any]) -> bool:
    """Whether these are a member's facts as `MemberFacts` describes them: looked at by hand, as three in ten events are one."""
    fact, valid, account, day, admin, at, champion, event, level, reached, risk, stage, user = told
    return (
        type(account) is str and type(user) is str and type(fact) is str and type(at) is int and type(stage) is str
        and type(reached) is list and all(type(state) is str for state in reached)
        and type(level) is str and level in LEVELS
        and type(admin) is bool and type(valid) is bool and type(champion) is bool
        and (day is None or type(day) is int) and (event is None or type(event) is str)
        and (risk is None or type(risk) is str)
    )  # fmt: skip


def _is_over(change: Change) -> bool:
    """Whether it tells who made a link that it is settled here."""
    return isinstance(change.record, Message) and "settled" in change.record.said


def _handed(user: str, member: Member, loser: str, into: Into) -> Change:
    """A member as the merged account knew it: it says nothing against what the survivor has heard since."""
    how = {"older": loser, "via": into.kind}
    sent = member_message(f"{loser} {user}", into.key, into.due, user, member.row()[:6], into.event, how)
    return Change("message", sent)


def _released(e: Entity, user: str) -> Change:
    """What a member of an erased account is told, always the same, however often."""
    t, key, at_once = e.erasure
    return Change("message", release(user, e.key, t, key, at_once))


def _sooner(item: Any, gone: Fact) -> Any:
    """A waiting input; where it is about a member who is to be gone, no later than that."""
    if not isinstance(item, Fact):
        return item
    about = [item.user, *(item.how or {}).values()]
    if gone.user not in about:
        return item
    return item.moved(min(item.t, gone.t))


def _says(tally: Tally) -> bool:
    return bool(tally.changes or tally.days)
