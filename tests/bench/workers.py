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
from deploy.local.kafka import LocalKafka
from streams.worker import run_topics
from tests.bench.__main__ import PARTITIONS, Bench, watched

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
            asyncio.run(_measured(bench, bench.plan(f"by{number}.", "shared"), number, given.events))
    print("bench: done")
    return 0


async def _measured(bench: Bench, plan: Plan, number: int, events: int) -> None:
    """One group of so many workers, from its first commit to its last; then one of them leaves and comes back."""
    prefix, settings = plan.prefix, plan.write(f"{plan.prefix}toml")
    if await asyncio.to_thread(run_topics, settings, True, PARTITIONS, True):
        raise SystemExit("bench: the topics could not be created")
    workers = [Process("worker", settings, plan.folder / f"{prefix}{n}.log").start() for n in range(number)]
    try:
        topics = [plan.source_topic, f"{prefix}members"]
        run = await bench.measure(f"{prefix}engine", topics, events, [watched(worker) for worker in workers])
        moved = [await _rebalanced(workers) for _ in range(3)] if number > 1 else []
    finally:
        for worker in workers:
            worker.stop()
    rebalance = f"{median(moved):.1f} s from a worker's SIGTERM until the others have its partitions" if moved else ""
    print(f"{number} workers  {run.rate:>9,.0f} events/s  {run.cpu:5.1f} CPU-s/M  {rebalance}", flush=True)


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
