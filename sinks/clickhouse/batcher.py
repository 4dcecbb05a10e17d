"""Batcher: rows collected into flushes, and which offsets a flush makes safe to commit. Pure; time is an argument.

Call order of the shell, for each record it fetched: `add` (or `add_events`), and `reach` at the end of a batch; then
while `full()`, fetch nothing more; when `due(now)`: `take()`, deliver each table of the flush, produce its dead letters;
then commit what `done()` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.event import Event
from sinks.clickhouse.rows import DEAD_LETTERS, Incoming, Rejected, event_row, rows_of

R = TypeVar("R", bound=Incoming)
"""The shell's own record."""

Partition = tuple[str, int]
"""(topic, partition), by the topic's real name."""


class Bounds(NamedTuple):
    """When a batch is flushed: whichever comes first. ClickHouse likes 10,000 rows and more, readers like news.

    age is in ms: half a second is two parts a second and table, which merges keep up with; bytes are of record values.
    """

    rows: int = 50_000
    bytes: int = 32 * 1024 * 1024
    age: int = 500


class DeadRecord(NamedTuple, Generic[R]):
    """A record of which a row was rejected, for the dead-letter topic. `item`: which of its rows."""

    record: R
    item: int
    reason: str
    detail: str


class TableBatch(Generic[R]):
    """The rows of one table, and beside each the record it came from and its place there."""

    __slots__ = ("rows", "sources")

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.sources: list[tuple[R, int]] = []


class Flush(Generic[R]):
    """One batch of every table. `commit` is safe once all of `tables` are stored and all of `dead` are produced."""

    __slots__ = ("bytes", "commit", "dead", "dropped", "records", "rows", "since", "tables")

    def __init__(self) -> None:
        self.tables: dict[str, TableBatch[R]] = {}
        self.dead: list[DeadRecord[R]] = []
        self.dropped = 0
        self.commit: dict[Partition, int] = {}
        self.records = 0
        self.rows = 0
        self.bytes = 0
        self.since = 0

    @property
    def empty(self) -> bool:
        """Neither rows nor offsets to commit."""
        return not self.records and not self.commit

    def refused(self, table: str, row: int, detail: str) -> None:
        """ClickHouse cannot store this row: its record becomes a dead letter."""
        record, item = self.tables[table].sources[row]
        self.set_aside(table == "dead_letters", DeadRecord(record, item, "refused", detail))

    def set_aside(self, itself_dead: bool, found: DeadRecord[R]) -> None:
        """A dead letter that fits nowhere stays on its topic, counted: another about it would go round for ever."""
        if itself_dead:
            self.dropped += 1
        else:
            self.dead.append(found)


class SinkCore(Generic[R]):
    """Collects rows and remembers offsets. Holds at most twice the bounds, plus what the shell adds after `full()`.

    `topics` maps a topic's real name to its logical one, where they differ.
    """

    def __init__(self, bounds: Bounds | None = None, topics: Mapping[str, str] | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._topics = topics or {}
        self._pending: Flush[R] = Flush()
        self._flying: Flush[R] | None = None
        self._revoked: set[Partition] = set()

    def add(self, record: R, now: int) -> None:
        """Take a record of a published topic. One that fits no table becomes a dead letter of the same flush."""
        topic = self._topics.get(record.topic, record.topic)
        found = rows_of(topic, record)
        if isinstance(found, Rejected):
            self._pending.set_aside(topic == DEAD_LETTERS, DeadRecord(record, 0, found.reason, found.detail))
            found = []
        self._take(record, found, now)

    def add_events(self, record: R, events: Iterable[Event], now: int) -> None:
        """Take a record of a source topic with the events decoded from it; none is fine, its offset counts."""
        self._take(record, [event_row(event) for event in events], now)

    def _take(self, record: R, rows: Sequence[tuple[str, tuple[Any, ...]]], now: int) -> None:
        pending = self._pending
        self._begin(now)
        for item, (table, values) in enumerate(rows):
            batch = pending.tables.get(table)
            if batch is None:
                batch = pending.tables[table] = TableBatch()
            batch.rows.append(values)
            batch.sources.append((record, item))
        pending.records += 1
        pending.rows += len(rows)
        pending.bytes += len(record.value or b"")
        pending.commit[record.topic, record.partition] = record.offset + 1

    def reach(self, where: Partition, end: int, now: int) -> None:
        """All records before `end` were added; what lies between the last one and it holds none (a transaction's marker,
        a compacted record). A flush may hold nothing but this."""
        self._begin(now)
        self._pending.commit[where] = end

    def _begin(self, now: int) -> None:
        if self._pending.empty:
            self._pending.since = now

    def full(self) -> bool:
        """Whether the shell must stop fetching until the next `take`."""
        return self._pending.rows >= self._bounds.rows or self._pending.bytes >= self._bounds.bytes

    @property
    def rows(self) -> int:
        """Rows that wait for the next `take`."""
        return self._pending.rows

    def due(self, now: int) -> bool:
        """Whether to `take` now: a bound is reached and no flush is in flight. `now`: ms, the clock of `add`."""
        pending = self._pending
        if self._flying is not None or pending.empty:
            return False
        return self.full() or now - pending.since >= self._bounds.age

    def next_due(self) -> int | None:
        """When the age bound is reached (ms); None while nothing waits or a flush is in flight."""
        if self._flying is not None or self._pending.empty:
            return None
        return self._pending.since + self._bounds.age

    def take(self) -> Flush[R]:
        """What was collected, to be delivered. At most one flush is in flight, so that offsets stay in order."""
        if self._flying is not None:
            raise RuntimeError("a flush is in flight: call done() or reset() first")
        self._flying, self._pending = self._pending, Flush()
        self._revoked = set()
        return self._flying

    def done(self, flush: Flush[R]) -> dict[Partition, int]:
        """The flush is stored: {partition: next offset to read} to commit, without partitions lost in the meantime."""
        self._land(flush)
        return {where: offset for where, offset in flush.commit.items() if where not in self._revoked}

    def reset(self) -> None:
        """Forget all that is not stored, in flight or not. The shell reads again from the commits, or stops."""
        self._flying, self._pending = None, Flush()

    def _land(self, flush: Flush[R]) -> None:
        if flush is not self._flying:
            raise RuntimeError("this flush is not the one in flight")
        self._flying = None

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """These partitions are no longer ours: commit nothing of theirs. Writing their rows still is harmless."""
        for where in partitions:
            self._revoked.add(where)
            self._pending.commit.pop(where, None)
