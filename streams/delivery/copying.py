"""Copying: a partition's table as changelog records, taken while it goes on changing, for whoever restores it later.

What is restored from a copy and then from the changelog on from its position is what the whole changelog would restore:

- The position is where the changelog ended before the first record was taken. What the copy has in an older state, or
  not at all, is written after it, and is read again from there.
- What the copy has in a newer state than the changelog must get there too. So it is complete only when a checkpoint is
  over that began after the last record was taken. That one writes the partition's own record, too, and by then all
  outputs are out that were kept in records before the position.
"""

from __future__ import annotations

from typing import Any

from streams.delivery.table import Change
from streams.delivery.task import Task


class Copying:
    """One copy under way. `position`: where to read the changelog on; `records`: taken so far."""

    def __init__(self, task: Task[Any], step: int) -> None:
        """`step`: records taken at a time."""
        self.position = task.end
        self.records = 0
        self._task = task
        self._left = task.compacted(step)
        self._taken_in: int | None = None  # the last batch that may have changed what was taken

    def take(self) -> list[Change] | None:
        """The next records; None when there are no more."""
        found = next(self._left, None)
        if found is not None:
            self.records += len(found)
        elif self._taken_in is None:
            self._taken_in = self._task.hasten()
        return found

    @property
    def complete(self) -> bool:
        """Whether all is taken, and the changelog has all that was."""
        return self._taken_in is not None and self._task.covered > self._taken_in
