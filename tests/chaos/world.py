"""A world of one case: topics and tables of its own on the suite's servers, workers and sinks as processes, fed and judged."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import NodeNotReadyError

from deploy.demo.engine import Plan
from deploy.demo.feed import Feeder, due
from deploy.demo.play import SINK_TOPICS
from deploy.demo.watch import Groups
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.kafka import LocalKafka
from deploy.local.process import Guarded
from sinks.clickhouse.connect import connect
from streams.worker import run_migrate, run_topics
from tests.chaos.history import Happened, History, history
from tests.chaos.oracle import DEFINITION, Expected, expected
from tests.chaos.verdict import Verdict, in_clickhouse, in_kafka
from tests.integration.live import read_all

ROOT = Path(__file__).parents[2]
JUDGED = ("transitions.user", "transitions.account", "alerts", "dead-letters")
SLOW = float(os.environ.get("CHAOS_SLOW", "1"))
"""How many times as patient to be: on a machine that others use as well, starting a worker can take a minute."""

PATIENCE_S = 60.0 * SLOW
"""Within this everything has arrived after the healing, or it is lost."""

ENV = {
    "JOURNEYS_SESSION": "6s", "JOURNEYS_BATCH": "200", "PYTHONUNBUFFERED": "1", "JOURNEYS_DEAD_LETTERS_RUN": "0",
    "JOURNEYS_DEAD_LETTERS_RATIO": "100",
}  # fmt: skip
"""The shortest session that a broker takes by default, batches so small that a history is many of them, and no end by poison."""

_numbers = itertools.count()


class NoFault(AssertionError):
    """What a case is about did not happen, so it shows nothing."""


class Servers(NamedTuple):
    """Those of a whole run; a case may do to them what it likes, and leaves them running."""

    kafka: LocalKafka
    clickhouse: LocalClickHouse


class Member:
    """One worker or sink. `start` and `kill` as often as you like; its log goes on."""

    def __init__(self, role: str, settings: Path, log: Path, env: dict[str, str]) -> None:
        self.role, self.log, self.env = role, log, env
        self._settings = settings
        self._guarded: Guarded | None = None

    def start(self, at: str = "", **env: str) -> Member:
        """`at`: the point at which it ends, see process.py."""
        command = [sys.executable, "-m", "tests.chaos.process", self.role, "--settings", str(self._settings)]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._guarded = Guarded(command, self.log, env={"PYTHONPATH": path, **ENV, **self.env, "CHAOS_AT": at, **env})
        return self

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ended(self) -> int | None:
        return None if self._guarded is None else self._guarded.ended()

    @property
    def running(self) -> bool:
        return self._guarded is not None and self.ended() is None

    def kill(self) -> None:
        if self._guarded is not None:
            self._guarded.kill()

    async def stop(self) -> float:
        """SIGTERM; how long it took to end, in s."""
        began = time.monotonic()
        if self._guarded is not None:
            await asyncio.to_thread(self._guarded.stop)
        return time.monotonic() - began

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        """Of the worker itself, not of its guard."""
        assert self._guarded is not None, "start() comes first"
        return child_of(self._guarded.pid)

    async def taken(self, times: int = 1) -> None:
        """Until it has been given partitions so many times."""
        await until(lambda: self.text().count("partitions_taken") >= times, f"{self.role} takes partitions", self.text)

    async def reached(self) -> None:
        """Until it has ended, or stopped, at its point. NoFault where it never comes by."""
        try:
            await until(lambda: "\nreached " in f"\n{self.text()}", "a point is reached", self.text)
        except AssertionError as error:
            raise NoFault(str(error)) from None


class World:
    """`async with World(servers, seed) as world: …; verdict = await world.judge()`."""

    def __init__(
        self, servers: Servers, seed: int, *, keyed_by: str | None = None, partitions: int = 2, count: int = 2_500,
        users: int = 40, hot: int = 0, definition: Path = DEFINITION, env: dict[str, str] | None = None,
        logs: Path | None = None, copies: bool = False,
    ) -> None:  # fmt: skip
        """copies: each worker keeps copies of its tables in a folder of its own, from which its restarts go on."""
        name = f"c{os.getpid()}x{next(_numbers)}"
        self.servers, self.seed = servers, seed
        self.story = story(seed, count, users, hot)
        self._told = (seed, count, users, hot)
        self.members: list[Member] = []
        self._env = env or {}
        self._copies = copies
        self._logs = logs
        """Where the logs stay when it does not end well."""
        self._folder = tempfile.TemporaryDirectory(prefix="journeys-chaos-")
        self.plan = Plan(
            Path(self._folder.name), f"{name}.", servers.kafka.bootstrap, servers.clickhouse.url, f"chaos_{name}",
            definition, keyed_by=keyed_by, partitions=partitions,
        )  # fmt: skip
        self.settings = self.plan.write()
        self.refused: str | None = None
        """A user whose rows ClickHouse cannot store."""
        self._healed = time.monotonic()
        self._supervising: asyncio.Task[None] | None = None

    async def __aenter__(self) -> World:
        made = asyncio.to_thread(run_topics, self.settings, True, self.plan.partitions, True)
        moved = asyncio.to_thread(run_migrate, self.settings, True)
        assert await asyncio.gather(made, moved) == [0, 0]
        async with self.feeder() as feeder:  # nobody waits for a partition that is empty from the beginning
            await feeder.promise(self.story.events[0].at - 1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervising is not None:
            self._supervising.cancel()
        for member in self.members:
            member.kill()
            if kind is not None and not issubclass(kind, asyncio.CancelledError):
                print(f"--- {member.role}\n{member.text()[-3_000:]}", flush=True)
                self._keep(member)
        self.servers.clickhouse.start().faults.clear()
        self.servers.kafka.start()
        self._client(None).command(f"DROP DATABASE IF EXISTS {self.plan.database}")
        await self.forget_topics()
        self._folder.cleanup()

    def _keep(self, member: Member) -> None:
        if self._logs is not None and member.log.exists():
            self._logs.mkdir(parents=True, exist_ok=True)
            shutil.copy(member.log, self._logs)

    async def forget_topics(self) -> None:
        """A broker with ten thousand partitions is another broker.

        One that was stopped is fenced by its controller for some seconds after it goes on: metadata name no broker then.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self.plan.kafka)
        await admin.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (names := await _topics(admin)):
                    await asyncio.sleep(0.2)
            await admin.delete_topics([name for name in names if name.startswith(self.plan.prefix)])
        finally:
            await admin.close()

    @cached_property
    def expected(self) -> Expected:
        """What must come of the story."""
        return what_must_come(*self._told)

    # --- processes ---------------------------------------------------------------------------------------------------

    def worker(self, static: bool = True, **env: str) -> Member:
        """Not started yet. A static member of the group need not wait, after a kill, until it is forgotten."""
        folder = self.plan.folder / f"copies{len(self.members)}"
        copying = {"JOURNEYS_STATE_DIR": str(folder), "CHAOS_COPIES": "yes"} if self._copies else {}
        return self._member("worker", static, {**copying, **env})

    def copies_of(self, worker: Member) -> Path:
        """The folder where it keeps them, in a world of copies."""
        return Path(worker.env["JOURNEYS_STATE_DIR"])

    def sink(self, static: bool = True, **env: str) -> Member:
        return self._member("sink", static, env)

    def _member(self, role: str, static: bool, env: dict[str, str]) -> Member:
        name = f"{role}{len(self.members)}"
        instance = {"JOURNEYS_INSTANCE": name} if static else {}
        log = self.plan.folder / f"{name}.log"
        self.members.append(Member(role, self.settings, log, {**instance, **self._env, **env}))
        return self.members[-1]

    def supervise(self, *members: Member) -> list[int]:
        """Whatever ends by itself is started again, as an orchestrator does, until the judge is done; the exit codes."""
        codes: list[int] = []

        async def watch() -> None:
            while True:
                for member in members:
                    if (code := member.ended()) is not None:
                        codes.append(code)
                        member.start()
                await asyncio.sleep(0.3)

        self._supervising = asyncio.create_task(watch())
        return codes

    def log(self) -> str:
        """Everything that anybody has said."""
        return "\n".join(member.text() for member in self.members)

    # --- input -------------------------------------------------------------------------------------------------------

    async def feed(self, events: Iterable[Happened] | None = None, rate: float = 200_000.0, last: bool = True) -> None:
        """The story, or these events of it; then, if they are the last, the end of time on every partition."""
        told = list(self.story.events if events is None else events)
        async with self.feeder() as feeder:
            until = self.story.until if last else max(event.at for event in told)
            await feeder.play([due(event.line) for event in told], until, lambda n, s: rate)

    def feeder(self) -> Feeder:
        """It outlives a broker that comes back late, which a starved one does."""
        return Feeder(self.plan.kafka, self.plan.topics, self.plan.partitions, patience_s=5 * PATIENCE_S)

    # --- the end -----------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """From here on everything works: recovery is timed from now."""
        self._healed = time.monotonic()

    async def judge(self, sinks: bool = True) -> Verdict:
        """Wait until everything has arrived, or patience ends; then compare."""
        verdict = await self.arrived(sinks)
        records = await self.read(*JUDGED)
        expected = self.expected.without(self.refused, records) if self.refused else self.expected
        in_kafka(verdict, self.expected, expected.dead, records, self.plan.prefix)
        if sinks:
            await asyncio.to_thread(in_clickhouse, verdict, expected, self.client(), self.refused)
        for member in () if verdict.green else self.members:
            self._keep(member)
        return verdict

    async def arrived(self, sinks: bool = True) -> Verdict:
        """A verdict that says nothing yet but how long it took until everything had arrived, or that it has not."""
        verdict = Verdict()
        try:
            await self.drained(sinks)
        except (TimeoutError, AssertionError) as error:
            verdict.complain(1, str(error))
        verdict.seconds = time.monotonic() - self._healed - SETTLE_S
        return verdict

    async def drained(self, sinks: bool = True) -> None:
        p = self.plan.prefix
        engine = [self.plan.source_topic, p + "events", p + "members"]
        sink = [p + topic for topic in SINK_TOPICS] + [self.plan.source_topic]
        groups = (f"{p}engine", engine, f"{p}engine-sink", sink) if sinks else (f"{p}engine", engine) * 2
        async with Groups(self.plan.kafka) as watching:
            await watching.drained(*groups, deadline_s=PATIENCE_S, alive=self._somebody_lives, settle_s=SETTLE_S)

    def _somebody_lives(self) -> None:
        for role in {member.role for member in self.members} if self._supervising is None else ():
            if not any(member.running for member in self.members if member.role == role):
                raise AssertionError(f"no {role} is alive any more: {self.log()[-1_500:]}")

    async def read(self, *topics: str) -> list[Any]:
        """Every record of these topics of ours."""
        return await read_all(self.plan.kafka, [self.plan.prefix + topic for topic in topics])

    async def remake(self, topic: str, partitions: int) -> None:
        """Delete a topic of ours and make it again, empty."""
        name = self.plan.prefix + topic
        admin = AIOKafkaAdminClient(bootstrap_servers=self.plan.kafka)
        await admin.start()
        try:
            await admin.delete_topics([name])
            while name in await admin.list_topics():
                await asyncio.sleep(0.05)
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs={"cleanup.policy": "compact"})])
        finally:
            await admin.close()

    async def lag(self, group: str = "engine", topics: Iterable[str] = ()) -> int:
        """Records that are not committed, of the source and these topics of ours."""
        names = [self.plan.source_topic, *(self.plan.prefix + topic for topic in topics)]
        async with Groups(self.plan.kafka) as groups:
            return await groups.lag(f"{self.plan.prefix}{group}", names)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        client = self.client()
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()

    def client(self) -> Any:
        """Of our database."""
        return self._client(self.plan.database)

    def _client(self, database: str | None) -> Any:
        return connect(self.servers.clickhouse.url, database)


SETTLE_S = 0.7
"""For so long nothing more may come before it is called the end."""


def child_of(guard: int) -> int:
    """The process that a guard guards."""
    return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])


@lru_cache(64)
def story(seed: int, count: int, users: int, hot: int) -> History:
    return history(seed, count, users, hot)


@lru_cache(64)
def what_must_come(seed: int, count: int, users: int, hot: int) -> Expected:
    return expected(story(seed, count, users, hot))


async def until(
    reached: Callable[[], bool | Awaitable[bool]],
    what: str,
    told: Callable[[], str] = lambda: "",
    seconds: float = 40 * SLOW,
) -> None:
    """Until it is so; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = reached()
        if (await found) if isinstance(found, Awaitable) else found:
            return
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}\n{told()[-2_000:]}")
        await asyncio.sleep(0.05)


async def _topics(admin: AIOKafkaAdminClient) -> list[str]:
    """Names of all topics; none while the cluster has no broker to ask."""
    try:
        return list(await admin.list_topics())
    except NodeNotReadyError:
        return []


STOP, GO = signal.SIGSTOP, signal.SIGCONT
