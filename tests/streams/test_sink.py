"""The sink on real Kafka and ClickHouse: what is published arrives once, whatever dies, and nobody waits for it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from deploy.demo.engine import Plan, Process
from deploy.demo.watch import Groups
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.process import free_port
from schemas.definition.parse import load
from schemas.time import rfc3339
from sinks.clickhouse.connect import connect
from streams.settings import SHIPPED
from streams.topics import PUBLISHED
from streams.worker import run_migrate, run_topics
from tests.sinks.clickhouse.test_rows import ALERT, AT, SNAPSHOT, TRANSITION
from tests.streams.cluster import wait_for

DEFINITION = SHIPPED / "community.yaml"
STATES = ("awareness", "activation", "engagement", "adoption")
USERS = "transitions.user"

_numbers = itertools.count()


class Sinking:
    """Topics, database and sink process of one test."""

    def __init__(self, kafka: str, clickhouse: str, folder: Path) -> None:
        name = f"s{os.getpid()}x{next(_numbers)}"
        self.plan = Plan(folder, f"{name}.", kafka, clickhouse, f"sink_{name}", DEFINITION, partitions=2)
        self.settings = self.plan.write(f"{name}.toml")
        self.topics = [self.plan.prefix + topic for topic in PUBLISHED] + [self.plan.source_topic]
        env = {"JOURNEYS_SESSION": "6s"}  # the shortest: so long the next sink waits for one that was killed
        self.process = Process("sink", self.settings, folder / f"{name}.log", env)

    def prepare(self, migrate: bool = True) -> Sinking:
        assert run_topics(self.settings, apply=True, with_sources=2, quiet=True) == 0
        assert not migrate or run_migrate(self.settings, quiet=True) == 0
        return self

    def start(self) -> Sinking:
        self.process.start()
        return self

    def taken(self) -> int:
        """How often it was assigned partitions."""
        return self.log().count("partitions_taken")

    def log(self) -> str:
        return self.process.log.read_text(errors="replace") if self.process.log.exists() else ""

    def terminate(self) -> float:
        """Seconds from SIGTERM to its end."""
        began = time.monotonic()
        self.process.stop()
        return time.monotonic() - began

    def feed(self, topic: str, records: list[tuple[bytes, bytes | None]]) -> None:
        """Keyed records onto a topic of ours, or the source."""

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.plan.kafka, linger_ms=5, acks=1) as producer:
                name = self.plan.prefix + topic
                await asyncio.gather(*[await producer.send(name, value, key=key) for key, value in records])

        asyncio.run(send())

    def lag(self) -> int:
        async def ask() -> int:
            async with Groups(self.plan.kafka) as groups:
                return await groups.lag(f"{self.plan.prefix}engine-sink", self.topics)

        return asyncio.run(ask())

    def drained(self, seconds: float = 40) -> Sinking:
        """Waits until all is committed; over one connection, since a new one each time would slow the sink down."""

        async def wait() -> None:
            async with Groups(self.plan.kafka) as groups, asyncio.timeout(seconds):
                while await groups.lag(f"{self.plan.prefix}engine-sink", self.topics):
                    assert self.process.ended() is None, self.log()[-3000:]
                    await asyncio.sleep(0.2)

        try:
            asyncio.run(wait())
        except TimeoutError:
            raise AssertionError(f"not drained within {seconds} s: {self.log()[-3000:]}") from None
        assert self.process.ended() is None, self.log()[-3000:]
        return self

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        client = connect(self.plan.clickhouse, self.plan.database)
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()

    def stock(self) -> dict[str, int]:
        return {state: n for state, n in self.query("SELECT state, entities FROM stage_stock") if n}


@pytest.fixture
def sinking(kafka: str, tmp_path: Path) -> Iterator[Callable[[str], Sinking]]:
    made: list[Sinking] = []

    def make(clickhouse: str) -> Sinking:
        made.append(Sinking(kafka, clickhouse, tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()


@pytest.fixture(scope="module")
def mortal() -> Iterator[LocalClickHouse]:
    """A ClickHouse that a test may kill."""
    with LocalClickHouse(say=print) as server:
        yield server


def path(n: int) -> list[tuple[bytes, bytes | None]]:
    """User n's transitions: 1 to 4 of them, one stage after the other."""
    found: list[tuple[bytes, bytes | None]] = []
    for step in range(1 + n % 4):
        told = {
            "id": blake2b(f"{n}/{step}".encode(), digest_size=16).hexdigest(), "entity": f"u{n}", "seq": step + 1,
            "from": STATES[step - 1] if step else None, "to": STATES[step], "at": rfc3339(AT + n * 1000 + step),
        }  # fmt: skip
        found.append((b"u%d" % n, orjson.dumps(TRANSITION | told)))
    return found


def paths(users: range) -> list[tuple[bytes, bytes | None]]:
    return [record for n in users for record in path(n)]


def stock(users: range) -> dict[str, int]:
    """Where they stand after `paths`."""
    return dict(Counter(STATES[n % 4] for n in users))


def event(n: int) -> tuple[bytes, bytes | None]:
    told = {"id": f"e{n}", "event": "change_authored", "user": f"u{n % 50}", "at": 1_500_000_000 + n}
    return b"u%d" % (n % 50), orjson.dumps(told)


def test_what_is_published_is_in_its_tables_and_what_clickhouse_refuses_is_a_dead_letter(
    clickhouse: Any, sinking: Callable[[str], Sinking]
) -> None:
    sink = sinking(clickhouse.url).prepare()
    # Not a constraint: chDB 4.4, the engine behind the local ClickHouse, says that it stored what a constraint refused.
    sink.query("ALTER TABLE transitions MODIFY COLUMN name FixedString(20)")
    users = range(400)
    poison = orjson.dumps(TRANSITION | {"entity": "poison", "name": "longer than twenty letters"})
    sink.feed(USERS, [*paths(users), (b"poison", poison), *path(3)])
    sink.feed("alerts", [(b"acme", orjson.dumps(ALERT)), (b"acme", b"{ no alert")])
    sink.feed("state.account", [(b"acme", orjson.dumps(SNAPSHOT)), (b"gone", None)])
    sink.feed("source", [event(n) for n in range(300)] + [(b"u1", b"\xff no event"), (b"u1", None), event(5)])
    sink.start().drained()
    wait_for(lambda: sink.query("SELECT count() FROM dead_letters FINAL") == [(2,)], 10, sink.log)

    assert sink.stock() == stock(users)
    assert sink.query("SELECT count(), uniqExact(id) FROM valid_transitions") == [(1000, 1000)]
    assert sink.query("SELECT alert, entity FROM open_alerts") == [("a" * 32, "acme")]
    assert sink.query("SELECT entity, gone FROM entities FINAL ORDER BY entity") == [("acme", False), ("gone", True)]
    assert sink.query("SELECT account FROM account_days FINAL") == [("acme",)]
    assert sink.query("SELECT count() FROM events FINAL") == [(300,)]
    letters = sink.query("SELECT reason, value, length(detail) > 5 FROM dead_letters FINAL ORDER BY reason")
    assert letters == [("not_json", "{ no alert", True), ("refused", poison.decode(), True)]

    machine = load(DEFINITION).user.machines[0]
    order = sink.query(
        "SELECT state FROM stage_order WHERE kind = 'user' AND machine = 'stage' AND definition = 'community' ORDER BY position"
    )
    assert [state for (state,) in order] == list(machine.states)
    funnel = dict(sink.query("SELECT state, reached FROM stage_funnel WHERE kind = 'user'"))
    assert [funnel[state] for state in STATES] == [400, 300, 200, 100]
    assert sink.terminate() < 10
    assert sink.process.ended() == 0, sink.log()[-3000:]


def test_an_outage_of_clickhouse_loses_nothing_doubles_nothing_and_costs_no_membership(
    mortal: LocalClickHouse, sinking: Callable[[str], Sinking]
) -> None:
    sink = sinking(mortal.url).prepare()
    sink.feed(USERS, paths(range(500)))
    sink.start().drained()
    for first in range(500, 2_000, 500):  # it dies with rows on their way
        sink.feed(USERS, paths(range(first, first + 500)))
        if first == 1_000:
            mortal.kill()
    wait_for(lambda: "write_failed" in sink.log(), 15, sink.log)
    sink.feed(USERS, paths(range(2_000, 3_000)))
    assert sink.lag() > 0
    mortal.restart()
    sink.drained()
    assert sink.stock() == stock(range(3_000))
    assert sink.query("SELECT count(), uniqExact(id) FROM valid_transitions") == [(7_500, 7_500)]
    assert sink.taken() == 1, "it never left its group"
    assert "write_succeeded" in sink.log()

    mortal.kill()
    try:
        sink.feed(USERS, paths(range(3_000, 3_100)))
        wait_for(lambda: sink.log().rfind("write_failed") > sink.log().rfind("write_succeeded"), 15, sink.log)
        assert sink.terminate() < 10
        assert sink.process.ended() == 0, sink.log()[-3000:]
    finally:
        mortal.restart()


def test_sigterm_does_not_wait_for_a_clickhouse_that_is_away_or_hangs(sinking: Callable[[str], Sinking]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        hangs = sinking(f"http://127.0.0.1:{silent.getsockname()[1]}").prepare(migrate=False).start()
        away = sinking(f"http://127.0.0.1:{free_port()}").prepare(migrate=False).start()
        wait_for(lambda: hangs.taken() == 1 and "write_failed" in away.log(), 20, lambda: hangs.log() + away.log())
        silent.settimeout(10)
        connection, _ = silent.accept()
        with connection:
            for sink in (away, hangs):
                assert sink.terminate() < 10
                assert sink.process.ended() == 0, sink.log()[-3000:]


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(
    mortal: LocalClickHouse, sinking: Callable[[str], Sinking]
) -> None:
    sink = sinking(mortal.url).prepare()
    users = range(40_000)
    sink.feed(USERS, paths(users))
    sink.start()
    wait_for(lambda: sink.query("SELECT count() FROM transitions") != [(0,)], 20, sink.log)
    sink.process.kill()
    assert sink.lag() > 0, "the kill must find records that are not stored"
    sink.start().drained()
    assert sink.stock() == stock(users)
    assert sink.query("SELECT count(), uniqExact(id) FROM valid_transitions") == [(100_000, 100_000)]
