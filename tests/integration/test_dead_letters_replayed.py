"""`journeys dead-letters` on real Kafka: the original bytes go back once; a run of dead letters ends the worker before its commit."""

from __future__ import annotations

import asyncio
from io import StringIO
from typing import Any

from aiokafka import AIOKafkaProducer
from rich.console import Console

from schemas.deadletter import DeadLetter
from streams.commands.dead_letters import DONE, NO_TOPIC, REFUSED, ls, replay, run, show
from streams.dead_letters import MARK, NOTES, Filter
from streams.worker import TOO_MANY_DEAD
from tests.integration.company_run import SAAS
from tests.integration.live import Live, wait_for

BAD = [(b"\xff\x00", b"k1"), (b"{not json", None), (b'{"id": "x", "event": "E", "user": "u", "at": "noon"}', b"k3")]
OURS = ("trace", b"t-1")


async def produce(kafka: str, topic: str, values: list[tuple[bytes, bytes | None]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for value, key in values:
        await producer.send_and_wait(topic, value, key=key, headers=[OURS], partition=1)
    await producer.stop()


async def command(live: Live, act: Any) -> tuple[int, str]:
    """(exit code, what it printed), from a thread as a person's shell would."""
    console = Console(file=StringIO(), width=240)
    code = await asyncio.to_thread(run, act, live.settings, console)
    return code, console.file.getvalue()  # type: ignore[attr-defined]


def test_dead_letters_go_back_once_and_a_run_of_them_ends_the_worker(kafka: str) -> None:
    async def story() -> None:
        async with Live(kafka, "", SAAS, sink=False, env={"JOURNEYS_DEAD_LETTERS_RUN": "9"}) as live:
            source = live.plan.source_topic
            await produce(kafka, source, BAD)
            await wait_for(lambda: letters(live, 3))
            await listed_and_shown(live)
            await sent_back_once(live)
            await wait_for(lambda: letters(live, 6))
            again = [record for record in await live.read("dead-letters") if MARK in dict(record.headers)]
            assert sorted(record.value for record in again) == sorted(value for value, _ in BAD)
            assert all(OURS in record.headers for record in again), "with the headers that they had"
            assert await live.lag() == 0
            await produce(kafka, source, [(b"broken", None)] * 12)
            worker = live.workers[0]
            await wait_for(lambda: asyncio.to_thread(lambda: worker.ended() is not None))
            assert worker.ended() == TOO_MANY_DEAD
            assert f"too many dead letters from {source}: 9 records of partition 1" in worker.tail(60)
            assert await live.lag() > 0, "what was over the limit waits on its topic"
            assert len(await live.read("dead-letters")) < 6 + 9

    asyncio.run(story())


async def letters(live: Live, count: int) -> bool:
    return len(await live.read("dead-letters")) >= count


async def listed_and_shown(live: Live) -> None:
    code, told = await command(live, ls(Filter(), each=False))
    assert code == DONE
    assert "3 dead letters, 0 of them sent again" in told
    code, told = await command(live, ls(Filter(reason="bad_time"), each=True))
    assert "1 dead letters" in told
    record = next(r for r in await live.read("dead-letters") if r.key == b"k3")
    name = DeadLetter.from_record(record.key, record.value, record.headers).id
    assert name in told
    code, told = await command(live, show(name, as_json=False))
    assert code == DONE
    assert all(part in told for part in ('"at": "noon"', "header trace  t-1", "sent again  never"))
    assert (await command(live, show("0" * 32, as_json=False)))[0] == REFUSED


async def sent_back_once(live: Live) -> None:
    records = await live.read("dead-letters")
    names = frozenset(DeadLetter.from_record(r.key, r.value, r.headers).id for r in records)
    assert (await command(live, replay(Filter(), "nowhere-at-all", False, False)))[0] == NO_TOPIC
    assert "would send 3 records" in (await command(live, replay(Filter(), None, False, True)))[1]
    one = Filter(reason="not_utf8", ids=names)
    assert (await command(live, replay(one, None, False, False)))[1].startswith("sent 1 records")
    code, told = await command(live, replay(Filter(ids=names), None, False, False))
    assert code == DONE
    assert "sent 2 records" in told
    assert "1 were sent before" in told
    told = (await command(live, replay(Filter(ids=names), None, False, False)))[1]
    assert "sent 0 records" in told
    assert "3 were sent before" in told
    assert {record.key.decode() for record in await live.read(NOTES)} == names
