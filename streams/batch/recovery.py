"""Recovery: Faust's table recovery, with the reading of changelogs left to the owner, who does it in bulk.

Faust's own recovery reads 15,000 records/s, swallows what its callbacks raise, and reads everything again at each
rebalance. Overridden: `need_recovery` (never by Faust's way), `_seek_offsets` (changelogs are not fetched by the group
consumer at all), `on_recovery_completed` and, for an app without tables, `_resume_streams` (the owner takes over before
a source partition flows; what it raises ends the process).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

if TYPE_CHECKING:
    from streams.batch.app import BatchApp


class BatchRecovery(Recovery):  # type: ignore[misc]
    app: BatchApp

    def need_recovery(self) -> bool:
        return False

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Mapping[TP, int], title: str) -> None:
        await self.app.batch_consumer.stop_fetching(tps)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        await self._take_over(generation_id)
        await super().on_recovery_completed(generation_id)

    async def _resume_streams(self, generation_id: int = 0) -> None:
        await self._take_over(generation_id)
        await super()._resume_streams(generation_id)

    async def _take_over(self, generation: int) -> None:
        if self.app.owner is not None:
            await self.app.owner.take_over(self.app.batch_consumer.assignment(), generation)


class BatchTableManager(TableManager):  # type: ignore[misc]
    """Named in the setting `TableManager`; overrides the property `recovery`."""

    _recovery: BatchRecovery | None

    @property
    def recovery(self) -> BatchRecovery:
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
