"""`python -m tests.chaos.soak [--minutes 30] [--seed 0] [--rate N] [--calm]`: half of what the engine can, a fault a minute.

Measured first: how many events a second one worker and one sink take. Then half of that is fed for so long, while one fault after
the other happens (see FAULTS), and once a second it is noted how much memory each process has. In the end the lag must
go back to nothing and the ids must be the oracle's. `--calm` is without faults: processes that are never started anew
show best whether their memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import NamedTuple

from deploy.local import process
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.kafka import LocalKafka
from tests.chaos import digests
from tests.chaos.oracle import DEFINITION
from tests.chaos.world import GO, SLOW, STOP, Member, Servers, World

MEASURED = 100_000
"""Events by which the throughput is measured, after as many that are not: a story's beginning costs less than its middle."""

USERS = 2_000
"""All of them come by within the first minutes: as long as new ones come, memory grows, and that is no leak."""

WARM_S = 60.0
"""Memory of a process's first minute does not count: caches fill."""

FAULTS = (
    "worker killed", "sink killed", "worker sleeps", "clickhouse killed", "clickhouse slow", "clickhouse fails after",
    "worker leaves", "broker killed",
)  # fmt: skip


class Note(NamedTuple):
    """How much memory a process had. `at`: seconds from the beginning; `resident`: MiB."""

    at: float
    role: str
    pid: int
    resident: float


class Soak:
    """One run, noted once a second."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.luck = Random(seed)
        self.notes: list[Note] = []
        self.begun = time.monotonic()
        self.worker, self.sink = world.worker(), world.sink()

    async def run(self, rate: float, minutes: float, calm: bool) -> None:
        self.worker.start()
        self.sink.start()
        await asyncio.gather(self.worker.taken(), self.sink.taken())
        self.world.supervise(self.worker, self.sink)
        watching = asyncio.create_task(self._watch())
        breaking = asyncio.create_task(self._break(0 if calm else minutes))
        try:
            await self.world.feed(rate=rate)
            await breaking
        finally:
            watching.cancel()
            breaking.cancel()

    async def _watch(self) -> None:
        while True:
            for member in (self.worker, self.sink):
                found = resident(member)
                if found is not None:
                    self.notes.append(Note(time.monotonic() - self.begun, member.role, *found))
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


def resident(member: Member) -> tuple[int, float] | None:
    """(process, MiB of memory that it has); None while it does not run."""
    try:
        pid = member.pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return pid, next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
    except (OSError, IndexError, StopIteration, AssertionError):
        return None


def lives(notes: Iterable[Note]) -> list[list[Note]]:
    """The notes process by process, each without its first minute; those that lived no longer are left out."""
    found: dict[int, list[Note]] = {}
    for note in notes:
        found.setdefault(note.pid, []).append(note)
    warm = ([note for note in life if note.at >= life[0].at + WARM_S] for life in found.values())
    return [life for life in warm if len(life) > 1]


def slope(notes: Iterable[Note]) -> float:
    """MiB a minute, by least squares over all lives, each with a level of its own: a new process begins small."""
    spread = risen = 0.0
    for life in lives(notes):
        mean_t, mean_m = fmean(note.at for note in life), fmean(note.resident for note in life)
        spread += sum((note.at - mean_t) ** 2 for note in life)
        risen += sum((note.at - mean_t) * (note.resident - mean_m) for note in life)
    return 60 * risen / spread if spread else 0.0


def about_memory(role: str, notes: Sequence[Note]) -> str:
    """What is printed of a role's processes: the slope of all, and what the one that lived longest had at each quarter."""
    most = max((note.resident for note in notes), default=0.0)
    longest = max(lives(notes), key=lambda life: life[-1].at - life[0].at, default=[])
    if not longest:
        return f"{role}: at most {most:.0f} MiB; no process lived for more than a minute"
    quarters = [longest[(len(longest) - 1) * n // 4] for n in range(5)]
    return (
        f"{role}: at most {most:.0f} MiB, slope {slope(notes):+.2f} MiB a minute; the longest life, in quarters of"
        f" {(longest[-1].at - longest[0].at) / 240:.1f} minutes: {', '.join(f'{note.resident:.0f}' for note in quarters)} MiB"
    )


async def throughput(servers: Servers, seed: int) -> float:
    """Events a second that one worker and one sink take, when all people are known and moving."""
    async with World(servers, seed, count=2 * MEASURED, users=USERS, env={"JOURNEYS_BATCH": "4000"}) as world:
        worker, sink = world.worker().start(), world.sink().start()
        await asyncio.gather(worker.taken(), sink.taken())
        await world.feed(world.story.events[:MEASURED], last=False)
        await world.drained()
        began = time.monotonic()
        await world.feed(world.story.events[MEASURED:])
        await world.drained()
        return MEASURED / (time.monotonic() - began)


async def soak(servers: Servers, seed: int, minutes: float, rate: float | None, calm: bool = False) -> bool:
    if rate is None:
        measured = await throughput(servers, seed)
        rate = measured / 2
        print(
            f"one worker and one sink take {measured:.0f} events/s, with all else on the same cores; fed are {rate:.0f}/s",
            flush=True,
        )
    count = int(rate * minutes * 60)
    print(f"{count} events over {minutes:g} minutes", flush=True)
    options = {"count": count, "users": min(USERS, max(40, count // 100)), "env": {"JOURNEYS_BATCH": "4000"}}
    async with World(servers, seed, **options) as world:  # type: ignore[arg-type]
        run = Soak(world, seed)
        await run.run(rate, minutes, calm)
        world.heal()
        verdict = await world.arrived()
        for role in ("worker", "sink"):
            print(about_memory(role, [note for note in run.notes if note.role == role]))
        print(
            f"{'; '.join(verdict.remarks) or 'everything has arrived'}, {verdict.seconds:.1f} s after the end;"
            " the oracle computes what must have come",
            flush=True,
        )
        wanted = digests.expected(world.story, DEFINITION)
        digests.compare(verdict, wanted, await digests.in_kafka(world.plan.kafka, world.plan.prefix))
        await asyncio.to_thread(digests.compare_stored, verdict, wanted, world.client())
    print(f"{'green' if verdict.green else 'RED'}  {len(wanted.transitions())} transitions: {verdict}")
    for remark in verdict.remarks:
        print(f"       {remark[:600]}")
    return verdict.green


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, help="events a second; measured where it is not given")
    parser.add_argument("--calm", action="store_true", help="without faults")
    options = parser.parse_args()
    process.START_S *= SLOW
    process.STOP_S *= SLOW
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with LocalKafka(say=print) as kafka, LocalClickHouse(with_faults=True, say=print) as clickhouse:
        servers = Servers(kafka, clickhouse)
        return not asyncio.run(soak(servers, options.seed, options.minutes, options.rate, options.calm))


if __name__ == "__main__":
    sys.exit(main())
