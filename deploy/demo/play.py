"""The demo: a company, then a community, through real Kafka, Faust and ClickHouse, told as it happens."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from deploy.demo.engine import ONE, Plan, Process, board
from deploy.demo.feed import Due, Feeder, due
from deploy.demo.latency import Latency, steady
from deploy.demo.opening import opened
from deploy.demo.story import Stock, Story
from deploy.demo.watch import PUBLISHED, Follower, Groups
from deploy.local.process import HOST, ServiceError, free_port
from deploy.local.services import Services, local_services
from schemas.definition.parse import load
from schemas.time import rfc3339
from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect

DEFINITIONS = Path(__file__).parents[2] / "schemas" / "definitions"
SINK_TOPICS = (*PUBLISHED, "state.user", "state.account", "dead-letters")


class Data(NamedTuple):
    """One data set to play. `showcase`: the account whose path is told; `opening`: records played slowly, for the eye;
    `sources`: {name: decoder} of the topics that the records come on."""

    name: str
    title: str
    definition: Path
    records: list[Due]
    until: int
    showcase: str | None
    opening: int
    sources: Mapping[str, str]


class Failed(RuntimeError):
    """The demo cannot go on; the message says why."""


def company() -> Data:
    from deploy.demo.company import Company
    from deploy.demo.wire.company import SOURCES
    from deploy.demo.wire.company import records as wire

    made = Company()
    records = [Due(r.source, r.at, r.key, r.value) for r in wire(made)]
    people = (
        f"{len(made.accounts)} accounts, 600 people, 18 months of {len(records):,} records, as {len(SOURCES)} vendors' "
        f"systems send them: generated, seed {made.seed}"
    )
    opening = bisect([record.at for record in records], made.opened)
    sources = {**SOURCES, ONE: "canonical"}
    return Data("company", people, DEFINITIONS / "saas.yaml", records, made.until, made.showcase, opening, sources)


def community() -> Data:
    from deploy.demo import community as source

    records = [due(line) for line in source.events()]
    title = f"apache/kafka's contributors, August 2011 to October 2024, {len(records):,} events: real, pseudonymised"
    canonical = {ONE: "canonical"}
    return Data("community", title, DEFINITIONS / "community.yaml", records, source.UNTIL, None, 0, canonical)


_SETS = {"company": company, "community": community}


def play(data: str | None, once: bool, kafka: str | None, clickhouse: str | None, rate: int) -> int:
    """Run the demo; returns the exit status of the command."""
    console = Console(highlight=False)
    # A topic made a moment ago has no leader yet; the clients retry, and say so at length.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if data is not None and data not in _SETS:
        console.print(f"there is no data set {data}; choose {' or '.join(_SETS)}", style="red")
        return 2
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    began = time.monotonic()
    try:
        with local_services(kafka, clickhouse, say=console.print) as services, ExitStack() as boards:
            shows: list[Show] = []
            for name in [data] if data else list(_SETS):
                shows.append(Show(console, services, _SETS[name](), rate, console.is_terminal and not once))
                boards.callback(shows[-1].close)
                asyncio.run(shows[-1].run())
            console.print(f"\n[bold green]demo: done[/] after {time.monotonic() - began:.0f} s")
            if not once:
                _stay(console, services, shows)
    except KeyboardInterrupt:
        console.print("\ndemo: stopped; nothing is left running")
        return 130
    except (ServiceError, Failed, TimeoutError) as error:
        console.print(f"demo: {error}", style="red")
        return 1
    return 0


def _as_ctrl_c(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _stay(console: Console, services: Services, shows: Sequence[Show]) -> None:
    for show in shows:
        console.print(f"board of the {show.name}: {show.address}", soft_wrap=True)
    console.print(f"Kafka {services.kafka} and ClickHouse {services.clickhouse} stay up; Ctrl-C ends them")
    while True:
        time.sleep(1)


class Show:
    """One data set, from the first record to the summary."""

    def __init__(self, console: Console, services: Services, data: Data, rate: int, watched: bool) -> None:
        self._console = console
        self._watched = watched
        self._services = services
        self._data = data
        self._rate = rate
        self._definition = load(data.definition)
        self._stock = Stock(self._definition)
        self._latency = Latency()
        self._seen: Counter[str] = Counter()
        self._folder = tempfile.TemporaryDirectory(prefix="journeys-demo-")
        self._prefix = f"{data.name}."
        database = f"journeys_{data.name}"
        self._plan = Plan(
            Path(self._folder.name), self._prefix, services.kafka, services.clickhouse, database, data.definition,
            sources=data.sources,
        )  # fmt: skip
        self._settings = self._plan.write()
        self.name, token, port = data.name, token_urlsafe(12), free_port()
        self._home = f"http://{HOST}:{port}"
        self.address = f"{self._home}/?token={token}"
        self.board = board(self._settings, self._plan.folder / "board.log", port, token)
        self._story = Story(data.showcase, self._lines())

    def _lines(self) -> dict[str, str]:
        settings, entity = self._settings, self._data.showcase or "u_fb12f2160abd"
        return {
            "tail": f".venv/bin/journeys tail --settings {settings}",
            "explain": f".venv/bin/journeys explain {entity} --settings {settings}",
            "sql": f"curl '{self._services.clickhouse}/?database={self._plan.database}' -d "
            "'SELECT kind, state, entities FROM stage_stock ORDER BY kind, entities DESC FORMAT PrettyCompact'",
        }

    async def run(self) -> None:
        self._header()
        worker = Process("worker", self._settings, self._plan.folder / "worker.log")
        sink = Process("sink", self._settings, self._plan.folder / "sink.log")
        try:
            await asyncio.to_thread(self._prepare)
            self.board.start()
            worker.start()
            sink.start()
            # A thread that nobody waits for: Ctrl-C ends the demo at once, whatever a browser does.
            Thread(target=opened, args=(self.address, self._home, self._watched), daemon=True).start()
            await self._play(worker, sink)
        finally:
            for process in (worker, sink):
                process.stop()

    def close(self) -> None:
        """The end of the board, and of the settings that the lines to paste name."""
        self.board.stop()
        self._folder.cleanup()

    def _header(self) -> None:
        say, d = self._console.print, self._definition
        say(f"\n[bold]── {self._data.name} ──[/] {self._data.title}")
        say(f"kafka       {self._services.kafka}{'' if self._services.local_kafka else ' (yours)'}")
        say(f"clickhouse  {self._services.clickhouse}{'' if self._services.local_clickhouse else ' (yours)'}")
        say(f"definition  {d.name} version {d.version}, digest {d.digest[:12]} ({self._data.definition.name})")
        say(f"board       {self.address}", soft_wrap=True)
        pace = (
            f"{self._rate:,} events/s while it is told, then as fast as it goes"
            if self._data.opening
            else "as fast as it goes"
        )
        say(f"rate        {pace}; time is the events' own and ends at {rfc3339(self._data.until)}")

    def _prepare(self) -> None:
        from streams.worker import run_migrate, run_topics

        if run_topics(self._settings, apply=True, with_sources=self._plan.partitions, quiet=True):
            raise Failed("the topics could not be created; the lines above say why")
        if run_migrate(self._settings, quiet=True):
            raise Failed("ClickHouse could not be prepared; the lines above say why")

    async def _play(self, worker: Process, sink: Process) -> None:
        def alive() -> None:
            for process in (worker, sink):
                if process.ended() is not None:
                    raise Failed(
                        f"the {process.role} ended with status {process.ended()}; its log ends:\n{process.tail()}"
                    )

        follower = Follower(self._plan.kafka, self._prefix, self._take)
        tasks = [asyncio.create_task(follower.run()), asyncio.create_task(self._tell(alive))]
        try:
            async with Feeder(self._plan.kafka, self._plan.topics, self._plan.partitions) as feeder:
                self._feeder = feeder
                began = time.monotonic()
                await feeder.play(self._data.records, self._data.until, self._pace)
                async with Groups(self._plan.kafka) as groups:
                    await self._drained(groups, alive)
                    self._console.print(
                        f"\nfed and drained {feeder.fed.records:,} events in {time.monotonic() - began:.1f} s"
                    )
                    await self._steady(feeder, alive)
                    await self._drained(groups, alive)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._summary()

    def _pace(self, n: int, seconds: float) -> float:
        """Slow while the story is told; then as fast as Kafka takes it."""
        return float(self._rate) if n < self._data.opening and not self._story.finished else 200_000.0

    def _take(self, topic: str, record: dict[str, Any], timestamp: int) -> None:
        self._seen[topic] += 1
        if topic == "alerts":
            self._seen[f"alert {record['status']}"] += 1
        else:
            self._stock.take(record)
            self._latency.take(record, timestamp)
        self._story.take(topic, record)

    async def _tell(self, alive: Any) -> None:
        """Once a second: the funnels while they are new, then a line of progress; the story as soon as its turn comes."""
        for second in itertools.count():
            await asyncio.sleep(1.0)
            alive()
            fed = getattr(self, "_feeder", None)
            if fed is None or not self._seen:
                continue
            if self._story.funnels < 2 or (second % 10 == 0 and not fed.fed.done):
                self._console.print(self._stock.table(f"\n{rfc3339(fed.fed.at)[:10]}, {fed.fed.records:,} events fed"))
                self._story.funnels += 1
            for said in self._story.turn():
                self._console.print(said)
            if self._story.finished and not fed.fed.done:
                self._progress(fed)

    def _progress(self, feeder: Feeder) -> None:
        share = feeder.fed.records / len(self._data.records)
        bar = "█" * round(30 * share)
        told = sum(self._seen[t] for t in ("transitions.user", "transitions.account"))
        self._console.print(
            f"[{bar:<30}] {share:4.0%}  {feeder.fed.records:>7,} fed, {told:>7,} transitions, "
            f"{self._seen['alerts']:>5,} alert records  {rfc3339(feeder.fed.at)[:10]}", markup=False
        )  # fmt: skip

    async def _drained(self, groups: Groups, alive: Any) -> None:
        sources = list(self._plan.topics.values())
        engine = [*sources, self._prefix + "events", self._prefix + "members"]
        sink = [self._prefix + topic for topic in SINK_TOPICS] + sources
        prefix = self._prefix
        await groups.drained(f"{prefix}engine", engine, f"{prefix}engine-sink", sink, alive=alive)

    async def _steady(self, feeder: Feeder, alive: Any) -> None:
        """20 s at 500 events/s: what a reader of the topics, and of ClickHouse, waits."""
        if self._data.showcase is None:
            return
        client = connect(self._plan.clickhouse, self._plan.database)
        self._console.print("\n20 s at a steady 500 events/s")
        found = await steady(feeder, self._latency, client, self._data.until, alive)
        for label, p50, p95, n in found:
            self._console.print(f"  produce → {label:<16} p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   ({n:,} measured)")

    def _summary(self) -> None:
        client = connect(self._plan.clickhouse, self._plan.database)
        held = queries.counts(client)
        table = Table(title="\nwhat ClickHouse holds", title_justify="left", box=None)
        for column in ("table", "rows (FINAL)", "rows (raw)"):
            table.add_column(column, justify="left" if column == "table" else "right")
        for name, counts in held.items():
            table.add_row(name, f"{counts.final:,}", f"{counts.raw:,}")
        self._console.print(self._stock.table("\nwhere everybody stands"))
        self._console.print(table)
        seen = self._seen
        self._console.print(
            f"{self._data.name}: {self._feeder.fed.records:,} events, {seen['transitions.user']:,} user and "
            f"{seen['transitions.account']:,} account transitions, {seen['alert opened']:,} alerts opened and "
            f"{seen['alert resolved']:,} resolved, {held['dead_letters'].final:,} dead letters"
        )
        for line in queries.stock_check(client):
            fine = line["stock"] == line["living"] and not line["broken"]
            self._console.print(
                f"  stock of {line['kind']}.{line['machine']}: {line['stock']:,} = entries − exits, "
                f"{'as many as live' if fine else 'NOT as many as live: ' + str(line)}"
            )
