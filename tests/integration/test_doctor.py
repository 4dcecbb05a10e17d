"""`journeys doctor` on real Kafka and ClickHouse: a healthy deployment is well, and each thing that is broken is found."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from streams.commands.doctor import examine, run
from streams.doctor.finding import Finding
from streams.settings import Settings, SourceTopic, load_settings
from tests.integration.company_run import SAAS
from tests.integration.live import Live, wait_for

OTHER = SAAS.parent / "community.yaml"


async def examined(live: Live, definition: Path = SAAS) -> list[Finding]:
    settings = load_settings(live.settings, {})
    return await asyncio.to_thread(examine, settings, load(definition), False, 0.5)


def errors(found: list[Finding]) -> list[str]:
    return [f"{one.area}: {one.what}" for one in found if one.level == "error"]


def test_a_healthy_deployment_is_well_and_a_broken_one_is_told_piece_by_piece(
    kafka: str, clickhouse: Any, capsys: Any
) -> None:
    async def story() -> None:
        async with Live(kafka, clickhouse.url, SAAS) as live:
            await produce(kafka, live.plan.source_topic, lately())
            await live.drained(60)
            found = await examined(live)
            assert errors(found) == []
            assert {"topics", "rights", "lag", "schema", "clock", "state", "selections"} <= {one.area for one in found}
            assert any("entities, all under this definition" in one.what for one in found)
            assert await asyncio.to_thread(run, live.settings, True, True, 0.1, None) == 0  # type: ignore[arg-type]
            assert {"area", "level", "what", "do"} == orjson.loads(capsys.readouterr().out)[0].keys()
            found = await examined(live, OTHER)
            assert any("kept under another definition" in text for text in errors(found))
            for process in live.processes:
                process.stop()
            await break_it(kafka, clickhouse, live)
            await wait_for(lambda: broken(live))

    asyncio.run(story())


async def broken(live: Live) -> bool:
    """All that was broken is told; the group forgets a member that said goodbye at once, the broker a topic soon."""
    told = errors(await examined(live))
    p = live.plan.prefix
    expected = (
        f"topics: topic {p}alerts is missing", f"topics: {p}events has 9 partitions and {p}users-changelog has 4",
        "schema: open_alerts, timeline should be in database", "lag: no engine is running", "lag: no sink is running",
    )  # fmt: skip
    return all(any(text.startswith(start) for text in told) for start in expected)


async def break_it(kafka: str, clickhouse: Any, live: Live) -> None:
    admin, p = AIOKafkaAdminClient(bootstrap_servers=kafka), live.plan.prefix
    await admin.start()
    await admin.delete_topics([p + "alerts", p + "events"])
    await asyncio.sleep(1)
    await wait_for(lambda: made(admin, p + "events"))
    await admin.close()
    client = connect(clickhouse.url, live.plan.database)
    for view in ("open_alerts", "timeline"):
        client.command(f"DROP VIEW {view}")
    client.close()


async def made(admin: AIOKafkaAdminClient, name: str) -> bool:
    answer = await admin.create_topics([NewTopic(name, 9, 1)])
    return bool(answer.topic_errors[0][1] == 0)


def lately() -> list[bytes]:
    now = time.time()
    return [
        orjson.dumps({"id": f"e{n}", "event": "Signed Up", "user": f"u{n}", "account": "a", "at": now - 60 + n / 10})
        for n in range(40)
    ]


async def produce(kafka: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value)
    await producer.stop()


def test_servers_that_do_not_answer_are_findings_and_no_failure() -> None:
    settings = Settings(bootstrap="127.0.0.1:1", sources=(SourceTopic("clicks"),))
    settings = Settings(**{**vars(settings), "clickhouse": type(settings.clickhouse)(url="http://127.0.0.1:1")})
    found = examine(settings, load(SAAS), True, 0)
    assert [(one.area, one.level) for one in found] == [("kafka", "error"), ("clickhouse", "error")]
    assert all(one.do for one in found)
