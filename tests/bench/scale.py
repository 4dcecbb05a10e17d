"""`make bench-scale`: one worker with a million users: memory, taking over again, 100,000 timers in a minute, latency, the sink.

Each step builds on the one before, on one broker: build the state, start the worker anew, let timers fall due beside a
steady load, let the sink store, and measure latency at half of the throughput. Figures are printed as they come.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from bisect import bisect
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any
from urllib.request import urlopen

import clickhouse_connect
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.engine import Plan, Process
from deploy.demo.feed import handfuls
from deploy.demo.generator import CALLS, START, segment_events
from deploy.demo.play import SINK_TOPICS
from deploy.demo.watch import Groups, partitions_of
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.kafka import LocalKafka
from deploy.local.process import free_port
from schemas.sources import canonical
from schemas.time import rfc3339
from streams.batch.copies import FEWEST
from streams.worker import run_migrate, run_topics
from tests.bench.__main__ import PARTITIONS, SAAS, usage

BEGIN = int(START.timestamp()) * 1000
DAYS = 2
"""Event time of the events that build the state."""
DROP_OFF = int(timedelta(days=60).total_seconds()) * 1000
"""saas.yaml: somebody who signed up and did nothing drops off so long after."""
MINUTE = 60_000
RATE = 500
"""Events/s beside the timers."""
BEFORE_S, AFTER_S = 20, 20
ENOUGH = 4 * PARTITIONS * FEWEST
"""Events after which every partition of users and accounts has changed enough to be copied."""
CALM = 6
"""So many looks in a row, a second apart, that find as many timers fired: then there are none left that are due."""


Made = Callable[[str, int, int], tuple[bytes, bytes]]
"""(who, number, event time in ms) -> a record's key and value."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--events", type=int, default=1_500_000, help="that build the state")
    parser.add_argument("--users", type=int, default=2_000_000, help="drawn from; about half of them come")
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--due", type=int, default=100_000, help="timers that fall due within one minute")
    parser.add_argument("--sink", type=int, default=60, help="seconds of storing")
    parser.add_argument("--latency", type=int, default=60, help="seconds at half of the throughput")
    given = parser.parse_args()
    with (
        LocalKafka(say=print) as kafka,
        LocalClickHouse(say=print) as clickhouse,
        tempfile.TemporaryDirectory(prefix="journeys-scale-") as folder,
    ):
        plan = Plan(
            Path(folder), "scale.", kafka.bootstrap, clickhouse.url, "scale", SAAS, "segment", "user", PARTITIONS,
            metrics_port=free_port(),
        )  # fmt: skip
        return asyncio.run(Scale(plan, clickhouse.options, given).run())


class Scale:
    """One sitting. Every `step` prints what it found."""

    def __init__(self, plan: Plan, clickhouse: dict[str, Any], given: argparse.Namespace) -> None:
        self._plan = plan
        self._clickhouse = clickhouse
        self._given = given
        self._settings = plan.write()
        self._state = plan.folder / "state"
        self._worker = Process(
            "worker", self._settings, plan.folder / "worker.log", {"JOURNEYS_STATE_DIR": str(self._state)}
        )
        self._sink = Process("sink", self._settings, plan.folder / "sink.log")
        self._rate = 0.0  # events/s measured while the state was built
        self._producer: AIOKafkaProducer
        self._groups: Groups

    async def run(self) -> int:
        if await asyncio.to_thread(run_topics, self._settings, True, PARTITIONS, True):
            raise SystemExit("bench: the topics could not be created")
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._plan.kafka, linger_ms=5, max_batch_size=512 * 1024, enable_idempotence=True
        )
        async with Groups(self._plan.kafka) as self._groups:
            await self._producer.start()
            try:
                await self._build()
                await self._take_over()
                await self._timers()
                await self._sink_stores()
                await self._latency()
            finally:
                await self._producer.stop()
                self._worker.stop()
                self._sink.stop()
        print("bench: done")
        return 0

    # --- steps -------------------------------------------------------------------------------------------------------

    async def _build(self) -> None:
        """A burst of sign-ups within one minute, then two busy days."""
        given, began = self._given, time.monotonic()
        for n in range(given.due):
            await self._send(*signed_up("burst", n, BEGIN + n * MINUTE // given.due))
        for key, value in segment_events(given.events, given.users, given.accounts, seed=1, days=DAYS):
            await self._send(key, value)
        await self._producer.flush()
        total = given.due + given.events
        print(f"\nfilled {total:,} events in {time.monotonic() - began:.0f} s", flush=True)
        self._worker.start()
        await self._until(lambda: self._committed(1), "the first commit")
        first, began, cpu = total - await self._lag(), time.monotonic(), usage(self._worker.pid)[0]
        await self._until(lambda: self._committed(total), "the state", 3_600)
        seconds, used = time.monotonic() - began, usage(self._worker.pid)[0] - cpu
        self._rate = (total - first) / seconds
        figures = await self._figures()
        print(
            f"built    {figures['journeys_entities']:,.0f} users and accounts, {figures['journeys_armed_timers']:,.0f} timers:"
            f" {self._rate:,.0f} events/s, {used / (total - first) * 1e6:.1f} CPU-s per million"
        )
        print(f"memory   {self._memory()}", flush=True)

    async def _take_over(self) -> None:
        """Once from its copies, and once without them, as a new machine does."""
        if self._given.events < ENOUGH:
            print("copies   none: the tables are too small for them")
            await self._restart("without", BEGIN + DAYS * 86_400_000)
            return
        began = time.monotonic()
        await self._until(self._copied, "copies of all tables")
        size = sum(file.stat().st_size for file in self._copies())
        print(
            f"copies   {size / 2**20:,.0f} MiB on disk, {time.monotonic() - began:.0f} s after all was committed",
            flush=True,
        )
        await self._restart("from copies", BEGIN + DAYS * 86_400_000)
        shutil.rmtree(self._state)
        await self._restart("without", BEGIN + DAYS * 86_400_000 + 1)

    async def _restart(self, how: str, now: int) -> None:
        """Stop in order and start again: until the worker has committed what came after its start."""
        stopping = time.monotonic()
        self._worker.stop()
        began = time.monotonic()
        self._worker.start()
        await self._say_time(now)
        await self._until(lambda: self._committed(), "what came after the start")
        seconds, figures = time.monotonic() - began, await self._figures()
        print(
            f"restart  {how}: {seconds:.1f} s from the start of the process until it has caught up; of these"
            f" {figures['journeys_recovery_seconds']:.1f} s read {figures['journeys_recovery_copied_records']:,.0f} records"
            f" of copies and {figures['journeys_recovery_records']:,.0f} of changelogs; stopping had taken"
            f" {began - stopping:.1f} s"
        )
        print(f"memory   {self._memory()}", flush=True)

    def _copies(self) -> list[Path]:
        return list(self._state.glob("*.copy"))

    async def _copied(self) -> bool:
        """Whether there is a copy of every partition of users and accounts."""
        return len(self._copies()) == 2 * PARTITIONS

    async def _timers(self) -> None:
        """Timers fall due within one minute, beside a steady load of people who sign up."""
        at = BEGIN + DROP_OFF - BEFORE_S * 1000
        await self._say_time(at - 1)
        await self._until(lambda: self._committed(), "the days until the timers", 1_200)
        print(f"until then {await self._all_fired():,.0f} timers of users and accounts fell due", flush=True)
        await asyncio.sleep(65)  # the longest slice of those days is to be forgotten
        seconds = BEFORE_S + 60 + AFTER_S
        async with self._following() as seen:
            due = await self._steady("timers", seconds, RATE, at, signed_up)
            await asyncio.sleep(3)
        figures = await self._figures()
        waits = {n: (seen[event][0] - when, n / RATE) for n, (event, when) in enumerate(due.items()) if event in seen}
        beside = [wait for wait, second in waits.values() if BEFORE_S <= second < BEFORE_S + 60]
        else_ = [wait for wait, second in waits.values() if second < BEFORE_S]
        dropped = sum(1 for _, timer in seen.values() if timer)
        print(
            f"timers   {dropped:,} transitions by timers in {seconds} s, beside {RATE} events/s of which {len(waits):,} were seen"
        )
        print(f"  before them: {_spread(else_)}\n  beside them: {_spread(beside)}")
        print(f"  longest computing in one go: {1000 * figures['longest']:.0f} ms", flush=True)

    async def _sink_stores(self) -> None:
        """From the first record on for a while; then the sink is set to the end, so that what follows is new to it."""
        if await asyncio.to_thread(run_migrate, self._settings, True):
            raise SystemExit("bench: ClickHouse's tables could not be created")
        group, topics = f"{self._plan.prefix}engine-sink", [self._plan.prefix + topic for topic in SINK_TOPICS]
        ends = await self._groups.ends(topics)
        self._sink.start()
        await self._until(lambda: self._sunk(group, topics, ends), "the sink's first commit", 120)
        first, began, cpu = await self._groups.lag(group, topics), time.monotonic(), usage(self._sink.pid)[0]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._given.sink):
                await self._until(lambda: self._sunk(group, topics), "the sink", 3_600)
        done = first - await self._groups.lag(group, topics)
        seconds, used = time.monotonic() - began, usage(self._sink.pid)[0] - cpu
        print(
            f"sink     {done / seconds:,.0f} rows/s over {seconds:.0f} s and {done:,} of {ends:,} records,"
            f" {used / max(done, 1) * 1e6:.1f} CPU-s per million, {self._memory(self._sink)}",
            flush=True,
        )
        self._sink.stop()
        await self._to_the_end(group, topics)
        self._sink.start()
        await self._until(lambda: self._sunk(group, topics), "the sink at the end", 120)

    async def _to_the_end(self, group: str, topics: list[str]) -> None:
        """Commit the ends in the name of a group whose members are gone."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._plan.kafka, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = await partitions_of(self._plan.kafka, topics)
            consumer.assign(partitions)
            await consumer.commit(await consumer.end_offsets(partitions))
        finally:
            await consumer.stop()

    async def _latency(self) -> None:
        """Half of the throughput, everybody's events, from when each was due.

        The throughput is that of the same events, to their rows: they wake people who have slept for two months, which costs
        more than what built the state, and the sink and ClickHouse have their share of the machine.
        """
        calls = mixed(self._given.users, self._given.accounts)
        made = lambda who, n, now: next(calls)(who, n, now)  # noqa: E731
        at = BEGIN + DROP_OFF + 10 * MINUTE
        full = await self._at_full_speed(made, self._given.latency * 1_000, at)
        rate, at, cpu = int(full / 2), at + 30 * MINUTE, usage(self._worker.pid)[0]
        async with self._following() as seen:
            due = await self._steady("load", self._given.latency, rate, at, made)
            busy = (usage(self._worker.pid)[0] - cpu) / self._given.latency
            await asyncio.sleep(5)
        kafka = [seen[event][0] - when for event, when in due.items() if event in seen]
        client = clickhouse_connect.get_client(**{**self._clickhouse, "database": self._plan.database})
        rows = client.query(
            "SELECT kind, JSONExtractString(cause, 'event') AS event, min(toUnixTimestamp64Milli(inserted_at))"
            " FROM transitions WHERE startsWith(event, 'load-') GROUP BY kind, event"
        ).result_rows
        stored = {
            kind: [when - due[event] for of, event, when in rows if of == kind and event in due]
            for kind in ("user", "account")
        }
        print(
            f"latency  at {rate:,} events/s, half of {full:,.0f}, for {self._given.latency} s, from when an event was due;"
            f" the worker took {100 * busy:.0f} % of a core"
        )
        print(
            f"  to its transition on Kafka: {_spread(kafka)}\n  to its row in ClickHouse:   {_spread(stored['user'])}"
            f"\n  accounts, which wait 2 s for what is late: {_spread(stored['account'])}",
            flush=True,
        )

    async def _at_full_speed(self, made: Made, count: int, at: int) -> float:
        """Events/s to rows of so many that are all there at once, within half an hour of event time from `at` on."""
        group, topics = f"{self._plan.prefix}engine-sink", [self._plan.prefix + topic for topic in SINK_TOPICS]
        for n in range(count):
            await self._send(*made("full", n, at + n * 30 * MINUTE // count))
        await self._say_time(at + 30 * MINUTE - 1)
        began, first = time.monotonic(), await self._lag()
        await self._until(self._committed, "what was sent at once", 1_200)
        engine = time.monotonic() - began
        await self._until(lambda: self._sunk(group, topics), "its rows", 1_200)
        print(f"full speed: {first / engine:,.0f} events/s to Kafka", flush=True)
        return first / (time.monotonic() - began)

    # --- feeding and following ---------------------------------------------------------------------------------------

    async def _steady(self, who: str, seconds: int, rate: int, at: int, made: Made) -> dict[str, float]:
        """{event: when it was due, wall clock ms}. Event time goes as fast as the clock, from `at` on.

        Everything is made before the clock starts: the feeder shares the cores with what it measures.
        """
        records = [made(who, n, at + n * 1000 // rate) for n in range(seconds * rate)]
        promised, began = 0, time.time() + 0.5
        async for numbers in handfuls(len(records), rate, began):
            for n in numbers:
                await self._send(*records[n])
            passed = numbers.stop * 1000 // rate
            if passed - promised >= 1000:  # so that no partition waits for another's next event
                promised = passed
                await self._say_time(at + passed - 1, wait=False)
        return {f"{who}-{n}": (began + n / rate) * 1000 for n in range(len(records))}

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[dict[str, tuple[float, bool]]]:
        """{id of the event, or of the transition that a timer caused: (Kafka's time of its first transition, whether a timer)}."""
        consumer = AIOKafkaConsumer(  # in no hurry: what counts is when the broker had a record
            bootstrap_servers=self._plan.kafka, enable_auto_commit=False, fetch_min_bytes=2**20, fetch_max_wait_ms=200
        )
        await consumer.start()
        partitions = await partitions_of(self._plan.kafka, [f"{self._plan.prefix}transitions.user"])
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for tp in partitions:
            await consumer.position(tp)
        seen: dict[str, tuple[float, bool]] = {}
        task = asyncio.create_task(_follow(consumer, seen))
        try:
            yield seen
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await consumer.stop()

    async def _send(self, key: bytes | None, value: bytes, partition: int | None = None) -> None:
        await self._producer.send(self._plan.source_topic, value=value, key=key, partition=partition)

    async def _say_time(self, at: int, wait: bool = True) -> None:
        for partition in range(PARTITIONS):
            await self._send(None, canonical.watermark(at), partition)
        if wait:
            await self._producer.flush()

    # --- looking -----------------------------------------------------------------------------------------------------

    async def _lag(self) -> int:
        return await self._groups.lag(f"{self._plan.prefix}engine", [self._plan.source_topic])

    async def _committed(self, least: int | None = None) -> bool:
        """Whether so many source records are committed; None: all of them, and all that users told accounts but a heartbeat or two."""
        lag = await self._lag()
        if least == 1:
            return lag < self._given.due + self._given.events
        members = await self._groups.lag(f"{self._plan.prefix}engine", [f"{self._plan.prefix}members"])
        return lag <= 0 and members <= 8

    async def _all_fired(self) -> float:
        """Wait until no timers are left that fell due by what was said last: a commit does not wait for them. All that fired."""
        looks: deque[float] = deque(maxlen=CALM)

        async def calm() -> bool:
            looks.append((await self._figures())["journeys_timers_fired_total"])
            return len(looks) == CALM and len(set(looks)) == 1

        await self._until(calm, "the timers that are due", 1_200)
        return looks[-1]

    async def _sunk(self, group: str, topics: list[str], below: int = 1) -> bool:
        return await self._groups.lag(group, topics) < below

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 600) -> None:
        began = time.monotonic()
        while not await holds():
            for process in (self._worker, self._sink):
                if process.ended() is not None:
                    raise SystemExit(
                        f"bench: FAILED, the {process.role} ended with {process.ended()}:\n{process.tail()}"
                    )
            if time.monotonic() - began > seconds:
                raise SystemExit(
                    f"bench: FAILED, after {seconds:.0f} s still waiting for {what}:\n{self._worker.tail()}"
                )
            await asyncio.sleep(0.1)

    async def _figures(self) -> dict[str, float]:
        """The worker's figures summed over partitions, a second after all is done; `longest`: the longest of the slices."""
        await asyncio.sleep(1.2)
        text = await asyncio.to_thread(
            lambda: urlopen(f"http://127.0.0.1:{self._plan.metrics_port}/metrics").read().decode()
        )
        found: dict[str, float] = {"longest": 0.0}
        for sample in (sample for family in text_string_to_metric_families(text) for sample in family.samples):
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
            if sample.name == "journeys_longest_slice_seconds":
                found["longest"] = max(found["longest"], sample.value)
        return found

    def _memory(self, process: Process | None = None) -> str:
        pids = [child.pid for child in psutil.Process((process or self._worker).pid).children(recursive=True)]
        lines = [line.split() for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        most, now = (
            sum(int(line[1]) for line in lines if line and line[0] == name) / 1024 for name in ("VmHWM:", "VmRSS:")
        )
        return f"{now:,.0f} MiB, {most:,.0f} MiB at most"


async def _follow(consumer: AIOKafkaConsumer, seen: dict[str, tuple[float, bool]]) -> None:
    while True:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            for record in records:
                told = orjson.loads(record.value)
                event = told["cause"].get("event")
                seen.setdefault(event or told["id"], (record.timestamp, event is None))


def signed_up(who: str, n: int, at: int) -> tuple[bytes, bytes]:
    """Somebody new, of nobody's account, signs up."""
    return call(CALLS[0].part, f"{who}-{n}", f"{who}-user-{n:07}", None, at)


def call(part: dict[str, Any], event: str, user: str, account: str | None, at: int) -> tuple[bytes, bytes]:
    """One Segment call as (key, value)."""
    context = {} if account is None else {"groupId": account}
    told = {**part, "messageId": event, "userId": user, "timestamp": rfc3339(at), "context": context}
    return user.encode(), orjson.dumps(told)


def mixed(users: int, accounts: int) -> Iterator[Callable[[str, int, int], tuple[bytes, bytes]]]:
    """What the users of `segment_events` do on and on: the same calls by the same weights."""
    draw, ends = Random(2).random, list(accumulate(c.weight for c in CALLS))
    while True:
        user, part = int(users * draw() ** 1.5), CALLS[bisect(ends, int(draw() * ends[-1]))].part
        account = f"g-{user % accounts:05}"
        yield lambda who, n, at, user=user, part=part, account=account: call(
            part, f"{who}-{n}", f"u-{user:07}", account, at
        )  # type: ignore[misc]


def _spread(values: list[float]) -> str:
    if len(values) < 100:
        return f"only {len(values)} were seen"
    cuts = quantiles(values, n=100)
    return f"p50 {median(values):,.0f}, p95 {cuts[94]:,.0f}, p99 {cuts[98]:,.0f}, most {max(values):,.0f} ms of {len(values):,}"


if __name__ == "__main__":
    sys.exit(main())
