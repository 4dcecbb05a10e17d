"""Kafka over TLS with SCRAM and with bearer tokens: every role and command that reaches Kafka, against a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.definition.parse import load
from streams.collect.run import missing_topics, writing
from streams.commands.tail import Tail, Wanted
from streams.connection import client_options, reach_kafka
from streams.doctor import kafka as doctor
from streams.settings import Settings, load_settings
from streams.worker import run_topics
from tests.fixtures.secure_kafka import PASSWORD, USER, SecureKafka, unsigned_token
from tests.integration.company_run import SAAS
from tests.integration.live import Live, wait_for

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    broker = SecureKafka(tmp_path_factory.mktemp("keys"))
    with broker:
        broker.add_user()
        yield broker


def scram(broker: SecureKafka) -> dict[str, str]:
    return {
        "JOURNEYS_BOOTSTRAP": broker.secure, "JOURNEYS_KAFKA_PROTOCOL": "SASL_SSL", "JOURNEYS_KAFKA_USERNAME": USER,
        "JOURNEYS_KAFKA_CA_FILE": str(broker.ca_file), "JOURNEYS_KAFKA_PASSWORD": PASSWORD,
    }  # fmt: skip


def bearer(broker: SecureKafka, token_file: Path) -> dict[str, str]:
    return {
        "JOURNEYS_BOOTSTRAP": broker.secure, "JOURNEYS_KAFKA_PROTOCOL": "SASL_SSL",
        "JOURNEYS_KAFKA_MECHANISM": "OAUTHBEARER", "JOURNEYS_KAFKA_CA_FILE": str(broker.ca_file),
        "JOURNEYS_KAFKA_TOKEN_FILE": str(token_file),
    }  # fmt: skip


def test_engine_sink_and_commands_work_over_sasl_ssl_and_say_no_secret(
    secure: SecureKafka, clickhouse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        env = scram(secure)
        async with Live(secure.bootstrap, clickhouse.url, SAAS, env=env) as live:
            settings = load_settings(live.settings, env)
            with monkeypatch.context() as patch:
                for name, value in env.items():
                    patch.setenv(name, value)
                assert await asyncio.to_thread(run_topics, live.settings, False, 0, True) == 0
            await sent_as_the_door_does(settings, live.plan.source_topic)
            await live.drained(90)
            assert await tailed(settings)
            found = await doctor.look(settings, load(SAAS), 0.2, False)
            assert [one for one in found if one.level == "error"] == []
            logs = "".join(process.tail(10_000) for process in live.processes)
            assert PASSWORD not in logs + repr(settings) + "".join(map(str, found))

    asyncio.run(story())


async def sent_as_the_door_does(settings: Settings, topic: str) -> None:
    """Through what `journeys collect` writes with."""
    assert await missing_topics(settings, {topic, "none-such"}) == ["none-such"]
    producer = AIOKafkaProducer(**client_options(settings), acks="all", enable_idempotence=True)
    await producer.start()
    write = writing(producer)
    for n in range(20):
        event = {"id": f"e{n}", "event": "Signed Up", "user": f"u{n}", "account": "a", "at": 1_700_000_000 + n}
        await write(topic, orjson.dumps(event))
    await producer.stop()


async def tailed(settings: Settings) -> bool:
    """Whether `journeys tail` shows something that the engine published."""
    lines: list[Any] = []
    tail = asyncio.create_task(Tail(settings, Wanted(), True, lines.append).run())
    try:
        await wait_for(lambda: asyncio.sleep(0, bool(lines)), 30)
    finally:
        tail.cancel()
    return "u" in str(lines[0])


def test_a_bearer_token_from_a_file_opens_the_door_and_is_read_anew(secure: SecureKafka, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(unsigned_token("journeys"))
    settings = load_settings(None, bearer(secure, file))

    async def reached() -> None:
        for _ in range(2):
            await (await reach_kafka(settings, print, patience_s=0)).close()
            file.write_text(unsigned_token("journeys-again"))
        file.write_text("no token at all")
        with pytest.raises(ConnectionError):
            await reach_kafka(settings, print, patience_s=0)

    asyncio.run(reached())


@pytest.mark.parametrize("wrong", ["JOURNEYS_KAFKA_PASSWORD", "JOURNEYS_KAFKA_CA_FILE", "JOURNEYS_KAFKA_PROTOCOL"])
def test_a_wrong_password_an_unknown_authority_and_no_tls_are_not_let_in(secure: SecureKafka, wrong: str) -> None:
    env = scram(secure)
    env[wrong] = {
        "JOURNEYS_KAFKA_PASSWORD": "another",
        "JOURNEYS_KAFKA_CA_FILE": "",
        "JOURNEYS_KAFKA_PROTOCOL": "PLAINTEXT",
    }[wrong]
    settings = load_settings(None, env)

    async def reached() -> None:
        with pytest.raises(ConnectionError) as caught:
            await reach_kafka(settings, print, patience_s=0)
        assert env["JOURNEYS_KAFKA_PASSWORD"] not in str(caught.value)

    asyncio.run(reached())
