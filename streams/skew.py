"""Skew: in catch-up, source partitions that are far ahead in event time wait, for the slowest one and for what follows them.

Accounts fold in event-time order, so all that one partition is ahead has to be kept until the others are there. And
until all users and accounts have heard each other out, each keeps its past open, for what another may still tell it: so
in an exact catch-up sources wait too while one keeps very much open, or they are `AHEAD` times `most` ahead of that. Event
times come from the source partitions themselves, never through a hop; the slowest one never waits for another one, so all go on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from streams.delivery.contracts import NOTHING_YET
from streams.delivery.task import Task
from streams.lanes import Lane

AHEAD = 30
"""By so many times `most` (a day) sources may be ahead of what has been heard out: hearing takes a dozen hops, and where
little happens a month of it comes in one fetch. Where much happens, what an entity keeps open is the nearer limit."""

PATIENCE_S = 5.0
"""When nothing follows any more, and nothing was heard for so long, what is waited for is not here: a source that lies
still in the past, or another worker. Then sources go on until something is heard."""

FOR_EVER = 2**62


class Skew:
    """What the lanes of one worker have to do with each other. `most`: ms that one source may be ahead of another.

    is_source  whether a topic's records tell the time
    end        (topic, partition) -> its end, -1 while unknown
    exact      whether sources wait for what follows them too
    counts     ("let_go", "sources"): how often patience has ended
    """

    def __init__(
        self, most: int, is_source: Callable[[str], bool], end: Callable[[str, int], int], exact: bool = False,
        counts: Counter[tuple[str, str]] | None = None, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._most, self._is_source, self._end, self._exact, self._now = most, is_source, end, exact, now
        self._sources: dict[tuple[str, int], tuple[Lane, str]] = {}
        self._hops: dict[tuple[str, int], tuple[Lane, str]] = {}
        self._held: set[Lane] = set()
        self._begin = NOTHING_YET
        self._watched_at = 0.0
        self._heard, self._busy_at = NOTHING_YET, 0.0
        self._let_go = False
        self._counts: Counter[tuple[str, str]] = Counter() if counts is None else counts

    def watch(self, lanes: dict[tuple[str, int], Lane]) -> None:
        """From now on these lanes. Called at each assignment."""
        self._held = set()
        read = [(topic, partition, lane) for (_, partition), lane in lanes.items() for topic in lane.readings]
        self._sources = {(topic, p): (lane, topic) for topic, p, lane in read if self._is_source(topic)}
        self._hops = {
            (topic, p): (lane, topic) for topic, p, lane in read if self._exact and not self._is_source(topic)
        }
        self._busy_at = self._watched_at = self._now()

    def hold(self, lane: Lane, topic: str) -> bool:
        """Whether this lane's next batch, of this topic, must wait. It is woken when that may have changed."""
        if not self._is_source(topic):
            return False
        at = lane.task.time_of(topic)
        if at > NOTHING_YET and self._begin == NOTHING_YET:
            self._begin = at
        if at == NOTHING_YET or (at <= self._slowest() + self._most and at <= self._most_ahead()):
            return False
        self._held.add(lane)
        return True

    def after(self, topic: str) -> bool:
        """Whether it follows sources of which one is behind, and that do not wait for it."""
        if self._exact or self._is_source(topic):
            return False
        return any(source in lane.behind for lane, source in self._sources.values())

    def moved(self, lane: Lane) -> None:
        """This lane has computed something."""
        if self._held and lane not in self._held:
            held, self._held = self._held, set()
            for other in held:
                other.wake()

    def _slowest(self) -> int:
        """Event time of the source partition that is furthest behind, among those with something left to read."""
        return min((lane.task.time_of(topic) for lane, topic in self._unread(self._sources)), default=FOR_EVER)

    def _most_ahead(self) -> int:
        """Up to when sources may be read, by what has been heard out."""
        tasks = [lane.task for lane, _ in self._hops.values() if isinstance(lane.task, Task)]
        if not tasks:
            return FOR_EVER
        heard = max(self._begin, min(task.heard for task in tasks))
        now = self._now()
        if heard != self._heard or any(self._unread(self._hops)):
            self._heard, self._busy_at, self._let_go = heard, now, False
        elif now - self._busy_at > PATIENCE_S:
            self._counts["let_go", "sources"] += not self._let_go
            self._let_go = True
            return FOR_EVER
        full = any(task.heard < task.full_to for task in tasks)
        return heard if full else heard + AHEAD * self._most

    def _unread(self, of: dict[tuple[str, int], tuple[Lane, str]]) -> Iterator[tuple[Lane, str]]:
        """Those with something left to read; and at first those of which that is not known yet."""
        fresh = self._now() - self._watched_at < PATIENCE_S
        for (_, partition), (lane, topic) in of.items():
            end = self._end(topic, partition)
            if lane.readings[topic].end < end or (end < 0 and fresh):
                yield lane, topic
