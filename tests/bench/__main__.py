"""`make bench`: our engine against idiomatic Faust, the same events, broker and run. Fails on unequal outputs."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.demo.engine import Plan, Process
from deploy.demo.generator import segment_events
from deploy.demo.watch import Groups
from deploy.local.kafka import LocalKafka
from deploy.local.process import Guarded
from streams.worker import run_topics
from tests.bench.outputs import entity_bytes, lean_stages, our_moves, our_stages, peer_moves
from tests.bench.small import compare
from tests.bench.small.engines import ENGINES, faust_worker
from tests.bench.small.workload import WORKLOADS

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"
PARTITIONS = 4
BROKEN = 2_000
"""Events/s below which a baseline counts as broken, not as beaten."""

ALIKE = 0.98
"""Of the accounts' transitions, those that both engines must have. Ours folds an account's inputs in order of event time; a plain
agent takes them as they come from four partitions, and may find a trial after the purchase: of a million events one in a
thousand differs, of 40,000 over the same two days up to three in a hundred, as there a partition ahead is hours ahead."""

PEERS = {
    "whole": "the same work, as its documentation would have it, in its fastest settings",
    "tuned": "the same work, and Python's garbage collector is told to look as seldom as ours",
    "lean": "a part of the work: users' stages, without accounts' stages, risk, reasons, snapshots and alerts",
}

PROGRESS_S = 60.0


class Watched(NamedTuple):
    """A worker that is measured: the process whose children are counted, its exit status so far, the end of its log."""

    pid: int
    ended: Callable[[], int | None]
    tail: Callable[[], str]


class Run(NamedTuple):
    """One measured run: events/s, CPU seconds per million events, peak memory in MiB."""

    rate: float
    cpu: float
    memory: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--small",
        type=int,
        help="let Faust follow a topic of its own of only so many events: minutes, where all of them take half an hour",
    )
    parser.add_argument(
        "--peer",
        choices=tuple(PEERS),
        default="whole",
        help="; ".join(f"{name}: Faust does {what}" for name, what in PEERS.items()),
    )
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument(
        "--days", type=int, default=2, help="event time that they span: ten events a user are two busy days"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--skew", choices=("mild", "zipf"), default="mild")
    parser.add_argument(
        "--journey",
        choices=("saas", "small"),
        default="saas",
        help="small: every engine, by a journey that each can follow",
    )
    parser.add_argument(
        "--engines", type=_engines, default=list(ENGINES), help="of the small journey: " + ",".join(ENGINES)
    )
    parser.add_argument("--workload", choices=tuple(WORKLOADS), default="mild", help="of the small journey")
    given = parser.parse_args()
    if given.journey == "small":
        return asyncio.run(compare.main(given))
    with LocalKafka(say=print) as kafka, tempfile.TemporaryDirectory(prefix="journeys-bench-") as folder:
        return asyncio.run(Bench(kafka.bootstrap, Path(folder), given).run())


def _engines(names: str) -> list[str]:
    found = names.split(",")
    if unknown := set(found) - set(ENGINES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(ENGINES)}")
    return found


class Bench:
    """The whole comparison on one broker."""

    def __init__(self, kafka: str, folder: Path, given: argparse.Namespace) -> None:
        self._kafka = kafka
        self._folder = folder
        self._given = given

    async def run(self) -> int:
        given = self._given
        print(
            f"{given.events:,} Segment-shaped events of {given.users:,} users in {given.accounts:,} accounts, {given.skew} skew; "
            f"Faust does {PEERS[given.peer]}"
        )
        await self.fill("bench", given.events, given.users)
        theirs, events = "bench", given.events
        if given.small:
            theirs, events = "bench-small", given.small
            await self.fill(theirs, events, max(1, given.users * events // given.events))
        print("warming up, not counted: the broker compiles itself while the first million passes through it")
        await self._ours("warm.", "bench", given.events)
        ours, base = [], []
        for n in range(given.runs):  # in turn: a shared machine is faster in one quarter of an hour than in the next
            ours.append(await self._ours(f"ours{n}.", "bench", given.events))
            base.append(await self._baseline(f"base{n}", theirs, events))
        compared = "ours0."
        if given.small:
            compared = "oursmall."
            await self._ours(compared, theirs, events)
        equal = await self._compare(f"base{given.runs - 1}", compared)
        await self._entities("ours0.")
        return self._report(ours, base, equal)

    async def fill(self, topic: str, events: int, users: int) -> None:
        """Make a topic of events in the order of their time: Faust takes them as they come, and only ours would correct the others."""
        plan = self.plan(f"{topic}.", topic)
        if await asyncio.to_thread(run_topics, plan.write(f"{topic}.toml"), True, PARTITIONS, True):
            raise SystemExit("bench: the topics could not be created")
        began = time.monotonic()
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, linger_ms=20, max_batch_size=512 * 1024)
        await producer.start()
        size = 0
        for key, value in segment_events(
            events, users, self._given.accounts, seed=1, skew=self._given.skew, days=self._given.days, jitter=0
        ):
            await producer.send(topic, value=value, key=key)
            size += len(value)
        await producer.flush()
        await producer.stop()
        print(
            f"filled {topic}: {events:,} events of {size / events:.0f} bytes in {time.monotonic() - began:.0f} s",
            flush=True,
        )

    async def _create(self, *topics: str) -> None:
        """The broker makes no topic by itself, and Faust only its own internal ones."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        await admin.start()
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics])
        await admin.close()

    def plan(self, prefix: str, topic: str) -> Plan:
        return Plan(
            self._folder,
            prefix,
            self._kafka,
            "http://127.0.0.1:1",
            "none",
            SAAS,
            "segment",
            "user",
            PARTITIONS,
            topic=topic,
        )

    async def _ours(self, prefix: str, topic: str, events: int) -> Run:
        plan = self.plan(prefix, topic)
        settings = plan.write(f"{prefix}toml")
        if await asyncio.to_thread(run_topics, settings, True, 0, True):
            raise SystemExit("bench: the topics could not be created")
        process = Process("worker", settings, self._folder / f"{prefix}log").start()
        try:
            topics = [topic, f"{prefix}members"]
            run = await self.measure(f"{prefix}engine", topics, events, [watched(process)])
        finally:
            process.stop()
        print(
            f"  ours   {prefix:<10} {run.rate:>9,.0f} events/s  {run.cpu:5.1f} CPU-s/M  {run.memory:6.0f} MiB",
            flush=True,
        )
        return run

    async def _baseline(self, name: str, topic: str, events: int) -> Run:
        await self._create(*(f"{name}-{topic}" for topic in ("transitions", "members", "state", "alerts")))
        log = self._folder / f"{name}.log"
        env = {
            "BENCH_APP": name, "BENCH_KAFKA": self._kafka, "BENCH_SOURCE": topic,
            "BENCH_PARTITIONS": str(PARTITIONS), "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
        app = "tests.bench.lean" if self._given.peer == "lean" else "tests.bench.peer.app"
        tuned = {"BENCH_TUNED": "1"} if self._given.peer == "tuned" else {}
        command = faust_worker(app, self._folder / name)
        worker = Guarded(command, log, env={**os.environ, **env, **tuned})
        try:
            topics = [topic, f"{name}-members"]
            run = await self.measure(name, topics, events, [Watched(worker.pid, worker.ended, lambda: tail(log))])
        finally:
            worker.stop()
        print(
            f"  Faust  {name:<10} {run.rate:>9,.0f} events/s  {run.cpu:5.1f} CPU-s/M  {run.memory:6.0f} MiB", flush=True
        )
        return run

    async def measure(self, group: str, topics: list[str], events: int, workers: Sequence[Watched]) -> Run:
        """From the first commit on the source until every source record and every re-keyed one is committed."""
        first: tuple[float, int, float] | None = None
        memory, told = 0.0, time.monotonic()
        async with Groups(self._kafka) as groups:
            while True:
                for worker in workers:
                    if worker.ended() is not None:
                        raise SystemExit(f"bench: a worker ended with {worker.ended()}:\n{worker.tail()}")
                lag = await groups.lag(group, topics[:1])
                now, done = time.monotonic(), events - lag
                cpu, resident = map(sum, zip(*(usage(worker.pid) for worker in workers), strict=True))
                memory = max(memory, resident)
                if now - told >= PROGRESS_S:
                    print(f"  {group}: {done:,} of {events:,} events", flush=True)
                    told = now
                if first is None and done > 0:
                    first = (now, done, cpu)
                if first is not None and lag <= 0 and await groups.lag(group, topics) <= 8:  # a heartbeat or two
                    # One commit can hold everything where a run is short: then the start itself is the first point.
                    began, before, used = first
                    return Run(
                        (events - before) / max(now - began, 1e-9), (cpu - used) / (events - before) * 1e6, memory
                    )
                await asyncio.sleep(0.1)

    async def _compare(self, base: str, prefix: str) -> bool:
        if self._given.peer == "lean":
            return await self._compare_stages(base, prefix)
        theirs = await peer_moves(self._kafka, f"{base}-transitions")
        ours = await our_moves(self._kafka, f"{prefix}transitions.user", f"{prefix}transitions.account")
        print(
            f"users' transitions, each with its instant and reasons: Faust {len(theirs.users):,}, ours {len(ours.users):,}"
        )
        show_differences(theirs.users, ours.users)
        both, most = (theirs.accounts & ours.accounts).total(), (theirs.accounts | ours.accounts).total()
        print(
            f"accounts' transitions: Faust {theirs.accounts.total():,}, ours {ours.accounts.total():,}, the same {both:,}; "
            "what Faust hears of an account is in no order"
        )
        return theirs.users == ours.users and bool(theirs.users) and both >= ALIKE * most

    async def _compare_stages(self, base: str, prefix: str) -> bool:
        theirs = await lean_stages(self._kafka, f"{base}-transitions")
        ours = await our_stages(self._kafka, f"{prefix}transitions.user")
        print(f"stage changes: idiomatic Faust {len(theirs):,}, ours {len(ours):,}")
        show_differences(theirs, ours)
        return theirs == ours and bool(theirs)

    async def _entities(self, prefix: str) -> None:
        for kind in ("users", "accounts"):
            found = await entity_bytes(self._kafka, f"{prefix}{kind}-changelog", SAAS, kind)
            print(
                f"  {kind:<9} {found.records:>9,} changelog records, {found.bytes:5.0f} bytes and {found.us:4.1f} µs each"
            )

    def _report(self, ours: list[Run], base: list[Run], equal: bool) -> int:
        our_rate, base_rate = median(r.rate for r in ours), median(r.rate for r in base)
        print(f"\nmedian of {len(ours)}: ours {our_rate:,.0f} events/s, idiomatic Faust {base_rate:,.0f} events/s")
        print(
            f"ratio {our_rate / base_rate:.1f}; CPU-s per million {median(r.cpu for r in ours):.1f} : {median(r.cpu for r in base):.1f}"
        )
        if not equal:
            print("bench: FAILED, the outputs differ")
            return 1
        if base_rate < BROKEN:
            print(f"bench: the baseline is below {BROKEN:,} events/s and counts as broken: this is no win")
            return 1
        print("bench: done, outputs equal")
        return 0


def show_differences(theirs: set[Any], ours: set[Any]) -> None:
    for label, found in (("only Faust's", theirs - ours), ("only ours", ours - theirs)):
        if found:
            print(f"  {label}: {len(found):,}, e.g. {sorted(found, key=str)[:3]}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-30:])


def watched(process: Process) -> Watched:
    return Watched(process.pid, process.ended, process.tail)


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MiB of the guarded command, the guard's only child."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        times = [child.cpu_times() for child in children]
        return sum(t.user + t.system for t in times), sum(child.memory_info().rss for child in children) / 2**20
    except psutil.Error:
        return 0.0, 0.0


if __name__ == "__main__":
    sys.exit(main())
