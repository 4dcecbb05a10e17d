"""Store: what stands behind a Faust table named `users` or `accounts` (URL scheme `journeys`).

The entities themselves are in the owner's tasks, as bytes until they are touched; this is the table's window on them.
It is written by the lanes alone, which append to the changelog in bulk, so Faust's own ways of writing are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from faust.stores import base
from faust.types import TP

REFUSED = "table {!r} is written by the engine's lanes only: a change made here would not be in an outbox"


class JourneyStore(base.Store):  # type: ignore[misc]
    """Reads entities by key, as the bytes that the changelog has or would get."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Offset of the last changelog record that we wrote or read; None while the partition is not ours."""
        end = self._owner.changelog_end(tp) if self._owner is not None else None
        return None if end is None or end == 0 else end - 1

    @property
    def _owner(self) -> Any:
        return getattr(self.app, "owner", None)

    def _entities(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._owner.entities(self.table_name)) if self._owner is not None else iter(())

    def __getitem__(self, key: bytes) -> bytes:
        found = self._owner.entity(self.table_name, key) if self._owner is not None else None
        if found is None:
            raise KeyError(key)
        value: bytes = found
        return value

    def __contains__(self, key: object) -> bool:
        return (
            isinstance(key, bytes) and self._owner is not None and self._owner.entity(self.table_name, key) is not None
        )

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self._entities())

    def __len__(self) -> int:
        return sum(1 for _ in self._entities())

    def __bool__(self) -> bool:
        return True  # mode services are true; a mapping without entities would not be

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(REFUSED.format(self.table_name))

    def __delitem__(self, key: Any) -> NoReturn:
        raise TypeError(REFUSED.format(self.table_name))

    def clear(self) -> NoReturn:
        raise TypeError(REFUSED.format(self.table_name))

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Faust flushes its recovery buffers here; they are always empty, because it recovers nothing."""
        for event in batch:
            raise TypeError(f"Faust read changelog record {event!r} by itself: BatchRecovery is not in place")

    async def need_active_standby_for(self, tp: TP) -> bool:
        return False

    def reset_state(self) -> None:
        """There is nothing on disk."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """There is nothing on disk."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """There is nothing on disk."""
