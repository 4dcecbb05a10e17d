"""One run of one engine: from its first record out until everything is out and committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from math import nan
from typing import NamedTuple

import psutil
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.demo.watch import Groups
from deploy.local.process import Guarded
from tests.bench.outputs import our_stages, plain_stages
from tests.bench.small.engines import Engine, Launch, Place, environment
from tests.bench.small.workload import Filled

LOOK_S = 0.1
PATIENCE_S = 900
"""Without anything new in that time a run has failed; the slowest engine does 2,000 events/s, and a JVM starts in three."""


class Run(NamedTuple):
    """One measured run: events/s, CPU seconds per million events, peak memory in MiB; nan where the run was too short."""

    rate: float
    cpu: float
    memory: float


class Point(NamedTuple):
    at: float
    done: int
    cpu: float


class Usage:
    """CPU seconds and memory of a guarded command, the guard's only child, with all that it started."""

    def __init__(self, guard: int) -> None:
        self._guard = guard
        self.cpu, self.peak = 0.0, 0.0

    def look(self) -> float:
        """CPU seconds until now; what was known last once it has ended."""
        try:
            children = psutil.Process(self._guard).children(recursive=True)
            cpu = sum(sum(child.cpu_times()[:2]) for child in children)
            self.peak = max(self.peak, sum(child.memory_info().rss for child in children) / 2**20)
        except psutil.Error:
            return self.cpu
        self.cpu = max(self.cpu, cpu)
        return self.cpu


class Trial:
    """One engine over one filled topic."""

    def __init__(self, engine: Engine, place: Place, filled: Filled) -> None:
        self._engine, self._place, self._filled = engine, place, filled
        self._log = place.folder / "log"

    async def run(self) -> Run:
        """Raises `Missing` where the engine cannot run, SystemExit where it fails or says anything else than the others."""
        launch = await asyncio.to_thread(self._engine.prepare, self._place)
        if launch.out == self._place.out:
            await create(self._place.kafka, [launch.out], self._place.partitions)
        guarded = Guarded(launch.command, self._log, env=environment(self._place))
        try:
            run = await self._measured(launch, guarded)
        finally:
            await asyncio.to_thread(guarded.stop)
        await self._compare(launch)
        return run

    async def _measured(self, launch: Launch, guarded: Guarded) -> Run:
        usage, first = Usage(guarded.pid), None
        async with Groups(self._place.kafka) as groups:
            progress = Progress(launch, self._filled, groups)
            changed, known = time.monotonic(), 0
            while True:
                cpu = usage.look()
                done, ended = await progress.done(), guarded.ended()
                now = Point(time.monotonic(), done, cpu)
                if done > known:
                    known, changed = done, now.at
                first = first or (now if done else None)
                if first and done >= self._filled.events:
                    break
                if ended is not None or now.at - changed > PATIENCE_S:
                    raise SystemExit(f"bench: {self._engine.title} came to a stop ({ended}):\n{self._tail()}")
                await asyncio.sleep(LOOK_S)
            # Told to stop, it keeps what it has: who commits seldom is not kept waiting for by the clock.
            stopping = asyncio.create_task(asyncio.to_thread(guarded.stop)) if launch.group else None
            while not await self._kept(launch, guarded, groups):
                usage.look()
                await asyncio.sleep(LOOK_S / 2)
            last = Point(time.monotonic(), self._filled.events, usage.look())
            if stopping:
                await stopping
        events = last.done - first.done
        if events < last.done / 2:  # most were done before anything could be seen
            return Run(nan, nan, usage.peak)
        return Run(events / max(last.at - first.at, 1e-9), (last.cpu - first.cpu) / max(events, 1) * 1e6, usage.peak)

    async def _kept(self, launch: Launch, guarded: Guarded, groups: Groups) -> bool:
        if launch.group is None:
            return guarded.ended() is not None
        if await groups.lag(launch.group, [self._filled.topic]) <= 0:
            return True
        if guarded.ended() is not None and await groups.lag(launch.group, [self._filled.topic]) > 0:
            raise SystemExit(f"bench: {self._engine.title} ended without a commit of all it had read:\n{self._tail()}")
        return False

    async def _compare(self, launch: Launch) -> None:
        if launch.out is None:
            return
        read = plain_stages if launch.out == self._place.out else our_stages
        found = await read(self._place.kafka, launch.out)
        missing, extra = self._filled.expected - found, found - self._filled.expected
        if missing or extra:
            raise SystemExit(
                f"bench: FAILED, {self._engine.title} says something else: {len(missing):,} stage changes are missing, "
                f"e.g. {sorted(missing, key=str)[:3]}, {len(extra):,} too many, e.g. {sorted(extra, key=str)[:3]}"
            )

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])


class Progress:
    """How many events are done, by what came out; or by what is committed, where nothing comes out."""

    def __init__(self, launch: Launch, filled: Filled, groups: Groups) -> None:
        self._launch, self._filled, self._groups = launch, filled, groups

    async def done(self) -> int:
        """From 0 to all."""
        if self._launch.out is None:
            assert self._launch.group is not None
            return self._filled.events - await self._groups.lag(self._launch.group, [self._filled.topic])
        return self._filled.done(await self._groups.ends_of(self._launch.out))


async def create(kafka: str, topics: Sequence[str], partitions: int) -> None:
    """The broker makes no topic by itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
    await admin.close()
