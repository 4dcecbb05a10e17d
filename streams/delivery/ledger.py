"""The ledger: what of each input partition may be committed, and where its next batch has to begin.

Faust's own acknowledgements are ignored: an agent that raises or is cancelled acks all the same. A commit comes from
here, and only after the work that it covers is durable.
"""

from __future__ import annotations

from dataclasses import dataclass

TopicPartition = tuple[str, int]
"""(topic, partition)."""


@dataclass(frozen=True, slots=True)
class Take:
    """The batch continues the last one: process it."""


@dataclass(frozen=True, slots=True)
class Seek:
    """The batch begins before the end of the last one: throw it away and read on from `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Stale:
    """The batch was fetched under an older generation, or of a partition that is not ours: throw it away."""


Verdict = Take | Seek | Stale


@dataclass(slots=True)
class _Entry:
    next: int | None = None
    durable: int | None = None


class Ledger:
    """(generation, topic, partition) -> end of the last durable batch. One ledger serves all tasks of a worker."""

    def __init__(self) -> None:
        self._generation = -1
        self._entries: dict[TopicPartition, _Entry] = {}

    @property
    def generation(self) -> int:
        return self._generation

    def assign(self, generation: int, positions: dict[TopicPartition, int | None]) -> None:
        """A new assignment: partitions that stay keep what is known of them, the others are forgotten.

        positions: where reading begins, per partition that is ours; None if it is not known (the first batch decides).
        """
        if generation < self._generation:
            raise ValueError(f"generation {generation} is older than {self._generation}, the one assigned last")
        self._generation = generation
        kept = self._entries
        self._entries = {tp: kept.get(tp) or _Entry(next=position) for tp, position in positions.items()}

    def revoke(self, partitions: set[TopicPartition]) -> None:
        for tp in partitions:
            self._entries.pop(tp, None)

    def take(self, generation: int, tp: TopicPartition, first: int, end: int) -> Verdict:
        """A batch [first, end) was fetched. Offsets may be missing in the log (compaction, transactions)."""
        entry = self._entries.get(tp)
        if entry is None or generation != self._generation:
            return Stale()
        if entry.next is not None and first < entry.next:
            return Seek(entry.next)
        entry.next = end
        return Take()

    def durable(self, generation: int, tp: TopicPartition, end: int) -> bool:
        """Everything below `end` is durable and published. False: the word of an older generation, ignored."""
        entry = self._entries.get(tp)
        if entry is None or generation != self._generation:
            return False
        entry.durable = end if entry.durable is None else max(entry.durable, end)
        return True

    def committable(self, tp: TopicPartition) -> int | None:
        """The next offset to read, as it may be committed; None when nothing of the partition is durable yet."""
        entry = self._entries.get(tp)
        return None if entry is None else entry.durable

    def next_offset(self, tp: TopicPartition) -> int | None:
        """Where the next batch has to begin; None when the partition is not ours or nothing is known."""
        entry = self._entries.get(tp)
        return None if entry is None else entry.next
