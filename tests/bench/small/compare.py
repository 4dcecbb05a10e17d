"""`python -m tests.bench --journey small`: all engines over one workload, one broker, one sitting, and a table of medians."""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from deploy.local.kafka import LocalKafka
from tests.bench.small.engines import ENGINES, Place
from tests.bench.small.environments import Missing
from tests.bench.small.measure import Run, Trial, create
from tests.bench.small.workload import WORKLOADS, Filled, fill

PARTITIONS = 4


async def compare(given: argparse.Namespace, kafka: str, folder: Path) -> int:
    """Fill, run every engine `runs` times, turn by turn, and print. 1 when nobody could run."""
    workload = WORKLOADS[given.workload]
    topic = f"bench-{given.workload}"
    await create(kafka, [topic], PARTITIONS)
    filled = await fill(kafka, topic, workload, given.events, PARTITIONS)
    runs, left = defaultdict[str, list[Run]](list), list(given.engines)
    for number in range(given.runs):
        for name in list(left):
            try:
                runs[name].append(await one(name, number, kafka, folder, filled))
            except Missing as missing:
                print(f"  {ENGINES[name].title} is left out: {missing}", flush=True)
                left.remove(name)
    if not left:
        return 1
    print(f"\nall stage changes equal; {describe(given)}\n")
    print(table(runs))
    return 0


async def one(name: str, number: int, kafka: str, folder: Path, filled: Filled) -> Run:
    """One run, said in a line."""
    own = folder / f"{name}-{number}"
    own.mkdir()
    run = await Trial(ENGINES[name], Place(f"{name}-{number}", kafka, filled.topic, PARTITIONS, own), filled).run()
    print(
        f"  {ENGINES[name].title:<40} {run.rate:>9,.0f} events/s  {run.cpu:6.1f} CPU-s/M  {run.memory:6.0f} MiB",
        flush=True,
    )
    return run


def table(runs: dict[str, list[Run]]) -> str:
    """Medians, as Markdown. The ratios are ours to theirs: above 1 in events/s, and below 1 in CPU, ours is ahead."""
    medians = {
        name: Run(*(median(values) for values in zip(*found, strict=True))) for name, found in runs.items() if found
    }
    ours = medians.get("ours")
    lines = [
        "| engine | events/s | CPU-s per million | peak MiB | ours : it, events/s | ours : it, CPU |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in medians.items():
        ratios = f"{ours.rate / run.rate:.2f} | {ours.cpu / run.cpu:.2f}" if ours and run.cpu else "– | –"
        lines.append(f"| {ENGINES[name].title} | {run.rate:,.0f} | {run.cpu:.1f} | {run.memory:,.0f} | {ratios} |")
    return "\n".join(lines)


def describe(given: argparse.Namespace) -> str:
    """What was run, where."""
    return (
        f"{given.events:,} events, workload {given.workload}, medians of {given.runs}, {PARTITIONS} partitions, "
        f"one worker each; Python {platform.python_version()}, {platform.machine()}"
    )


async def main(given: argparse.Namespace) -> int:
    with LocalKafka(say=print) as kafka, tempfile.TemporaryDirectory(prefix="journeys-bench-") as folder:
        return await compare(given, kafka.bootstrap, Path(folder))
