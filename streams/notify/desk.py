"""Desk: alerts that are taken in, wait for their group, their hour or their digest, and go out as messages. Pure.

What was told of an alert on a channel is a Note; notes are made durable by the shell before a record counts as done. What
waits is kept nowhere but here: `safe` says up to where everything is done, and the rest is read again after a crash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

from schemas.time import parse_time
from streams.notify.rules import Record, Route, Rules

Place = tuple[int, int]
"""(partition, offset) of a record on the topic of alerts."""

Told = tuple[str, str]
"""(id of the opening record, channel): what a note is about."""

Kind = Literal["opened", "closed", "digest"]


class Note(NamedTuple):
    """What a channel knows of an alert. `detected_at` (RFC 3339) of the record that it was told: what is not later is old.

    `status`: open, closed, digest (told as one of many, so its end is not told), failed (given up: it never heard).
    """

    status: Literal["open", "closed", "digest", "failed"]
    detected_at: str


class Item(NamedTuple):
    """One record on its way to one channel."""

    record: Record
    place: Place
    channel: str
    route: Route | None
    """None for a digest."""

    @property
    def told(self) -> Told:
        return self.record["opens"], self.channel

    @property
    def key(self) -> str:
        """The same whenever this record is sent; it is the record's `ce_id`."""
        return f"{self.record['id']}.{self.record['detected_at']}"


class Message(NamedTuple):
    """What is sent to a channel at once. `key`: of the one alert, or a hash over those of all; receivers may keep one of each."""

    channel: str
    kind: Kind
    key: str
    items: tuple[Item, ...]

    @property
    def records(self) -> list[Record]:
        return [item.record for item in self.items]

    @property
    def owner(self) -> str | None:
        owner: str | None = self.items[0].record["owner"]
        return owner


Heap = tuple[str, Kind, str]
"""(channel, kind, group): what waits together."""


class Desk:
    """What is known of alerts of the partitions at hand. `notes`: what channels know, as read back."""

    def __init__(self, rules: Rules, notes: Mapping[Told, Note] | None = None) -> None:
        self.notes: dict[Told, Note] = dict(notes or {})
        self._rules = rules
        self._waiting: dict[Heap, dict[str, Item]] = {}
        self._due: dict[Heap, int] = {}
        self._where: dict[Told, dict[str, Heap]] = {}
        """{alert and channel: {key of an item that waits: its heap}}."""
        self._flying: Counter[Told] = Counter()
        self._held: Counter[Place] = Counter()

    @property
    def waiting(self) -> int:
        """Records that are not done."""
        return len(self._held)

    def safe(self, partition: int) -> int | None:
        """The oldest offset of a partition that is not done; None where all is."""
        return min((offset for found, offset in self._held if found == partition), default=None)

    # --- taking in ---------------------------------------------------------------------------------------------------

    def take(self, record: Record, place: Place, now: int) -> None:
        """One record of the topic; `now` in ms. Whoever has heard of it already does not hear of it again."""
        if record["status"] == "opened":
            self._open(record, place, now)
        else:
            self._close(record, place, now)

    def _open(self, record: Record, place: Place, now: int) -> None:
        live = record["origin"] == "live"
        route = self._rules.route(record) if live else None
        digest = self._rules.digest
        channels = route.send if route is not None else digest.send if digest is not None and not live else ()
        for channel in channels:
            item = Item(record, place, channel, route)
            ended = self._take_out(item.told, "closed", record["detected_at"])
            if not ended and self._is_news(item):
                self._wait(item, "opened" if live else "digest", now)

    def _is_news(self, item: Item) -> bool:
        """A channel that heard of the end hears of a later beginning; one that heard of the beginning does not."""
        note = self.notes.get(item.told)
        heard = note is not None and not (note.status == "closed" and item.record["detected_at"] > note.detected_at)
        return not heard and not self._flying[item.told] and item.key not in self._where.get(item.told, ())

    def _close(self, record: Record, place: Place, now: int) -> None:
        """An opening that nobody has heard of yet is dropped with its end; the others are told, if their route says so."""
        for channel in self._rules.channels:
            item = Item(record, place, channel, self._rules.route(record))
            self._take_out(item.told, "opened", record["detected_at"])
            self._take_out(item.told, "digest", record["detected_at"])
            wanted = item.route is None or item.route.resolved
            new = item.key not in self._where.get(item.told, ())
            if wanted and new and (self._flying[item.told] or self._heard(item)):
                self._wait(item, "closed", now)

    def _heard(self, item: Item) -> bool:
        note = self.notes.get(item.told)
        return note is not None and note.status == "open" and note.detected_at <= item.record["detected_at"]

    def _wait(self, item: Item, kind: Kind, now: int) -> None:
        heap, due = self._heap(item, kind), self._when(item, kind, now)
        self._waiting.setdefault(heap, {})[item.key] = item
        self._where.setdefault(item.told, {})[item.key] = heap
        # A digest waits for the last one that comes, everything else for the first.
        self._due[heap] = max(due, self._due.get(heap, due)) if kind == "digest" else min(due, self._due.get(heap, due))
        self._held[item.place] += 1

    def _heap(self, item: Item, kind: Kind) -> Heap:
        group = item.route.group if item.route is not None else None
        if kind == "digest":
            return item.channel, kind, item.record["owner"] or ""
        if group is None:
            return item.channel, kind, item.key
        by = {"owner": item.record["owner"], "account": item.record["account"], "channel": ""}[group.by]
        return item.channel, kind, f"{group.by}:{by or ''}"

    def _when(self, item: Item, kind: Kind, now: int) -> int:
        """From when the engine found it out, so that a restart adds nothing to the wait."""
        if kind == "digest":
            assert self._rules.digest is not None
            return now + self._rules.digest.after
        group = item.route.group if item.route is not None else None
        return (parse_time(item.record["detected_at"]) or 0) + (group.within if group is not None else 0)

    def _take_out(self, told: Told, kind: Kind, before: str) -> bool:
        """Whether something of this kind waited that was found out before; it is dropped."""
        found = [
            (heap, key)
            for key, heap in self._where.get(told, {}).items()
            if heap[1] == kind and self._waiting[heap][key].record["detected_at"] <= before
        ]
        for heap, key in found:
            self._done(self._out(heap, key).place)
        return bool(found)

    def _out(self, heap: Heap, key: str) -> Item:
        """An item that waits no longer."""
        item = self._waiting[heap].pop(key)
        if not self._waiting[heap]:
            del self._waiting[heap], self._due[heap]
        del self._where[item.told][key]
        if not self._where[item.told]:
            del self._where[item.told]
        return item

    def _done(self, place: Place) -> None:
        self._held[place] -= 1
        if self._held[place] == 0:
            del self._held[place]

    # --- going out ---------------------------------------------------------------------------------------------------

    def due(self, now: int) -> list[Message]:
        """Messages to send now, those that have been due longest first."""
        ready = [heap for heap, due in self._due.items() if due <= now]
        found = (self._ready(heap, now) for heap in sorted(ready, key=lambda heap: (self._due[heap], heap)))
        return [message for message in found if message is not None]

    def _ready(self, heap: Heap, now: int) -> Message | None:
        keys = [key for key, item in self._waiting[heap].items() if not self._held_back(heap, item, now)]
        items = [self._out(heap, key) for key in keys]
        heard = [item for item in items if heap[1] != "closed" or self._heard(item)]
        for item in items:
            if item not in heard:  # its opening was given up while it waited
                self._done(item.place)
        return self._message(heap, heard) if heard else None

    def _held_back(self, heap: Heap, item: Item, now: int) -> bool:
        """By quiet hours; and an end waits while its opening is on its way."""
        if heap[1] == "closed" and self._flying[item.told]:
            return True
        route = item.route
        return route is not None and self._rules.quiet_until(route, item.record["severity"], now) is not None

    def _message(self, heap: Heap, ready: list[Item]) -> Message:
        self._flying.update(item.told for item in ready)
        keys = sorted(item.key for item in ready)
        together = blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()
        return Message(heap[0], heap[1], keys[0] if len(keys) == 1 else together, tuple(ready))

    def noted(self, message: Message, sent: bool) -> dict[Told, Note]:
        """What is to be kept of a message that was sent, or given up; once that is durable, call `done`."""
        status = {"opened": "open", "closed": "closed", "digest": "digest"}[message.kind] if sent else "failed"
        return {item.told: Note(status, item.record["detected_at"]) for item in message.items}  # type: ignore[arg-type]

    def done(self, message: Message, notes: Mapping[Told, Note]) -> None:
        """Its notes are durable."""
        self.notes.update(notes)
        for item in message.items:
            self._flying[item.told] -= 1
            if self._flying[item.told] <= 0:
                del self._flying[item.told]
            self._done(item.place)

    def forget(self, partitions: Iterable[int]) -> None:
        """Partitions that somebody else reads now: what waits of them is theirs. What is on its way stays held until it ends."""
        gone = set(partitions)
        waiting = [
            (heap, key) for heap, items in self._waiting.items() for key, item in items.items() if item.place[0] in gone
        ]
        for heap, key in waiting:
            self._done(self._out(heap, key).place)
