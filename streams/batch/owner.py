"""Owner: what the overridden Faust classes ask of the program that owns the partitions. Values and protocols only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from faust.types import TP

from streams.batch.fetch import Batch


class Owner(Protocol):
    """Implemented by the engine and by the sink; all calls come from the main event loop."""

    @property
    def batched(self) -> Collection[str]:
        """Topics that are read as whole batches; every other one goes through Faust untouched."""
        ...

    @property
    def limit(self) -> int:
        """Most records of one batch."""
        ...

    def held(self, tp: TP) -> bool:
        """Whether nothing of this partition may be fetched now: enough of it waits."""
        ...

    def fetched(self, batch: Batch) -> None:
        """This batch is on its way to the agent."""
        ...

    def start_of(self, tp: TP) -> int | None:
        """Where the next batch has to begin; None while nobody knows."""
        ...

    def committable(self) -> Mapping[TP, int]:
        """Next offset to read of each partition, as far as all before it is durable and published."""
        ...

    def changelog_end(self, tp: TP) -> int | None:
        """End of a changelog partition as we have written or read it; None when it is not ours."""
        ...

    async def give_up(self, revoked: Collection[TP]) -> None:
        """The partitions are about to be taken away: end what was begun, within the session timeout."""
        ...

    def gave_up(self) -> None:
        """What could be committed has been; nothing more will be until the next assignment."""
        ...

    async def take_over(self, assigned: Collection[TP], generation: int) -> None:
        """The partitions are ours. Whatever this raises ends the process."""
        ...


class SendFailed(Exception):
    """A record could not be sent. What follows it might be, so the process ends and is started again."""
