"""Checkpoints: when entities without outputs are written, in slices, and what may be committed after them.

A checkpoint has a snapshot (positions, high-water, watermark) and the entities that were dirty when it was taken. They
are written over as many works as it takes; newer states than the snapshot are fine, since each carries the offsets that
it has taken. When the last one is in the changelog the snapshot follows, then the commit. The snapshot is taken
before a batch, never after it: the outputs of that batch that have no entity to be kept in (redirects, dead letters)
are not acknowledged yet, and a snapshot that covers them would lose them in a crash.
"""

from __future__ import annotations

from itertools import islice


class Checkpoint:
    """Which entities are dirty, and how far the checkpoint under way has got. Times in ms."""

    def __init__(self, every: int, events: int, refresh: int, behind: int, busy: int) -> None:
        self._every, self._events, self._refresh, self._behind, self._busy = every, events, refresh, behind, busy
        self._dirty: dict[bytes, None] = {}
        self._writing: dict[bytes, None] = {}
        self._ended: dict[bytes, None] = {}
        self._burying: dict[bytes, None] = {}
        self._snapshot: bytes | None = None
        self._commit: dict[str, int] = {}
        self._begun_at: int | None = None
        self._count = 0
        self._moved = True

    @property
    def running(self) -> bool:
        return self._snapshot is not None

    @property
    def dirty(self) -> int:
        """Entities that a crash now would have to compute again."""
        return len(self._dirty) + len(self._writing)

    def waits(self, key: bytes) -> bool:
        """Whether the entity has changes that are not written yet."""
        return key in self._dirty or key in self._writing

    def touched(self, key: bytes) -> None:
        """The entity has changed and nothing was published: it can wait."""
        self._dirty[key] = None
        self._moved = True

    def written(self, key: bytes) -> None:
        """The entity is being written for its outputs' sake: it need not be written for the checkpoint's."""
        self._dirty.pop(key, None)
        self._writing.pop(key, None)

    def ended(self, key: bytes) -> None:
        """The entity's mark may go once a snapshot covers all that was applied to it.

        Not by the snapshot under way, though it may cover all that: this mark holds outputs that are not out yet.
        """
        self.written(key)
        self._burying.pop(key, None)
        self._ended[key] = None
        self._moved = True

    def read(self, records: int) -> None:
        self._count += records
        self._moved = True

    def moved(self) -> None:
        """Something that only the snapshot holds has changed."""
        self._moved = True

    def due(self, now: int, more: bool) -> bool:
        """Whether to begin one. `more`: there are records to read."""
        if self.running:
            return False
        if self._begun_at is None:
            self._begun_at = now
        waited = abs(now - self._begun_at)  # a clock that is set back must not put it off
        every = self._behind if more and self._count >= self._busy else self._every
        due = waited >= every or self._count >= self._events
        return (self._moved and due) or waited >= self._refresh

    def begin(self, now: int, snapshot: bytes, commit: dict[str, int]) -> None:
        """A checkpoint under way is taken into the new one."""
        self._snapshot, self._commit = snapshot, commit
        self._writing.update(self._dirty)
        self._burying.update(self._ended)
        self._dirty, self._ended = {}, {}
        self._begun_at, self._count, self._moved = now, 0, False

    def take(self, limit: int) -> list[bytes]:
        """The next entities to write, which must then be written."""
        keys = list(islice(self._writing, limit))
        for key in keys:
            del self._writing[key]
        return keys

    def finish(self) -> tuple[bytes, dict[str, int], list[bytes]] | None:
        """(snapshot to write, offsets to commit after it, ended entities to bury) once all is written, else None."""
        if self._snapshot is None or self._writing:
            return None
        finished = self._snapshot, self._commit, list(self._burying)
        self._snapshot, self._burying = None, {}
        return finished
