"""Watch: what an engine's figures are, once a second."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import structlog

from streams import memory
from streams.delivery.contracts import NEVER, NOTHING_YET
from streams.delivery.task import Task
from streams.engine import Engine
from streams.journey.logic import Journeys
from streams.lanes import Lane
from streams.metrics import Growing, Metrics, Name

log = structlog.get_logger("journeys.watch")

EVERY_S = 1.0

LONGEST_OF = 60
"""Looks that the longest slice is the longest of: whoever scrapes once in 15 or 30 s sees it."""

OF_PARTITIONS: tuple[Name, ...] = (
    "journeys_committed_lag_records",
    "journeys_watermark_lag_seconds",
    "journeys_armed_timers",
    "journeys_entities",
    "journeys_slice_records",
    "journeys_longest_slice_seconds",
    "journeys_waiting_batches",
)


async def watch(engine: Engine, metrics: Metrics) -> None:
    """Until cancelled. Raises Stalled, which ends the process."""
    growing, longest, tidy = Growing(), Longest(), memory.Tidy(time.monotonic())
    while True:
        collect(engine, metrics, growing, longest)
        given = tidy.look(time.monotonic(), not any(lane.waiting for lane in engine.lanes.values()))
        if given >= memory.KEPT // 4:
            log.info("memory_given_back", mib=given >> 20)
        metrics.health.look(engine.standing(), engine.ready)
        metrics.health.must_live()
        await asyncio.sleep(EVERY_S)


class Longest:
    """The longest slice of each lane in the last minute."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], deque[float]] = {}

    def of(self, lane: Lane, where: tuple[str, int]) -> float:
        """Seconds; takes note of what the lane has computed since the last look."""
        seen = self._seen.setdefault(where, deque(maxlen=LONGEST_OF))
        seen.append(lane.longest)
        lane.longest = 0.0
        return max(seen)


def collect(engine: Engine, metrics: Metrics, growing: Growing, longest: Longest) -> None:
    """Every figure as of now."""
    metrics.forget(OF_PARTITIONS)
    metrics.take(engine.counts)
    for stage in engine.graph.stages:
        if isinstance(stage.logic, Journeys):
            metrics.take(stage.logic.counts)
    for task in engine.tasks.values():
        metrics.take(task.counts)
    _partitions(engine, metrics, longest)
    for topic, partition, behind in engine.lags():
        metrics.set("journeys_committed_lag_records", behind, topic, str(partition))
    for topic, added in growing.since("outputs", engine.sent):
        metrics.add("journeys_outputs_total", added, topic)
    for _, added in growing.since("bytes", {"": engine.changelog_bytes}):
        metrics.add("journeys_changelog_bytes_total", added)
    for name, added in growing.since("works", {lane.name: lane.works for lane in engine.lanes.values()}):
        metrics.add("journeys_works_total", added, name)
    metrics.set("journeys_recovery_seconds", engine.recovered.get("seconds", 0.0))
    metrics.set("journeys_recovery_records", engine.recovered.get("records", 0.0))
    metrics.set("journeys_recovery_copied_records", engine.recovered.get("copied", 0.0))


def _partitions(engine: Engine, metrics: Metrics, longest: Longest) -> None:
    now = time.time()
    for (name, partition), task in engine.tasks.items():
        where = name, str(partition)
        if NOTHING_YET < task.watermark < NEVER:
            metrics.set("journeys_watermark_lag_seconds", now - task.watermark / 1000, *where)
        if isinstance(task, Task):
            metrics.set("journeys_armed_timers", task.timers, *where)
            metrics.set("journeys_entities", task.entities, *where)
    for (name, partition), lane in engine.lanes.items():
        metrics.set("journeys_slice_records", lane.slice, name, str(partition))
        metrics.set("journeys_longest_slice_seconds", longest.of(lane, (name, partition)), name, str(partition))
        metrics.set("journeys_waiting_batches", lane.waiting, name, str(partition))
