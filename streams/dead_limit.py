"""Dead limit: so many dead letters of one source that the cause is a deployment, and going on would drain the topic."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from schemas.deadletter import DeadLetter
from streams.delivery.contracts import Output, Record
from streams.delivery.dead import TOPIC
from streams.settings import DeadLetterLimits


class TooManyDead(Exception):
    """A source is over its limit; the message says which, by how much and what to do."""


class DeadLimit:
    """Counts of one worker, by source topic, over all of its partitions. Records are the measure and not time, so that a
    backfill is judged as live records are, and the same input is judged alike each time.

    is_source  whether a topic is somebody else's; ours hold what was decoded already and are not judged
    """

    def __init__(self, limits: DeadLetterLimits, is_source: Callable[[str], bool]) -> None:
        self._limits = limits
        self._is_source = is_source
        self._windows: dict[str, _Window] = {}

    def look(self, topic: str, records: Sequence[Record], outputs: Sequence[Output]) -> None:
        """After a slice of one partition is computed, before any of it is published or committed. Raises TooManyDead."""
        if not records or not self._is_source(topic):
            return
        window = self._windows.setdefault(topic, _Window(self._limits.window))
        dead = dead_offsets(topic, outputs)
        if not dead:
            window.fine(records[0].partition, len(records))
            return
        for record in records:
            if (reason := dead.get(record.offset)) is None:
                window.fine(record.partition, 1)
            else:
                window.add(record.partition)
                if over := self._over(window, record.partition):
                    raise TooManyDead(_message(topic, record, reason, over))

    def _over(self, window: _Window, partition: int) -> str | None:
        limits = self._limits
        run = window.runs[partition]
        if limits.run and run >= limits.run:
            return f"{run} records of partition {partition} one after the other (dead_letters.run)"
        if window.seen >= window.size and 100 * len(window.dead) > limits.ratio * window.size:
            return f"{len(window.dead)} of the last {window.size} records (dead_letters.ratio is {limits.ratio} %)"
        return None


class _Window:
    """Which of the last `size` records of a topic were dead, by their number, and the dead ones each partition ends with.

    A slice with none costs the same whatever its length: almost all are such slices.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        self.dead: deque[int] = deque()
        self.runs: dict[int, int] = {}

    def fine(self, partition: int, records: int) -> None:
        self.seen += records
        self.runs[partition] = 0

    def add(self, partition: int) -> None:
        self.seen += 1
        self.dead.append(self.seen)
        self.runs[partition] = self.runs.get(partition, 0) + 1
        while self.dead[0] <= self.seen - self.size:
            self.dead.popleft()


def dead_offsets(topic: str, outputs: Sequence[Output]) -> dict[int, str]:
    """{offset: reason} of the records of a topic that became dead letters."""
    found = (DeadLetter.from_record(o.key, o.value, o.headers) for o in outputs if o.topic == TOPIC)
    return {letter.offset: letter.reason for letter in found if letter.topic == topic}


def _message(topic: str, record: Record, reason: str, over: str) -> str:
    return (
        f"too many dead letters from {topic}: {over}; the last one, {reason}, at partition {record.partition}, offset "
        f"{record.offset}. Nothing from there on is committed. Look at `journeys dead-letters ls`, mend the producer or "
        "the source's decoder and start again; to let them through, raise dead_letters.run and dead_letters.ratio "
        "(run = 0 and ratio = 100 set no limit)"
    )
