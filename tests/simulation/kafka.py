"""A Kafka small enough to simulate: logs with offsets and compaction, and one consumer group with generations."""

from __future__ import annotations

from collections import Counter

from streams.delivery.contracts import Output, Record
from streams.delivery.record import generation_of
from streams.delivery.table import Change


class IllegalGeneration(Exception):
    """A commit from a member that is no longer in the group."""


class Log:
    """One topic partition. Offsets go up, and may have gaps after compaction."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.entries: list[Record] = []
        self.end = 0

    def append(self, now: int, changes: list[Change]) -> int:
        """Append a record batch, whole; its base offset."""
        base = self.end
        for key, value in changes:
            self.put(now, key, value, ())
        return base

    def put(self, now: int, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> None:
        self.entries.append(Record(self.topic, self.partition, self.end, now, key, value, headers))
        self.end += 1

    def read(self, position: int, limit: int) -> list[Record]:
        """Records from `position` on, at most `limit`."""
        if len(self.entries) == self.end:
            return self.entries[position : position + limit]
        found = (i for i, record in enumerate(self.entries) if record.offset >= position)
        start = next(found, len(self.entries))
        return self.entries[start : start + limit]

    def compact(self, before: int) -> None:
        """Keep only the last record of each key among those that are older than `before`; younger ones all stay."""
        last = {record.key: record.offset for record in self.entries if record.timestamp < before}
        self.entries = [r for r in self.entries if r.timestamp >= before or last[r.key] == r.offset]

    def last_stale(self) -> int:
        """Offset of the last record that a zombie wrote after a later claim, -1 for none."""
        newest = writer = 0
        stale = -1
        for record in self.entries:
            writer = writer if record.value is None else generation_of(record.value)
            newest = max(newest, writer)
            stale = record.offset if writer < newest else stale
        return stale


class Kafka:
    """Topics of `partitions` partitions each, and the group's committed offsets."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.logs: dict[tuple[str, int], Log] = {}
        self.generation = 0
        self.happened: Counter[str] = Counter()
        self.taken_over: dict[tuple[str, int], int] = {}
        """Offset of the last claim whose owner has repaired what zombies had written before it, of each changelog."""
        self.committed: dict[tuple[str, int], int] = {}
        self.unused: set[tuple[str, int]] = set()
        """Partitions that stay empty for ever. One that is empty only for now may bring its first records too late."""

    def log(self, topic: str, partition: int) -> Log:
        found = self.logs.get((topic, partition))
        if found is None:
            found = self.logs[topic, partition] = Log(topic, partition)
        return found

    def records(self, topic: str) -> list[Record]:
        """All that a topic holds, partition by partition."""
        return [record for p in range(self.partitions) for record in self.log(topic, p).entries]

    def home(self, key: bytes) -> int:
        return key[-1] % self.partitions

    def produce(self, now: int, output: Output) -> None:
        partition = self.home(output.key or b"\0") if output.partition is None else output.partition
        self.log(output.topic, partition).put(now, output.key, output.value, output.headers)

    def commit(self, generation: int, partition: int, offsets: dict[str, int]) -> None:
        if generation != self.generation:
            raise IllegalGeneration
        for topic, offset in offsets.items():
            self.committed[topic, partition] = offset
