"""One live run in a test: topics, workers and sink as processes on the shared Kafka and ClickHouse, fed, drained, read back."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer

from deploy.demo.engine import Plan, Process
from deploy.demo.feed import Due, Feeder, due
from deploy.demo.play import SINK_TOPICS
from deploy.demo.watch import Groups, partitions_of
from streams.worker import run_migrate, run_topics

_RUNS = itertools.count()


class Live:
    """`async with Live(...) as live: await live.feed(lines, until); await live.drained()`; then read what came out."""

    def __init__(
        self, kafka: str, clickhouse: str, definition: Path, *, workers: int = 1, sink: bool = True, source: str = "canonical",
        keyed_by: str | None = None, partitions: int = 4, env: dict[str, str] | None = None, sources: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        name = f"t{os.getpid()}x{next(_RUNS)}"
        self._folder = tempfile.TemporaryDirectory(prefix="journeys-live-")
        self.plan = Plan(
            Path(self._folder.name),
            f"{name}.",
            kafka,
            clickhouse,
            f"journeys_{name}",
            definition,
            source,
            keyed_by,
            partitions,
            sources=sources,
        )
        self.settings = self.plan.write()
        self._env = env or {}
        self.workers = [self._process("worker", n) for n in range(workers)]
        self.sink = self._process("sink", 0) if sink else None

    def _process(self, role: str, n: int) -> Process:
        return Process(role, self.settings, self.plan.folder / f"{role}-{n}.log", self._env)

    async def __aenter__(self) -> Live:
        assert await asyncio.to_thread(run_topics, self.settings, True, self.plan.partitions, True) == 0
        if self.sink is not None:
            assert await asyncio.to_thread(run_migrate, self.settings, True) == 0
        for process in self.processes:
            process.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.stop()
            if kind is not None:
                print(f"--- {process.role}\n{process.tail(60)}")
        self._folder.cleanup()

    @property
    def processes(self) -> list[Process]:
        return [*self.workers, *([self.sink] if self.sink else [])]

    def add_worker(self) -> Process:
        """One more worker of the same group."""
        process = self._process("worker", len(self.workers)).start()
        self.workers.append(process)
        return process

    def alive(self) -> None:
        for process in self.processes:
            if process.ended() is not None:
                raise AssertionError(f"the {process.role} ended with {process.ended()}:\n{process.tail(60)}")

    async def feed(
        self, records: Iterable[bytes | Due], until: int, rate: Callable[[int, float], float] = lambda n, s: 200_000.0
    ) -> Feeder:
        played = (due(record) if isinstance(record, bytes) else record for record in records)
        async with Feeder(self.plan.kafka, self.plan.topics, self.plan.partitions) as feeder:
            await feeder.play(played, until, rate)
        return feeder

    async def drained(self, deadline_s: float = 180) -> None:
        p = self.plan.prefix
        sources = list(self.plan.topics.values())
        engine = [*sources, p + "events", p + "members"]
        sink = [p + topic for topic in SINK_TOPICS] + sources
        async with Groups(self.plan.kafka) as groups:
            if self.sink is None:
                await groups.drained(f"{p}engine", engine, f"{p}engine", engine, deadline_s, self.alive)
            else:
                await groups.drained(f"{p}engine", engine, f"{p}engine-sink", sink, deadline_s, self.alive)

    async def lag(self) -> int:
        """Source records that the engine has not committed."""
        async with Groups(self.plan.kafka) as groups:
            return await groups.lag(f"{self.plan.prefix}engine", list(self.plan.topics.values()))

    async def read(self, *topics: str) -> list[Any]:
        """Every record of these published topics, as Kafka holds it."""
        return await read_all(self.plan.kafka, [self.plan.prefix + topic for topic in topics])

    async def transitions(self) -> list[dict[str, Any]]:
        records = await self.read("transitions.user", "transitions.account")
        return [orjson.loads(record.value) for record in records]


async def read_all(bootstrap: str, topics: Sequence[str]) -> list[Any]:
    """All records of some topics up to their ends of now."""
    return [record async for record in each(bootstrap, topics)]


async def each(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    """The same one by one, for more than fit the memory."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = await partitions_of(bootstrap, topics)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


APART = ("id", "detected_at", "seq", "valid", "supersedes", "origin")


def truth(transitions: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """{id: payload} of the transitions that are valid in the end: for each id, its record with the highest seq."""
    newest: dict[str, dict[str, Any]] = {}
    for record in transitions:
        known = newest.get(record["id"])
        if known is None or record["seq"] >= known["seq"]:
            newest[record["id"]] = record
    return {
        id: {name: value for name, value in record.items() if name not in APART}
        for id, record in newest.items()
        if record["valid"]
    }


def same(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Assert that two truths are the same, and say by what they differ."""
    missing = [expected[id] for id in expected.keys() - found.keys()]
    extra = [found[id] for id in found.keys() - expected.keys()]
    differ = [id for id in expected.keys() & found.keys() if expected[id] != found[id]]
    kinds = Counter((t["kind"], t["machine"], t["name"]) for t in [*missing, *extra])
    told = (
        f"{len(missing)} missing, {len(extra)} extra, {len(differ)} differ of {len(expected)}: {kinds.most_common(8)}"
    )
    firsts = [sorted(found, key=lambda t: str(t["at"]))[:2] for found in (missing, extra)]
    assert not missing + extra, f"{told}\nfirst missing: {firsts[0]}\nfirst extra: {firsts[1]}"
    assert not differ, told


def gapless(transitions: Iterable[dict[str, Any]]) -> None:
    """Assert that `seq` counts 1, 2, 3 … for each entity and machine, raw duplicates aside."""
    seqs: dict[tuple[str, str, str], set[int]] = {}
    for t in transitions:
        seqs.setdefault((t["kind"], t["entity"], t["machine"]), set()).add(t["seq"])
    for key, found in seqs.items():
        assert found == set(range(1, len(found) + 1)), f"{key}: {sorted(found)}"


async def wait_for(reached: Callable[[], Any], deadline_s: float = 60) -> None:
    """Until a coroutine function says true; AssertionError after the deadline."""
    for _ in range(int(deadline_s / 0.1)):
        if await reached():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not reached within {deadline_s} s")
