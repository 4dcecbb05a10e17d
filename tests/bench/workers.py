"""`python -m tests.bench.workers`: the same events by one, two and four workers: CPU an event, and how long a rebalance takes.

On two cores more workers are not faster. What shows is whether an event costs the same whoever shares the partitions:
where it does, there is no step that all must go through, and as many workers as there are partitions help.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from deploy.demo.engine import Plan, Process
from deploy.demo.watch import Groups
from deploy.local.kafka import LocalKafka
from streams.worker import run_topics
from tests.bench.__main__ import PARTITIONS, SAAS, Bench, usage

TAKEN = "partitions_taken"
"""What a worker writes to its log once it works on its partitions."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--accounts", type=int, default=1_500)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--skew", choices=("mild", "zipf"), default="mild")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    with LocalKafka(say=print) as kafka, tempfile.TemporaryDirectory(prefix="journeys-workers-") as folder:
        bench = Bench(kafka.bootstrap, Path(folder), given)
        asyncio.run(bench.fill("shared", given.events, given.users))
        for number in given.workers:
            asyncio.run(_measured(kafka.bootstrap, Path(folder), number, given.events))
    print("bench: done")
    return 0


async def _measured(kafka: str, folder: Path, number: int, events: int) -> None:
    """One group of so many workers, from its first commit to its last; then one of them leaves and comes back."""
    prefix = f"by{number}."
    plan = Plan(
        folder, prefix, kafka, "http://127.0.0.1:1", "none", SAAS, "segment", "user", PARTITIONS, topic="shared"
    )
    settings = plan.write(f"{prefix}toml")
    if await asyncio.to_thread(run_topics, settings, True, PARTITIONS, True):
        raise SystemExit("bench: the topics could not be created")
    workers = [Process("worker", settings, folder / f"{prefix}{n}.log").start() for n in range(number)]
    try:
        async with Groups(kafka) as groups:
            rate, cpu = await _ran(groups, plan, workers, events)
        moved = [await _rebalanced(workers) for _ in range(3)] if number > 1 else []
    finally:
        for worker in workers:
            worker.stop()
    rebalance = f"{median(moved):.1f} s from a worker's SIGTERM until the others have its partitions" if moved else ""
    print(f"{number} workers  {rate:>9,.0f} events/s  {cpu:5.1f} CPU-s/M  {rebalance}", flush=True)


async def _ran(groups: Groups, plan: Plan, workers: list[Process], events: int) -> tuple[float, float]:
    """(events/s, CPU seconds per million events) of all workers together."""
    group, source = f"{plan.prefix}engine", plan.source_topic
    first: tuple[float, int, float] | None = None
    while True:
        for worker in workers:
            if worker.ended() is not None:
                raise SystemExit(f"bench: FAILED, a worker ended with {worker.ended()}:\n{worker.tail()}")
        lag = await groups.lag(group, [source])
        now, done, cpu = time.monotonic(), events - lag, sum(usage(worker.pid)[0] for worker in workers)
        if first is None and done > 0:
            first = now, done, cpu
        if first is not None and lag <= 0 and await groups.lag(group, [f"{plan.prefix}members"]) <= 8:
            return (events - first[1]) / max(now - first[0], 1e-9), (cpu - first[2]) / (events - first[1]) * 1e6
        await asyncio.sleep(0.1)


async def _rebalanced(workers: list[Process]) -> float:
    """Seconds from one worker's leaving until another one works on what it left; it is started again behind that."""
    leaving, stays = workers[-1], workers[:-1]
    before = [worker.tail(10_000).count(TAKEN) for worker in stays]
    began = time.monotonic()
    await asyncio.to_thread(leaving.stop)
    while all(worker.tail(10_000).count(TAKEN) <= seen for worker, seen in zip(stays, before, strict=True)):
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - began
    before = [worker.tail(10_000).count(TAKEN) for worker in stays]
    leaving.start()
    while all(worker.tail(10_000).count(TAKEN) <= seen for worker, seen in zip(stays, before, strict=True)):
        await asyncio.sleep(0.2)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
