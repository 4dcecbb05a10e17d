"""The timeline of one entity: its published history is a function of the set of its inputs, in whatever order they came.

Theory of operation. An entity is a settled state (bytes, everything before the grace period), the recent inputs since
(sorted by time and id), and the head: the settled state with the recent inputs folded in. The newest input folds into
the head. An older one goes into its place, the recent inputs are folded again from the settled state, and the
difference between what the two folds publish goes out as corrections. What is older than the grace period settles.
Writing a state down costs as much as folding an event, so the last few settled inputs stand beside it as bytes, closed:
nothing can come before them any more, and whoever folds again begins with them.
"""

from __future__ import annotations

from dataclasses import replace
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import orjson

from schemas.alert import Alert, alert_id
from schemas.draft import TransitionDraft
from streams.delivery.contracts import NEVER
from streams.journey.changes import Change, Fact, Out, Standing
from streams.journey.erasure import AT_ONCE, Erase, Released
from streams.journey.fold import Fold
from streams.journey.identity import Link, Merge, Message
from streams.journey.members import Members, Overlay
from streams.journey.pack import pack
from streams.journey.redirect import Into, Redirects
from streams.journey.rollup import Member
from streams.journey.selections import Hit
from streams.journey.state import State, load

RECENT: Final = 64
"""Recent inputs kept at most; beyond, the oldest settle early (counted). More would make a busy entity's record large."""

UNHEARD: Final = 512
"""... and while other partitions have still to be heard out, which in live traffic takes a second or two: in catch-up they
may be days apart."""

SEEN: Final = 16
"""Settled inputs whose repetition is still recognised; a vendor's retry follows its first attempt within a few events."""

BACKFILL: Final = 86_400_000
"""Published more than a day after it happened: nobody is to be paged for it."""

CLOSED: Final = 4
"""Settled inputs that may stand beside the settled state. Of four a record is a quarter longer, and one in five is written."""

MANY: Final = 16
"""Unsettled inputs that are kept as bytes too: few entities have so many at a time, but in catch-up an account with
thousands of members has as many, and is written many times before they settle."""

_FORMAT: Final = 2
"""2 added the closed inputs."""

_FRAME: Final = Struct("<BIII")
_FRAME_1: Final = Struct("<BII")
_MARKS: Final = [Struct(f"<{2 * n}I") for n in range(SEEN + 1)]

Input = Hit | Fact | Link | Merge | Erase | Released


class Retract(NamedTuple):
    """A member's facts that turned out not to be: the input with this id never was."""

    t: int
    id: str


class Entity:
    """One user or account in memory. `pending` are an account's inputs that wait for their time, in order of it."""

    __slots__ = (
        "asleep", "closed", "count", "erased", "erasure", "freeing", "handed", "head", "key", "linked", "mark", "overlay",
        "pending", "recent", "resume", "said", "said_at", "seen", "seqs", "settled", "settled_to", "waits",
    )  # fmt: skip

    def __init__(self, key: str, machines: int) -> None:
        self.key = key
        self.head: State | None = None
        self.settled = b""
        self.settled_to = -1  # the instant that all that has settled was folded to, ms
        self.closed = b""  # settled inputs that are not in the settled state, rows of JSON with commas between
        self.count = 0  # of those
        self.recent: list[Input] = []
        self.pending: list[Input] = []
        self.overlay: dict[str, Member] = {}
        self.seqs = [0] * machines
        self.seen = b""
        self.said_at = -1  # when the last snapshot was written, and of what
        self.said = 0
        self.mark = -1  # of the events behind the published values at the last look; not written down
        self.linked = False  # among the recent inputs is one that settles as soon as it may: see _clears
        self.waits: dict[str, int] = {}  # identifiers that were told to forward here and have not settled it yet: when
        self.resume = -1  # the instant of the next slice, ms
        self.handed = 0  # slices of members given to the account that this one was merged into; -1 when all are
        self.erased = -1  # what happened before is dropped, ms
        self.erasure: Any = None  # the last one: (when it took effect, id, at once)
        self.freeing = False  # members of this account have still to hear of it
        self.asleep: tuple[int, int] | None = None  # loaded, not folded yet: (head's now, its deadline)

    def dump(self) -> bytes:
        rest = orjson.dumps(
            [
                self.settled_to, _rows(self.recent), _rows(self.pending), self.seqs, self.said_at, self.said,
                self._sleeps(), self.handed, self.waits, self.erased, self.erasure, self.freeing,
            ]
        )  # fmt: skip
        frame = _FRAME.pack(_FORMAT, len(self.settled), len(self.seen), len(self.closed))
        return b"".join((frame, self.settled, self.seen, self.closed, rest))

    @property
    def reached(self) -> int:
        """The instant that it was folded to, ms; -1 for none."""
        return self._sleeps()[0]

    @property
    def nothing(self) -> bool:
        """Whether nothing came of it: what it was begun for was dropped."""
        head = self.head
        fresh = head is None or (head.begun < 0 and head.ended < 0 and head.into is None and not head.names)
        return fresh and not (self.settled or self.closed or self.recent or self.pending or self.asleep)

    def _sleeps(self) -> tuple[int, int]:
        """What stands for the head until it is folded again: its instant, and when there is something to do."""
        head = self.head
        if self.asleep is not None or head is None:
            return self.asleep or (-1, NEVER)
        if head.into is not None:
            return head.now, _forwards_until(self, head)
        return head.now, min(head.deadline if head.ended < 0 else head.ended, self.settles)

    @property
    def settles(self) -> int:
        """The instant of the first recent input that is to settle as soon as it may, ms; NEVER where none waits for that."""
        if not self.linked or self.waits:
            return NEVER
        return min((item.t for item in self.recent if _clears(item)), default=NEVER)


class Tally:
    """What one `advance` of a timeline came to. `members`: settled members to write beside the account."""

    __slots__ = ("changes", "days", "members")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.days: list[tuple[int, Standing]] = []
        self.members: dict[str, Member] = {}


class Timeline:
    """Moves entities of one kind. `counts` collects (name, label) -> n; whoever runs it empties it."""

    def __init__(self, fold: Fold, grace: int) -> None:
        self.fold = fold
        self.grace = grace
        self.counts: dict[tuple[str, str], int] = {}
        self.redirects = Redirects(fold, grace)
        self._accounts = fold.entity.kind == "account"

    def load(self, key: str, data: bytes) -> Entity:
        """The entity that `dump` wrote; its head is folded when it is first needed."""
        entity = Entity(key, len(self.fold.machines))
        _, state, seen, closed = _FRAME.unpack_from(data) if data[0] > 1 else (*_FRAME_1.unpack_from(data), 0)
        at = _FRAME.size if data[0] > 1 else _FRAME_1.size
        entity.settled, entity.seen = data[at : at + state], data[at + state : at + state + seen]
        rest = at + state + seen + closed
        entity.closed = data[rest - closed : rest]
        entity.count = len(_inputs(entity.closed)) if closed else 0
        (
            entity.settled_to, recent, pending, entity.seqs, entity.said_at, entity.said, (now, deadline), *handed
        ) = orjson.loads(data[rest:])  # fmt: skip
        entity.handed, entity.waits = handed[:2] or (0, {})
        entity.erased, entity.erasure, entity.freeing = handed[2:] or (-1, None, False)
        entity.recent = [_input(row) for row in recent]
        entity.pending = sorted([_input(row) for row in pending], key=in_time)  # they were kept as they came once
        entity.linked = any(_clears(item) for item in entity.recent)
        entity.asleep = (now, deadline)
        return entity

    def wake(self, e: Entity, settled: Members) -> None:
        """Fold the head of a loaded entity."""
        if e.asleep is not None:
            if e.settled or e.closed or e.recent:
                e.head, _, e.overlay = self._refold(e, e.recent, e.asleep[0], settled)
            e.asleep = None

    def advance(
        self, e: Entity, inputs: list[Input | Retract], until: int, settled: Members, heard: int = NEVER
    ) -> Tally:  # fmt: skip
        """Take inputs, fire what is due at or before `until` (ms of event time), settle what is beyond the grace period.

        That one counts from `heard` on, up to where nothing is on its way from other entities any more.
        """
        tally, boundary = Tally(), min(until, heard) - self.grace
        self.wake(e, settled)
        fresh = self._accept(e, inputs)
        order = [i for i in fresh if not isinstance(i, Retract)]
        if fresh and (len(order) < len(fresh) or self._disturbs(e, order)):
            self._correct(e, fresh, order, until, Overlay(tally.members, settled), tally)
        else:
            self._append(e, order, until, boundary, settled, tally)
        self._erase_at_once(e, fresh, settled, tally)
        self._settle(e, boundary, tally)
        if e.linked or (e.head is not None and e.head.into is not None):
            self.settle_before(e, boundary, settled, tally)
        most = RECENT if heard >= until else UNHEARD
        if len(e.recent) > most:
            self._overflow(e, boundary, settled, tally, len(e.recent) - most // 2)
        return tally

    def _append(
        self, e: Entity, order: list[Input], until: int, boundary: int, settled: Members, tally: Tally
    ) -> None:  # fmt: skip
        """Fold inputs that are newer than all before; settle on the way what is beyond the grace period already."""
        out, head = Out(e.key), self._head(e)
        for item in order:
            if item.t >= boundary and e.recent and e.recent[-1].t < boundary:
                self._settle(e, boundary, tally)
            if isinstance(item, Hit) and head.into is None and item.names is None:
                self.fold.take(head, item, out)
            elif isinstance(item, Fact) and item.how is None and head.into is None:
                self.fold.take_fact(head, item, Overlay(e.overlay, Overlay(tally.members, settled)), out)
            else:
                self.redirects.take(head, item, Overlay(e.overlay, Overlay(tally.members, settled)), out)
                e.linked = e.linked or _clears(item)  # what settled on the way was the last one before it
            e.recent.append(item)
        self.fold.until(head, until, out)
        tally.changes.extend(out.changes)
        tally.days.extend(out.days)

    def deadline(self, e: Entity) -> int:
        """The instant of event time from which `advance` has something to do without inputs."""
        head = e.head
        if head is None:
            return NEVER if e.asleep is None else e.asleep[1]
        waits = head.begun < 0  # all its inputs, for their time
        if waits or head.into is not None or head.ended >= 0:
            return NEVER
        if head.deadline < 0:
            self.fold.until(head, -1, Out(e.key))
        return head.deadline

    def settles(self, e: Entity) -> int:
        """The instant up to which all is to be heard before `advance` has something to settle that somebody waits for."""
        head = e.head
        if head is None:
            return NEVER if e.asleep is None else e.asleep[1]
        if head.into is not None:
            return _forwards_until(e, head)
        if head.ended >= 0:
            return NEVER if e.pending or e.freeing else head.ended + self.grace + 1
        return e.settles + self.grace + 1 if e.linked and head.begun >= 0 else NEVER

    def ended(self, e: Entity, until: int) -> bool:
        """Whether the entity was forgotten so long ago that nothing within the grace period can bring it back; or erased."""
        head = e.head
        if e.erased >= 0 and e.nothing:  # begun anew by what was dropped
            return True
        if head is None or head.ended < 0 or e.pending or head.into is not None or e.freeing:
            return False
        return head.ended < until - self.grace or (head.begun < 0 and e.erased >= 0 and not e.recent)

    # --- accepting ---------------------------------------------------------------------------------------------------

    def _accept(self, e: Entity, inputs: list[Input | Retract]) -> list[Input | Retract]:
        """Without duplicates, in order; those that belong before what has settled are late, and moved to now."""
        if e.erased >= 0:
            inputs = [item for item in inputs if not self._erased(e, item)]
        if len(inputs) == 1 and _plain(inputs[0]) and inputs[0].t >= e.settled_to:
            return [] if self._repeated(e, inputs[0]) else inputs  # type: ignore[arg-type]  # a plain input is one
        fresh: dict[str, Input | Retract] = {}
        in_order, last = True, -1
        for item in inputs:
            in_order, last = in_order and last < item.t, item.t
            if isinstance(item, Retract):
                self._take_back(e, item, fresh)
            elif isinstance(item, Merge) and "settled" in item.said:
                e.waits.pop(item.said["settled"], None)
            elif isinstance(fresh.get(item.id), Retract):  # taken back and said again: as if nothing had been said
                del fresh[item.id]
            elif item.id in fresh:
                self._count("duplicate", "input")
            elif self._repeated(e, item):
                continue
            elif item.t < e.settled_to:
                self._count("late", "input")
                in_order = False
                fresh[item.id] = _moved(item, max(e.settled_to, e.head.now if e.head is not None else -1))
            else:
                fresh[item.id] = item
            e.linked = e.linked or (not isinstance(item, (Hit, Retract)) and _clears(item))
        return list(fresh.values()) if in_order or len(fresh) < 2 else sorted(fresh.values(), key=in_time)

    def _take_back(self, e: Entity, item: Retract, fresh: dict[str, Input | Retract]) -> None:
        if item.id in fresh:
            del fresh[item.id]
        elif any(item.id == known.id for known in e.recent):
            fresh[item.id] = item
        else:
            self._count("late", "retraction")

    def _erased(self, e: Entity, item: Input | Retract) -> bool:
        """Whether this is of the time before the entity was erased: it is dropped, and nobody comes back by it."""
        at = item.at if isinstance(item, Hit) else item.before if isinstance(item, Erase) else item.t
        if at >= e.erased + isinstance(item, Erase) or isinstance(item, Retract):
            return False
        self._count("erased", "repeated" if isinstance(item, Erase) else "input")
        return True

    def _repeated(self, e: Entity, item: Input) -> bool:
        """Whether this input was taken before: counted, and no more."""
        for known in e.recent:
            if known.id == item.id:
                break
        else:
            if (
                _at(item) > e.settled_to or not e.seen or not _aligned(e.seen, _marks([item]))
            ):  # what has settled is not newer
                return False
        self._count("duplicate", "input")
        return True

    def _disturbs(self, e: Entity, order: list[Input]) -> bool:
        """Whether the first of these belongs before something that the head has already folded."""
        head, first = e.head, order[0]
        if head is None:
            return False
        if first.t < head.now:
            return True
        return bool(e.recent) and (first.t, first.id) < (e.recent[-1].t, e.recent[-1].id)

    # --- folding -----------------------------------------------------------------------------------------------------

    def _head(self, e: Entity) -> State:
        if e.head is None:
            e.head = self.fold.fresh()
        return e.head

    def _refold(
        self, e: Entity, inputs: list[Input], until: int, settled: Members
    ) -> tuple[State, Out, dict[str, Member]]:
        state = load(e.settled) if e.settled else self.fold.fresh()
        out, overlay = Out(e.key), dict[str, Member]()
        members = Overlay(overlay, settled)
        if e.closed:  # what came of them is out
            for item in _inputs(e.closed):
                self.redirects.take(state, item, members, out)
            self.fold.until(state, e.settled_to, out)
            out = Out(e.key)
        for item in inputs:
            self.redirects.take(state, item, members, out)
        self.fold.until(state, until, out)
        return state, out, overlay

    def _correct(
        self, e: Entity, fresh: list[Input | Retract], order: list[Input], until: int, settled: Members, tally: Tally
    ) -> None:
        """Fold the recent inputs again with these in their place; publish only what differs."""
        self._count("refolds", "")
        gone = {item.id for item in fresh if isinstance(item, Retract)}
        _, before, _ = self._refold(e, e.recent, e.head.now if e.head is not None else -1, settled)
        e.recent = sorted([i for i in e.recent if i.id not in gone] + order, key=in_time)
        e.head, after, e.overlay = self._refold(e, e.recent, until, settled)
        tally.changes.extend(difference(before.changes, after.changes))
        tally.days.extend(after.days)

    # --- settling ----------------------------------------------------------------------------------------------------

    def _settle(self, e: Entity, boundary: int, tally: Tally) -> None:
        """Where all that the head has folded is beyond the grace period, the head is the settled state.

        Not while an identifier that was told to forward here may still correct what it handed over.
        """
        head = e.head
        if not e.recent or e.waits or head is None or e.recent[-1].t >= boundary or head.now >= boundary:
            return
        plain = not e.linked and head.into is None and head.ended < 0
        self.mark_seen(e, e.recent, tally)
        if plain and e.count + len(e.recent) <= CLOSED:
            rows = _joined(e.recent)
            e.closed, e.count = (e.closed + b"," + rows if e.closed else rows), e.count + len(e.recent)
            e.settled_to, e.recent = head.now, []
            return
        tally.members.update(e.overlay)
        e.overlay = {}
        self._settled(e, head, head.now, [])

    def _settled(self, e: Entity, state: State, to: int, recent: list[Input]) -> None:
        e.settled, e.closed, e.count, e.settled_to, e.recent = state.dump(), b"", 0, to, recent

    def settle_before(self, e: Entity, boundary: int, settled: Members, tally: Tally) -> None:
        """Settle what is older than an instant, though newer inputs have come since."""
        if (e.closed or (e.recent and e.recent[0].t < boundary)) and not e.waits:
            self._overflow(e, boundary, settled, tally, 0)

    def _erase_at_once(self, e: Entity, fresh: list[Input | Retract], settled: Members, tally: Tally) -> None:
        """Settle what is to be gone at once, with all before it, whoever waits for it. Nobody hears of an account's last hours."""
        for item in fresh:
            if not isinstance(item, Hit) and (hasty(item) or (self._accounts and isinstance(item, Erase))):
                e.waits = {} if isinstance(item, Erase) else e.waits
                if e.recent and e.recent[0].t <= item.t:
                    self._overflow(e, item.t + 1, settled, tally, 0)

    def _overflow(
        self, e: Entity, boundary: int, settled: Members, tally: Tally, least: int
    ) -> None:  # fmt: skip
        """Settle what is beyond the grace period, and of the recent inputs `least` in any case."""
        due = sum(item.t < boundary for item in e.recent)
        if due < least:
            self._count("settled_early", "")
        count = max(least, due)
        older, newer = e.recent[:count], e.recent[count:]
        to = older[-1].t if older else e.settled_to
        base = Overlay(tally.members, settled)
        state, _, moved = self._refold(e, older, to, base)
        tally.members.update(moved)
        self.mark_seen(e, older, tally)
        self._settled(e, state, to, newer)
        now = e.head.now if e.head is not None else -1
        e.head, _, e.overlay = self._refold(e, newer, now, Overlay(tally.members, settled))

    def mark_seen(self, e: Entity, items: list[Input], tally: Tally) -> None:
        """Recognise these when they come again; who made the links among them hears that they are settled."""
        if e.linked:
            e.linked = any(_clears(item) for item in e.recent if item not in items)
            tally.changes.extend(settled_link(e.key, item) for item in items if isinstance(item, Link))
        for erasure in [item for item in items if isinstance(item, Erase)]:
            e.erased, e.seen, items = max(e.erased, erasure.before), b"", items[items.index(erasure) + 1 :]
            e.erasure, e.freeing = [erasure.t, erasure.id, erasure.at_once], self._accounts
        e.seen = (e.seen + _marks(items[-SEEN:]))[-8 * SEEN :]

    def _count(self, name: str, label: str) -> None:
        self.counts[(name, label)] = self.counts.get((name, label), 0) + 1


def _plain(item: Input | Retract) -> bool:
    """Whether it is an event or a member's facts, and nothing about identity or erasure."""
    return isinstance(item, Hit) or (isinstance(item, Fact) and item.how is None)


def hasty(item: Input | Retract) -> bool:
    """Whether it is to take effect at once: an erasure, of a member in an account's record or of a member's account too."""
    if isinstance(item, Fact):
        return item.how is not None and item.how.get("erased") == AT_ONCE
    if isinstance(item, Erase):
        return item.at_once
    return isinstance(item, Released) and bool(item.said[2])


def _clears(item: Input) -> bool:
    """Whether what stands before it is to be gone as soon as the grace period is over; a link wants to be settled too."""
    return isinstance(item, (Link, Erase, Released)) or (
        isinstance(item, Fact) and item.how is not None and "erased" in item.how
    )


def now_at(item: Erase, e: Entity, until: int) -> Erase:
    """A request as it takes effect. At once is not later than time has come for the entity: its timers shall not run ahead."""
    if not item.at_once:
        return item
    return item._replace(t=min(item.t, max(until, e.reached)))


def difference(before: list[Change], after: list[Change]) -> list[Change]:
    """What corrects one published history into another: first what never was, then what was missing."""
    old, new = {c.id for c in before}, {c.id for c in after}
    gone = old - new
    found = [_undone(c, gone) for c in before if c.id in gone]
    first: dict[str, str] = {}
    for change in found:
        if isinstance(change.record, TransitionDraft):
            first.setdefault(change.record.machine, change.id)
    for change in after:
        if change.id in old:
            continue
        record = change.record
        if isinstance(record, (TransitionDraft, Alert)):
            record.origin = "correction"
        if isinstance(record, TransitionDraft):
            record.supersedes = first.pop(record.machine, None)
        found.append(change)
    return found


def settled_link(key: str, link: Link) -> Change:
    """Tell who made a link that nothing from before it can change any more."""
    _, target, kind, event = link.said
    sent = Message("merge", f"~settled {link.id} {key}", target, link.t, {"settled": key, "as": kind, "event": event})
    return Change("message", sent)


def _undone(change: Change, gone: set[str]) -> Change:
    """The record that takes a published one back."""
    record = change.record
    if isinstance(record, Alert):
        if (
            change.opening is not None and record.opens not in gone
        ):  # still open: its opening is the newest record again
            return Change("alert", replace(change.opening, origin="correction"))
        undone = replace(record, status="retracted", origin="correction")
        undone.id = alert_id(undone)
        return Change("alert", undone)
    return Change(change.kind, record.undone())


def stamped(changes: list[Change], seqs: list[int], machines: dict[str, int], now: int) -> list[Change]:
    """Give what goes out its place in the published log, and when and how it was seen. `now`: wall clock, ms."""
    for change in changes:
        record = change.record
        if change.kind in ("fact", "message"):
            continue
        assert isinstance(record, (TransitionDraft, Alert))
        record.detected_at = now
        if record.origin == "live" and now - record.at > BACKFILL:
            record.origin = "backfill"
        if isinstance(record, TransitionDraft):
            m = machines[record.machine]
            seqs[m] += 1
            record.seq = seqs[m]
    return changes


def _marks(items: list[Input]) -> bytes:
    """Eight bytes of each that tell it from others of its entity: half its time, half a checksum of its id."""
    halves: list[int] = []
    for item in items:
        halves.append(_at(item) & 0xFFFFFFFF)
        halves.append(crc32(item.id.encode()))
    found: bytes = _MARKS[len(items)].pack(*halves)
    return found


def _at(item: Input) -> int:
    """When it happened, ms: of an event also where it was moved to later, for having come late."""
    return item.at if isinstance(item, Hit) else item.t


def _aligned(seen: bytes, mark: bytes) -> bool:
    at = seen.find(mark)
    while at >= 0 and at % 8:
        at = seen.find(mark, at + 1)
    return at >= 0


def _moved(item: Input, t: int) -> Input:
    return item.moved(t) if isinstance(item, (Hit, Fact)) else item._replace(t=t)


def _row(item: Input) -> tuple[Any, ...]:
    return item.row() if isinstance(item, (Hit, Fact)) else tuple(item)


def _rows(items: list[Input]) -> Any:
    """Inputs as they are written. Where there are many, each is put into bytes once and not whenever its entity is."""
    if len(items) < MANY:
        return [_row(item) for item in items]
    return orjson.Fragment(b"[" + _joined(items) + b"]")


def _joined(items: list[Input]) -> bytes:
    return b",".join([_packed(item) for item in items])


def _packed(item: Input) -> bytes:
    if not isinstance(item, (Hit, Fact)):
        return pack(_row(item))
    if item.packed is None:
        item.packed = pack(item.row())
    return item.packed


def in_time(item: Input | Retract) -> tuple[int, str]:
    """Where an input stands among others."""
    return item.t, item.id


def _inputs(rows: bytes) -> list[Input]:
    return [_input(row) for row in orjson.loads(b"[" + rows + b"]")]


def _input(row: list[Any]) -> Input:
    said = row[2]  # when, of a hit; who, of a fact
    if isinstance(said, int):
        return Hit(*row)
    if isinstance(said, str):
        return Fact(row[0], row[1], said, Member(*row[3]), *row[4:])
    if not isinstance(said, list):
        return Merge(*row)
    if len(said) == 4:
        return Link(*row)
    return Erase(*row) if isinstance(said[0], int) else Released(*row)


def _forwards_until(e: Entity, head: State) -> int:
    """When an entity that forwards has something left to do: settle, and give its members to the account it is now."""
    into = Into(*(head.into or ()))
    settles = e.recent[0].t + into.wait if e.recent and not e.waits else NEVER
    return min(settles, max(into.due, e.resume)) if into.life is not None and e.handed >= 0 else settles
