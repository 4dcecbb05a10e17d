"""The clock of a source partition: event time as far as it has been read, and wall speed while a live one is quiet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.delivery.contracts import NOTHING_YET

LONGEST_STEP: Final = 5_000
"""A tick is expected every 100 ms. After a longer pause than this (a suspended process) we cannot know what we missed,
so no more than this many ms of it count."""

UNKNOWN_LAG: Final = 2**62
"""How late a partition's newest record arrived, before any was read: not live."""


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """How a quiet partition's time goes on. All in ms.

    wall         False: time ends at the last watermark
    live_within  a partition is live while its newest record reached Kafka within this of its event time
    idle_after   quiet for this long before its time moves by itself, so that the next event is not late at once
    """

    wall: bool = True
    live_within: int = 3_600_000
    idle_after: int = 1_000


class SourceClock:
    """Watermark (ms) of one source partition; it never goes back.

    While records arrive it is the newest event time. Once the partition has been read to its end and its newest record
    was live, it goes on at wall speed from there: never to the wall itself, so that neither an outage nor a backfill of
    old history makes anyone look inactive.
    """

    __slots__ = ("_lag", "_quiet_since", "_settings", "_ticked", "watermark")

    def __init__(self, settings: ClockSettings) -> None:
        self._settings = settings
        self.watermark = NOTHING_YET
        self._lag = UNKNOWN_LAG
        self._quiet_since: int | None = None
        self._ticked = 0

    def read(self, newest_at: int, timestamp: int, at: int) -> None:
        """A batch was read: its newest event time, and Kafka timestamp and event time of its last record."""
        if newest_at > self.watermark:
            self.watermark = newest_at
        self._lag = timestamp - at
        self._quiet_since = None

    def promise(self, at: int) -> None:
        """A watermark record: the sender says that nothing earlier follows. Time then ends there until it goes on."""
        if at > self.watermark:
            self.watermark = at
        self._lag = UNKNOWN_LAG
        self._quiet_since = None

    def tick(self, now: int, caught_up: bool) -> bool:
        """Let a quiet partition's time go on; whether it did. `caught_up`: at its end, not held back by us."""
        if not caught_up or not self._settings.wall or self._lag >= self._settings.live_within:
            self._quiet_since = None
            return False
        if self._quiet_since is None or now < self._ticked:  # in the second case the wall's clock was set back
            self._quiet_since = self._ticked = now
            return False
        return self._advance(now)

    def _advance(self, now: int) -> bool:
        assert self._quiet_since is not None
        begin = max(self._ticked, self._quiet_since + self._settings.idle_after)
        step = min(now - begin, LONGEST_STEP, now - self.watermark)
        self._ticked = now
        if step <= 0:
            return False
        self.watermark += step
        return True

    def dump(self) -> list[int]:
        return [self.watermark, self._lag]

    def load(self, dumped: Sequence[int]) -> None:
        self.watermark, self._lag = dumped
