"""The input topics of a task's partition: how far each has been read, who writes to it, and what time it is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from streams.delivery.clock import ClockSettings, SourceClock
from streams.delivery.contracts import NEVER, NOTHING_YET
from streams.delivery.hops import HOPS, Hops
from streams.delivery.origins import Origins, Stamp


class Input:
    """A source topic (time from its own events) or a re-keyed one (time from its senders, records deduplicated).

    identity    names the topic even when its name is used again for another one
    index       its number in entity records; kept for ever, in the partition's record
    position    next offset to read, -1 while unknown
    replay_end  highest offset that some entity was found to have taken; above it nothing can be a repetition
    empty       known to hold no record at all: nobody waits for it
    """

    __slots__ = ("clock", "empty", "hops", "identity", "index", "origins", "position", "replay_end", "stamp", "topic")

    def __init__(
        self, topic: str, identity: str, partition: int, senders: Collection[str] | None, settings: ClockSettings,
        hops: Hops,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.identity = identity
        self.index = 0
        self.position = -1
        self.replay_end = -1
        self.empty = False
        self.stamp = Stamp(f"{identity}/{partition}")
        self.origins = None if senders is None else Origins(senders)
        self.clock = SourceClock(settings)
        self.hops = hops

    def watermark(self) -> int:
        """In ms; NEVER if there is nothing to wait for."""
        if self.origins is not None:
            return self.origins.watermark()
        return NEVER if self.empty and self.clock.watermark == NOTHING_YET else self.clock.watermark

    def complete(self) -> int:
        """Up to where those from outside our stage will change nothing any more, in ms; NEVER as above."""
        return self.watermark() if self.origins is None else self.origins.said(self.hops.outside)

    def heard(self, level: int) -> int:
        """What all of our own stage that write here have announced as this level, in ms; NEVER where nobody does."""
        return NEVER if self.origins is None else self.origins.said(self.hops.levels[level])

    def dump(self) -> dict[str, Any]:
        origins = {} if self.origins is None else self.origins.dump()
        return {"position": self.position, "clock": self.clock.dump(), "origins": origins}

    def load(self, dumped: dict[str, Any]) -> None:
        self.position = dumped["position"]
        self.clock.load(dumped["clock"])
        if self.origins is not None:
            self.origins.load(dumped["origins"])


class Inputs:
    """All inputs of a task, and the numbers under which entity records know them.

    A topic keeps its number for ever, even while it is no input, so that inputs may be added, left out and reordered.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._by_topic = {source.topic: source for source in inputs}
        self._by_index: list[Input | None] = []
        self._names: list[str] = []
        self._past: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Input]:
        return iter(self._by_topic.values())

    def __len__(self) -> int:
        return len(self._by_topic)

    def __getitem__(self, topic: str) -> Input:
        return self._by_topic[topic]

    @property
    def numbers(self) -> int:
        """How many topics entity records tell apart."""
        return len(self._names)

    def positions(self) -> dict[str, int]:
        """Next offset to read of each input topic, as far as it is known."""
        return {source.topic: source.position for source in self if source.position >= 0}

    def watermark(self) -> int:
        """In ms, of the slowest input; NEVER if there is nothing to wait for."""
        return min(source.watermark() for source in self)

    def complete(self) -> int:
        """Up to where those from outside our stage will change nothing any more, in ms."""
        return min(source.complete() for source in self)

    def heard(self) -> list[int]:
        """For each level, what all of our own stage have announced, in ms."""
        return [min(source.heard(level) for source in self) for level in range(HOPS)]

    def took(self, applied: tuple[tuple[int, int], ...]) -> None:
        """An entity was found that has taken these (index, offset)."""
        for index, offset in applied:
            source = self._by_index[index]
            if source is not None and offset > source.replay_end:
                source.replay_end = offset

    def dump(self) -> dict[str, Any]:
        now = {source.identity: source.dump() for source in self}
        return {"names": self._names, "inputs": self._past | now}

    def load(self, dumped: dict[str, Any]) -> bool:
        """Take what `dump` gave, {} for nothing; whether there are topics that it does not name."""
        stored = dumped.get("names", [])
        self._names = stored + [source.identity for source in self if source.identity not in stored]
        self._past = dict(dumped.get("inputs", {}))
        for source in self:
            source.index = self._names.index(source.identity)
            if source.identity in self._past:
                source.load(self._past.pop(source.identity))
        by_name = {source.identity: source for source in self}
        self._by_index = [by_name.get(name) for name in self._names]
        return len(self._names) > len(stored)
