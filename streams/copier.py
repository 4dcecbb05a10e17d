"""Copier: keeps the copies of a worker's tables up to date, a little at a time, beside the lanes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import structlog
from faust.types import TP

from streams.batch.copies import Copies, Writing
from streams.delivery.copying import Copying
from streams.delivery.decode_task import DecodeTask
from streams.delivery.task import Task

log = structlog.get_logger("journeys.copier")

LOOK_S: Final = 1.0
"""How often one looks whether a copy is due or complete."""

SHARE: Final = 0.5
"""A changelog that has grown by a smaller share of the table than this is not worth another copy."""

BEHIND: Final = 8
"""While the worker is behind, so many times as much: entities that are kept ready have to be encoded for a copy."""

OLDEST_S: Final = 3_600.0
"""A copy is made again after this even if less has changed: people who asked to be forgotten are in it so long, and a copy
that is too old serves nobody (`KEPT_MS` in `streams/batch/copies.py`)."""

STEP: Final = 200
"""Records taken at a time: 0.3 ms where they are bytes, some 4 ms where they are to be encoded."""

REST: Final = 4
"""Times as long as a step takes the lanes have the loop to themselves: at most a fifth of the CPU goes into copies."""

AFTER_FAILURE_S: Final = 600.0
"""A disk that is full or gone is asked again after this."""

Key = tuple[str, int]
Tasks = Mapping[Key, Task[Any] | DecodeTask]


class _Made(NamedTuple):
    """The latest copy of a partition: how far it reaches, how large it is, and when it was made or found (monotonic s)."""

    position: int
    records: int
    at: float


class Copier:
    """Copies each table that has changed enough.

    tasks   of this worker, by (table, partition)
    where   a table -> its changelog and that topic's id
    behind  whether there is more to do than can be done
    """

    def __init__(
        self, copies: Copies, tasks: Callable[[], Tasks], where: Callable[[str], tuple[str, str]],
        behind: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._copies, self._tasks, self._where, self._behind = copies, tasks, where, behind
        self._latest: dict[Key, _Made] = {}
        self._taken: dict[Key, tuple[Task[Any], Copying, Writing]] = {}  # all but complete
        self._not_before = 0.0

    def took(self, keys: Iterable[Key], copied: Mapping[Key, tuple[int, int]]) -> None:
        """These were read anew, some of them from copies: (position, records) of each. Former copies of the others are gone."""
        for key in keys:
            self._latest.pop(key, None)
            if key in copied:
                self._latest[key] = _Made(*copied[key], time.monotonic())

    async def run(self) -> None:
        """Until cancelled."""
        tidied = -OLDEST_S
        while True:
            now = time.monotonic()
            if now - tidied >= OLDEST_S:
                tidied = now
                await asyncio.to_thread(self._copies.tidy)
            self.settle()
            for key, task in list(self._due(now)):
                await self._copy(key, task)
                self.settle()
            await asyncio.sleep(LOOK_S)

    def settle(self) -> None:
        """Finish copies that have become complete, and drop those of partitions that are not ours any more."""
        for key, (task, copying, writing) in list(self._taken.items()):
            if self._is_gone(key, task):
                del self._taken[key]
                writing.discard()
            elif copying.complete:
                del self._taken[key]
                self._finish(key, copying, writing)

    def _finish(self, key: Key, copying: Copying, writing: Writing) -> None:
        try:
            writing.finish()
        except OSError as problem:
            writing.discard()
            self._failed(key, problem)
            return
        self._copies.counts["copied", key[0]] += 1
        self._latest[key] = _Made(copying.position, copying.records, time.monotonic())
        log.info("copied", table=key[0], partition=key[1], records=copying.records)

    def _due(self, now: float) -> Iterator[tuple[Key, Task[Any]]]:
        if now < self._not_before:
            return
        for key, task in self._tasks().items():
            if isinstance(task, Task) and key not in self._taken and self._is_due(key, task, now):
                yield key, task

    def _is_due(self, key: Key, task: Task[Any], now: float) -> bool:
        made = self._latest.get(key)
        grown, records = (task.end, task.entities) if made is None else (task.end - made.position, made.records)
        if made is not None and grown > 0 and now - made.at >= OLDEST_S:
            return True
        return grown >= max(self._copies.fewest, SHARE * records) * (BEHIND if self._behind() else 1)

    def _is_gone(self, key: Key, task: Task[Any]) -> bool:
        return self._tasks().get(key) is not task

    async def _copy(self, key: Key, task: Task[Any]) -> None:
        """Take all of it; it is complete later."""
        topic, topic_id = self._where(key[0])
        if not topic_id or self._is_gone(key, task):
            return
        copying = Copying(task, STEP)
        try:
            writing = self._copies.begin(TP(topic, key[1]), topic_id, copying.position)
        except OSError as problem:
            self._failed(key, problem)
            return
        try:
            if await self._take(key, task, copying, writing):
                self._taken[key] = task, copying, writing
        except OSError as problem:
            self._failed(key, problem)
        finally:
            if key not in self._taken:
                writing.discard()

    async def _take(self, key: Key, task: Task[Any], copying: Copying, writing: Writing) -> bool:
        """Whether the partition was ours to the end."""
        while not self._is_gone(key, task):
            began = time.perf_counter()
            records = copying.take()
            if records is None:
                return True
            writing.add(records)
            await asyncio.sleep(REST * (time.perf_counter() - began))
        return False

    def _failed(self, key: Key, problem: OSError) -> None:
        """The journeys go on; only a restart will take longer."""
        self._not_before = time.monotonic() + AFTER_FAILURE_S
        self._copies.counts["copy_failed", key[0]] += 1
        log.error("copy_failed", table=key[0], partition=key[1], reason=str(problem), again_in_s=AFTER_FAILURE_S)
