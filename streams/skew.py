"""Skew: in catch-up, source partitions that are far ahead of the slowest one in event time wait for it.

Accounts fold in event-time order, so all that one partition is ahead has to be kept until the others are there. Event
times come from the source partitions themselves, never through a hop; the slowest one is never held, so all go on.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.delivery.contracts import NOTHING_YET
from streams.lanes import Lane


class Skew:
    """What the source lanes of one worker have to do with each other. `most`: ms that one may be ahead.

    is_source  whether a topic's records tell the time
    end        (topic, partition) -> its end, -1 while unknown
    """

    def __init__(self, most: int, is_source: Callable[[str], bool], end: Callable[[str, int], int]) -> None:
        self._most, self._is_source, self._end = most, is_source, end
        self._behind: dict[tuple[str, int], tuple[Lane, str]] = {}
        self._held: set[Lane] = set()

    def watch(self, lanes: dict[tuple[str, int], Lane]) -> None:
        """From now on these lanes. Called at each assignment."""
        self._held = set()
        self._behind = {
            (topic, partition): (lane, topic)
            for (_, partition), lane in lanes.items()
            for topic in lane.readings
            if self._is_source(topic)
        }

    def hold(self, lane: Lane, topic: str) -> bool:
        """Whether this lane's next batch, of this topic, must wait. It is woken when that may have changed."""
        if not self._is_source(topic):
            return False
        at = lane.task.time_of(topic)
        if at == NOTHING_YET or at <= self._slowest() + self._most:
            return False
        self._held.add(lane)
        return True

    def moved(self, lane: Lane) -> None:
        """This lane has computed something."""
        if self._held and lane not in self._held:
            held, self._held = self._held, set()
            for other in held:
                other.wake()

    def _slowest(self) -> int:
        """Event time of the source partition that is furthest behind, among those with something left to read."""
        times = (
            lane.task.time_of(topic)
            for (_, partition), (lane, topic) in self._behind.items()
            if lane.readings[topic].end < self._end(topic, partition)
        )
        return min(times, default=2**62)
