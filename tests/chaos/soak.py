"""`python -m tests.chaos.soak [--minutes 30] [--seed 0] [--rate N]`: half of what the engine can, with a fault every minute.

Measured first: how many events a second one worker takes. Then half of that is fed for so long, while one fault after
the other happens (see FAULTS), and once a second it is noted how much memory each process has. In the end the lag must
go back to nothing and the ids must be the oracle's.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path
from random import Random

from deploy.local import process
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.kafka import LocalKafka
from tests.chaos.world import GO, SLOW, STOP, Member, Servers, World

MEASURED = 20_000
"""Events by which the throughput is measured."""

WARM_S = 60.0
"""Memory of the first minute does not count: caches fill."""

FAULTS = (
    "worker killed", "sink killed", "worker sleeps", "clickhouse killed", "clickhouse slow", "clickhouse fails after",
    "worker leaves", "broker killed",
)  # fmt: skip


class Soak:
    """One run. `notes`: (seconds, role, resident MiB) once a second."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.luck = Random(seed)
        self.notes: list[tuple[float, str, float]] = []
        self.begun = time.monotonic()
        self.worker, self.sink = world.worker(), world.sink()

    async def run(self, rate: float, minutes: float) -> None:
        self.worker.start()
        self.sink.start()
        await asyncio.gather(self.worker.taken(), self.sink.taken())
        self.world.supervise(self.worker, self.sink)
        watching = asyncio.create_task(self._watch())
        breaking = asyncio.create_task(self._break(minutes))
        try:
            await self.world.feed(rate=rate)
            await breaking
        finally:
            watching.cancel()
            breaking.cancel()

    async def _watch(self) -> None:
        while True:
            for member in (self.worker, self.sink):
                memory = resident(member)
                if memory is not None:
                    self.notes.append((time.monotonic() - self.begun, member.role, memory))
            await asyncio.sleep(1)

    async def _break(self, minutes: float) -> None:
        """A fault in the middle of each minute."""
        for minute in range(int(minutes)):
            await asyncio.sleep(max(0.0, self.begun + minute * 60 + 30 - time.monotonic()))
            fault = FAULTS[minute % len(FAULTS)]
            print(f"{time.monotonic() - self.begun:6.0f} s  {fault}", flush=True)
            await self._happen(fault)

    async def _happen(self, fault: str) -> None:
        clickhouse = self.world.servers.clickhouse
        match fault:
            case "worker killed":
                self.worker.kill()
            case "sink killed":
                self.sink.kill()
            case "worker leaves":
                await self.worker.stop()
            case "worker sleeps":
                self.worker.signal(STOP)
                await asyncio.sleep(8)
                self.worker.signal(GO)
            case "clickhouse killed":
                clickhouse.kill()
                await asyncio.sleep(10)
                await asyncio.to_thread(clickhouse.restart)
            case "clickhouse slow":
                clickhouse.faults.add("delay", seconds=2, times=5)
            case "clickhouse fails after":
                clickhouse.faults.add("error", when="after", times=5)
            case "broker killed":
                self.world.servers.kafka.kill()
                await asyncio.sleep(3)
                await asyncio.to_thread(self.world.servers.kafka.restart)


def resident(member: Member) -> float | None:
    """MiB of memory that the process has; None while it does not run."""
    try:
        lines = Path(f"/proc/{member.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
    except (OSError, IndexError, StopIteration, AssertionError):
        return None


def slope(notes: list[tuple[float, float]]) -> float:
    """MiB a minute, by least squares. A process that was started anew begins small: that is part of it."""
    if len(notes) < 2:
        return 0.0
    mean_t, mean_m = (sum(column) / len(notes) for column in zip(*notes, strict=True))
    spread = sum((t - mean_t) ** 2 for t, _ in notes)
    return 60 * sum((t - mean_t) * (m - mean_m) for t, m in notes) / spread


async def throughput(servers: Servers, seed: int) -> float:
    """Events a second that one worker takes, from its first to its last."""
    async with World(servers, seed, count=MEASURED, users=400, env={"JOURNEYS_BATCH": "4000"}) as world:
        worker = world.worker().start()
        await worker.taken()
        began = time.monotonic()
        await world.feed()
        await world.drained(sinks=False)
        return MEASURED / (time.monotonic() - began)


async def soak(servers: Servers, seed: int, minutes: float, rate: float | None) -> bool:
    if rate is None:
        measured = await throughput(servers, seed)
        rate = measured / 2
        print(
            f"one worker takes {measured:.0f} events/s, feeder and oracle on the same cores; fed are {rate:.0f}/s",
            flush=True,
        )
    count = int(rate * minutes * 60)
    print(f"{count} events over {minutes:g} minutes; the oracle computes what must come", flush=True)
    options = {"count": count, "users": max(40, count // 100), "env": {"JOURNEYS_BATCH": "4000"}}
    async with World(servers, seed, **options) as world:  # type: ignore[arg-type]
        run = Soak(world, seed)
        await run.run(rate, minutes)
        world.heal()
        verdict = await world.judge()
    print(f"{'green' if verdict.green else 'RED'}  {len(world.expected.transitions)} transitions: {verdict}")
    for remark in verdict.remarks:
        print(f"       {remark[:600]}")
    for role in ("worker", "sink"):
        told = [(at, memory) for at, found, memory in run.notes if found == role]
        late = [note for note in told if note[0] > WARM_S]
        most = max((memory for _, memory in told), default=0.0)
        print(f"{role}: at most {most:.0f} MiB, slope after the first minute {slope(late):+.2f} MiB a minute")
    return verdict.green


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, help="events a second; measured where it is not given")
    options = parser.parse_args()
    process.START_S *= SLOW
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with LocalKafka(say=print) as kafka, LocalClickHouse(with_faults=True, say=print) as clickhouse:
        return not asyncio.run(soak(Servers(kafka, clickhouse), options.seed, options.minutes, options.rate))


if __name__ == "__main__":
    sys.exit(main())
