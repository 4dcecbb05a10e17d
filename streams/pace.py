"""Pace: a busy worker asks the broker less often, so that more records share what a fetch and a slice cost.

A worker with time to spare takes each record as it comes. At 2,000 events/s that makes 570 slices a second of six records
each, and two thirds of what they cost are the slices. The busier the worker, the longer the broker gathers records for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from streams.batch.consumer import AT_ONCE, Fetching

SPARE: Final = 0.35
"""Share of a core up to which a worker takes records one by one; own choice."""

BUSY: Final = 0.5
"""... and from which on the broker gathers for as long as it may."""

GATHERED: Final = 64 * 1024
"""Bytes that nothing is gained by waiting beyond: some hundred records."""

SHORTEST_MS, LONGEST_MS = 10, AT_ONCE.max_wait_ms
"""How long the broker gathers. No longer than it keeps a fetch waiting for a quiet partition anyway."""

REMEMBERED_S: Final = 1.0
"""What was longer ago counts for little."""


class Pace:
    """How a worker's fetches are to wait, by the share of a core that the thread which computes takes.

    spent  CPU seconds of the calling thread
    clock  seconds
    """

    def __init__(
        self, spent: Callable[[], float] = time.thread_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spent, self._clock = spent, clock
        self._last = spent(), clock()
        self.share = 0.0

    def look(self) -> Fetching:
        """What fetches are to wait for from now on. To be called several times a second, by the thread that computes."""
        spent, now = self._spent(), self._clock()
        (spent_before, before), self._last = self._last, (spent, now)
        if now > before:
            fresh = min(1.0, (now - before) / REMEMBERED_S)
            self.share += fresh * ((spent - spent_before) / (now - before) - self.share)
        return fetching(self.share)


def fetching(share: float) -> Fetching:
    """What fetches of a worker that takes this share of a core are to wait for."""
    pressed = min(1.0, (share - SPARE) / (BUSY - SPARE))
    if pressed <= 0:
        return AT_ONCE
    return Fetching(GATHERED, SHORTEST_MS + round(pressed * (LONGEST_MS - SHORTEST_MS)))
