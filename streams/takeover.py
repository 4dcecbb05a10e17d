"""Takeover: how a partition's task comes to this worker, by reading its changelog in bulk and claiming it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from faust.types import TP

from streams.batch.append import Appender
from streams.batch.changelog import BulkReader
from streams.batch.copies import Copies, Copy, Damaged
from streams.batch.topic_ids import Topic
from streams.delivery.decode_task import DecodeTask
from streams.delivery.task import Fenced, Task
from streams.graph import Graph, Stage

CLAIMS = 20
"""How often we try to take over from a former owner that still writes."""

Key = tuple[str, int]
"""(table or source topic, partition): a task, and its lane."""


def check_together(stages: Mapping[Key, Stage], assigned: Collection[TP]) -> None:
    """A changelog partition must come with the same partition of every input. Raises RuntimeError."""
    for (table, partition), stage in stages.items():
        missing = [topic for topic in stage.inputs if TP(topic, partition) not in assigned]
        if missing:
            raise RuntimeError(
                f"partition {partition} of {stage.changelog} was assigned without {', '.join(missing)}: {table} need "
                "topics of one partition count; see `journeys topics`"
            )


class Takeover:
    """One taking over: tasks that never left are claimed anew, the others are read first.

    records, seconds  what was read of changelogs, and how long all reading took
    copied            what each copy that was used reached up to, and how many records it has
    """

    def __init__(
        self, graph: Graph, topics: Mapping[str, Topic], appender: Appender, reader: BulkReader, copies: Copies | None
    ) -> None:
        self.records = 0
        self.seconds = 0.0
        self.copied: dict[Key, tuple[int, int]] = {}
        self._graph, self._topics, self._appender, self._reader, self._copies = graph, topics, appender, reader, copies

    def figures(self) -> dict[str, float]:
        return {
            "records": self.records,
            "copied": sum(count for _, count in self.copied.values()),
            "reading": self.seconds,
        }

    async def renew(self, task: Task[Any], stage: Stage, partition: int, generation: int) -> bool:
        """Claim a partition that never left us; False if somebody wrote to it all the same."""
        task.generation = max(task.generation + 1, generation)
        try:
            for base, count in await self._appender.append(stage.changelog, partition, task.claim().changelog):
                task.appended(base, count)
        except Fenced:
            return False
        return True

    async def recover(self, stages: Mapping[Key, Stage], generation: int) -> dict[Key, Task[Any]]:
        """Read and claim until nobody wrote in between; the tasks are still to be `restored`."""
        began = time.monotonic()
        found = await self._find([TP(stage.changelog, key[1]) for key, stage in stages.items()])
        tasks = {key: await self._begun(key, stage, generation, found) for key, stage in stages.items()}
        left = {TP(stages[key].changelog, key[1]): task for key, task in tasks.items()}
        position = {TP(stages[key].changelog, key[1]): self.copied.get(key, (0, 0))[0] for key in tasks}
        for _ in range(CLAIMS):
            position = await self._reader.read(
                {tp: position[tp] for tp in left}, lambda tp, r: self._restore(left[tp], r)
            )
            for tp, task in list(left.items()):
                ((base, _),) = await self._appender.append(tp.topic, tp.partition, task.claim().changelog)
                if task.claimed(base, position[tp]):
                    del left[tp]
            if not left:
                self.seconds += time.monotonic() - began
                return tasks
        raise Fenced(f"another worker goes on writing to {', '.join(sorted(tp.topic for tp in left))}")

    async def _find(self, changelogs: list[TP]) -> dict[TP, Copy]:
        """The copies that may be used."""
        if self._copies is None:
            return {}
        begins, ends = await self._reader.begins(changelogs), await self._reader.ends(changelogs)
        found = {tp: self._copies.find(tp, self._topics[tp.topic].id, begins[tp], ends[tp]) for tp in changelogs}
        return {tp: copy for tp, copy in found.items() if copy is not None}

    async def _begun(self, key: Key, stage: Stage, generation: int, copies: Mapping[TP, Copy]) -> Task[Any]:
        """A task as far as a copy of its table goes; a fresh one where there is none, or it is damaged."""
        task, tp = self._graph.new_task(stage, key[1], generation, self._topics), TP(stage.changelog, key[1])
        if tp not in copies:
            return task
        assert self._copies is not None
        count = 0
        try:
            for records in copies[tp].read():
                task.restore(records)
                count += len(records)
                await asyncio.sleep(0)
        except (Damaged, OSError) as problem:
            self._copies.refuse(tp, f"damaged: {problem}")
            return self._graph.new_task(stage, key[1], generation, self._topics)
        self.copied[key] = copies[tp].position, count
        return task

    def _restore(self, task: Task[Any], records: list[tuple[bytes, bytes | None]]) -> None:
        self.records += len(records)
        task.restore(records)

    async def decode(self, tp: TP, start: int) -> DecodeTask:
        """A decode task that begins at `start`, with the time of the record before it."""
        task = self._graph.decode_task(tp.topic, tp.partition, self._topics)
        last = await self._reader.last(tp, start)
        if last is not None:
            task.resume(last)
        return task
