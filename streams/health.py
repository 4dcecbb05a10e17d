"""Health: whether a worker lives and is ready, told beside the figures; one that has hung for too long ends by itself.

    GET /livez    200 while commits move wherever there is something to commit; 503 and why when they have not
    GET /readyz   200 while the worker has its place in the group and its partitions; 503 and why when it has not

A worker that only waits (for ClickHouse, for partitions that are behind) lives: to start it again would help nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

PATIENCE_S = 300.0
"""Commits come every half second while there is work. What takes minutes, such as reading a changelog of millions of
entities, happens before there are partitions to look at."""

BLIND_S = 60.0
"""Nobody has looked for so long: the event loop does not turn any more."""

Standing = tuple[str, int, int, int]
"""(topic, partition, its commit, records from there to its end that nothing keeps back on purpose)."""


class Stalled(Exception):
    """Commits have stood still while there was something to do. The process ends, and is started again."""


class Health:
    """What was seen at the last look. Looked at by the event loop, asked by the server's threads.

    patience  seconds without a commit after which a partition with something to do has hung
    """

    def __init__(self, patience: float = PATIENCE_S, now: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._now = now
        self._looked = now()
        self._moved: dict[tuple[str, int], tuple[int, float]] = {}
        self._why_not_ready = "it has not been given partitions yet"
        self._stuck = ""

    def look(self, standing: Iterable[Standing], ready: bool, waits: str = "") -> None:
        """Once a second. `waits`: what the worker waits for with all its partitions, if it does."""
        now = self._looked = self._now()
        self._why_not_ready = waits or ("" if ready else "it is joining its group, or taking partitions over")
        before, self._moved = self._moved, {}
        for topic, partition, commit, behind in standing:
            at, since = before.get((topic, partition), (-1, now))
            still = at == commit and behind > 0 and not waits
            self._moved[topic, partition] = (commit, since if still else now)
        self._stuck = self._longest(now)

    def _longest(self, now: float) -> str:
        """The partition that has stood still for the longest, if that is too long."""
        where = min(self._moved, key=lambda tp: self._moved[tp][1], default=None)
        if where is None or now - self._moved[where][1] < self.patience:
            return ""
        at, since = self._moved[where]
        return f"{where[0]}, partition {where[1]}, stands at {at} for {now - since:.0f} s, and there is more"

    def why_not_alive(self) -> str:
        """Empty while it lives."""
        blind = self._now() - self._looked
        return f"nothing has moved for {blind:.0f} s: the event loop hangs" if blind > BLIND_S else self._stuck

    def why_not_ready(self) -> str:
        """Empty while it is ready."""
        return self.why_not_alive() or self._why_not_ready

    def must_live(self) -> None:
        """Raises Stalled where it does not."""
        if self._stuck:
            raise Stalled(f"{self._stuck}: the worker ends, so that it is started again")
