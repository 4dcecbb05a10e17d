"""Timers of one partition: which entities are due at a watermark, oldest first, at constant cost per event.

A timer is derived state: the deadline itself lives in the entity. Far deadlines wait in coarse buckets, the near ones
in an exact heap. Activity usually moves a deadline to later, and then nothing is done: the entry stays where it is, and
is put in its right place when its time comes. So each key has one live entry, and an event costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from streams.delivery.contracts import NEVER

WIDTH: Final = 60_000
"""Bucket width in ms. Exact order comes from the heap, so buckets only need to be few: one million deadlines spread
over 30 days take 43,200 lists of a minute each, against nearly a million of a second each."""


class Timers:
    """Armed keys of one partition. `deadline_of(key)` gives an entity's deadline now, in ms; NEVER for none."""

    def __init__(self, deadline_of: Callable[[bytes], int]) -> None:
        self._deadline_of = deadline_of
        self._entry: dict[bytes, int] = {}  # key -> time of its one live entry, never after its deadline
        self._far: dict[int, list[bytes]] = {}
        self._buckets: list[int] = []
        self._near: list[tuple[int, bytes]] = []
        self._edge = -(2**62)  # buckets below this one have been moved into the heap

    def __len__(self) -> int:
        return len(self._entry)

    def arm(self, key: bytes, deadline: int) -> None:
        entry = self._entry.get(key)
        if (entry is None or deadline < entry) and deadline < NEVER:
            self._insert(key, deadline)

    def disarm(self, key: bytes) -> None:
        self._entry.pop(key, None)

    def _insert(self, key: bytes, deadline: int) -> None:
        bucket = deadline // WIDTH
        if bucket < self._edge:
            self._entry[key] = deadline
            heappush(self._near, (deadline, key))
            return
        self._entry[key] = bucket * WIDTH
        waiting = self._far.get(bucket)
        if waiting is None:
            self._far[bucket] = [key]
            heappush(self._buckets, bucket)
        else:
            waiting.append(key)

    def pop(self, watermark: int) -> tuple[int, bytes] | None:
        """(deadline, key) of the oldest entity that is due, which is then no longer armed; None when nobody is."""
        self._open(watermark)
        near = self._near
        while near and near[0][0] <= watermark:
            entry, key = heappop(near)
            if self._entry.get(key) != entry:
                continue  # armed anew for an earlier time, or gone
            del self._entry[key]
            deadline = self._deadline_of(key)
            if deadline == entry:
                return deadline, key
            self.arm(key, deadline)
        return None

    def _open(self, watermark: int) -> None:
        """Move the buckets that the watermark has reached into the heap, each key at its deadline of now."""
        last = watermark // WIDTH
        while self._buckets and self._buckets[0] <= last:
            bucket = heappop(self._buckets)
            self._edge = max(self._edge, bucket + 1)
            for key in self._far.pop(bucket):
                if self._entry.get(key) == bucket * WIDTH:
                    del self._entry[key]
                    self.arm(key, self._deadline_of(key))
        self._edge = max(self._edge, last + 1)

    def oldest(self, watermark: int) -> int:
        """No armed entity is due before this (ms), exact up to `watermark`; NEVER when none is armed."""
        self._open(watermark)
        if self._near:
            return self._near[0][0]
        return self._buckets[0] * WIDTH if self._buckets else NEVER
