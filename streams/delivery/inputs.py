"""One input topic of a task's partition: how far it has been read, who writes to it, and what time it is there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from streams.delivery.clock import ClockSettings, SourceClock
from streams.delivery.contracts import NEVER, NOTHING_YET
from streams.delivery.origins import Origins, Stamp


class Input:
    """A source topic (time from its own events) or a re-keyed one (time from its senders, records deduplicated).

    identity    names the topic even when its name is used again for another one
    index       its number in entity records; kept for ever, in the partition's record
    position    next offset to read, -1 while unknown
    replay_end  highest offset that some entity was found to have taken; above it nothing can be a repetition
    empty       known to hold no record at all: nobody waits for it
    """

    __slots__ = ("clock", "empty", "identity", "index", "origins", "position", "replay_end", "stamp", "topic")

    def __init__(
        self, topic: str, identity: str, partition: int, senders: Collection[str] | None, settings: ClockSettings
    ) -> None:
        self.topic = topic
        self.identity = identity
        self.index = 0
        self.position = -1
        self.replay_end = -1
        self.empty = False
        self.stamp = Stamp(f"{identity}/{partition}")
        self.origins = None if senders is None else Origins(senders)
        self.clock = SourceClock(settings)

    def watermark(self) -> int:
        """In ms; NEVER if there is nothing to wait for."""
        if self.origins is not None:
            return self.origins.watermark()
        return NEVER if self.empty and self.clock.watermark == NOTHING_YET else self.clock.watermark

    def dump(self) -> dict[str, Any]:
        origins = {} if self.origins is None else self.origins.dump()
        return {"position": self.position, "clock": self.clock.dump(), "origins": origins}

    def load(self, dumped: dict[str, Any]) -> None:
        self.position = dumped["position"]
        self.clock.load(dumped["clock"])
        if self.origins is not None:
            self.origins.load(dumped["origins"])
