"""`journeys erase` on real Kafka and ClickHouse: a person is gone from everything that is ours, and the past brings nobody back."""

from __future__ import annotations

import asyncio
import time
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console

from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect
from sinks.clickhouse.erase import mentions
from streams.commands.erase import Wish, erase
from streams.erasing import COMPACTED, KEPT, Wanted
from tests.integration.live import Live, wait_for
from tests.streams import linked

ANN = ("ann-17", "cookie-of-ann", "ann@acme.test")
BEGIN, HOUR = linked.BEGIN, 3_600_000


def event(n: int, hours: float, **who: Any) -> bytes:
    return orjson.dumps({"id": f"e{n:03}", "event": "Alpha", "at": (BEGIN + hours * HOUR) / 1000, **who})


def story() -> list[bytes]:
    """Ann, first unknown, and Bob, in one account; each does enough to get on."""
    known = {"type": "identify", "traits": {"email": ANN[2]}}
    first = [event(n, n, anonymous=ANN[1], account="a-acme") for n in range(3)]
    then = [event(3, 3, user=ANN[0], anonymous=ANN[1], account="a-acme", **known)]
    later = [event(n, n, user=ANN[0], account="a-acme") for n in range(4, 8)]
    return first + then + later + [event(n, n, user="bob-4", account="a-acme") for n in range(8, 13)]


async def send(kafka: str, topic: str, *records: tuple[str, bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key.encode())
    finally:
        await producer.stop()


async def naming(live: Live, wanted: Wanted, topics: tuple[str, ...]) -> list[Any]:
    """Every record of these topics that names somebody, read raw and to the end."""
    return [r for r in await live.read(*topics) if wanted.names(r.key, r.value)]


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    path = tmp_path / "linked.yaml"
    path.write_text(linked.definition("2h", forget=False).text)
    return path


def test_a_person_is_gone_from_everything_of_ours_and_does_not_come_back(
    kafka: str, clickhouse: Any, definition: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOURNEYS_ERASURE_KEY", "a key that only this test knows")
    wanted, told, audit = Wanted(ANN), StringIO(), tmp_path / "audit.json"

    def forget(**more: Any) -> int:
        console = Console(file=told, width=200)
        return erase(
            Wish("user", ANN[0], "asked by letter", "tests", purge=True, **more), live.settings, console, audit
        )

    def mentions_of_bob() -> dict[str, int]:
        return mentions(connect(clickhouse.url, live.plan.database), ["bob-4"])

    async def run() -> None:
        source = live.plan.source_topic
        await live.feed(story(), BEGIN + 24 * HOUR)
        broken = orjson.dumps({"id": "x", "event": "Alpha", "user": ANN[0], "at": "yesterday"})
        await send(kafka, source, (ANN[0], broken))
        await live.drained()
        client = connect(clickhouse.url, live.plan.database)
        assert sum(mentions(client, ANN).values()) > 10
        bob = mentions_of_bob()
        for topics in (COMPACTED, ("events", "members", "transitions.user", "dead-letters")):
            assert await naming(live, wanted, topics), topics

        assert await asyncio.to_thread(forget) == 0, told.getvalue()
        assert set(mentions(client, ANN).values()) == {0}, told.getvalue()
        assert mentions_of_bob() == bob, "nobody else lost anything"
        assert await naming(live, wanted, tuple(KEPT)) == []
        newest = {(r.topic, r.key): r for r in await live.read(*COMPACTED)}
        left = [r for r in newest.values() if r.value is not None and wanted.names(r.key, r.value)]
        assert left == [], "what compaction keeps of a topic is the last record of each key"
        for line in queries.stock_check(client):
            assert (line["stock"], line["broken"]) == (line["living"], 0)
        noted = audit.read_bytes() + orjson.dumps(client.query("SELECT * EXCEPT at FROM erasures").result_rows)
        assert not any(name.encode() in noted for name in ANN)
        assert orjson.loads(audit.read_bytes())["asked_by"] == "tests"

        past = [event(n, n, user=ANN[0], account="a-acme") for n in (50, 51)]
        await send(kafka, source, *((ANN[0], value) for value in past))
        await live.drained()
        assert [t for t in await live.transitions() if t["entity"] in ANN] == []
        live.workers[0].kill()
        live.workers[0].start()
        again = (time.time() * 1000 - BEGIN) / HOUR
        await send(kafka, source, (ANN[0], event(52, 52, user=ANN[0])), (ANN[0], event(60, again, user=ANN[0])))
        await live.drained()

        async def begun() -> bool:
            return any(t["entity"] == ANN[0] for t in await live.transitions())

        await wait_for(begun)
        steps = [(t["from"], t["to"]) for t in await live.transitions() if t["entity"] == ANN[0]]
        assert ("new", "regular") not in steps, "the past counts for nobody, after a restart neither"
        assert (None, "new") in steps

    async def whole() -> None:
        nonlocal live
        async with Live(kafka, clickhouse.url, definition) as live:
            await run()

    live: Any = None
    asyncio.run(whole())
    print(told.getvalue())
