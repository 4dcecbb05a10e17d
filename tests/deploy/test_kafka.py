"""The local Kafka is a real one: it keeps what it was given, comes back where it was, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.local import jars
from deploy.local.jars import kafka_jars, locked
from deploy.local.kafka import LocalKafka, why_no_kafka
from deploy.local.process import ServiceError, free_port

YEARS_AGO = 1_314_000_000_000
"""August 2011, in ms: the first event of the community's data."""
IN_YEARS = 4_102_444_800_000
"""January 2100, in ms."""


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


async def create(bootstrap: str, topic: str, partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes], timestamp: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0, timestamp_ms=timestamp)


async def consume(bootstrap: str, topic: str, count: int) -> list[tuple[bytes | None, int]]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        records = [await consumer.getone() for _ in range(count)]
    return [(record.value, record.timestamp) for record in records]


@pytest.fixture
def topic() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


def test_what_is_produced_is_consumed(kafka: str, topic: str) -> None:
    async def work() -> None:
        await create(kafka, topic)
        await produce(kafka, topic, [b"a", b"b"])
        assert [value for value, _ in await consume(kafka, topic, 2)] == [b"a", b"b"]

    run(work())


def test_history_keeps_its_own_timestamps(kafka: str, topic: str) -> None:
    async def work() -> None:
        await create(kafka, topic)
        await produce(kafka, topic, [b"old"], YEARS_AGO)
        await produce(kafka, topic, [b"late"], IN_YEARS)
        assert await consume(kafka, topic, 2) == [(b"old", YEARS_AGO), (b"late", IN_YEARS)]

    run(work())


def test_a_group_commits_and_continues_without_delay(kafka: str, topic: str) -> None:
    async def read_one() -> bytes | None:
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=kafka, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
        )
        async with consumer:
            value: bytes | None = (await asyncio.wait_for(consumer.getone(), 20)).value
            await consumer.commit()
            return value

    async def work() -> None:
        await create(kafka, topic)
        await produce(kafka, topic, [b"a", b"b"])
        async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
            assert topic in await consumer.topics()
        # getone fetches ahead, commit() commits what was handed out
        assert [await read_one(), await read_one()] == [b"a", b"b"]

    run(work())


def test_a_topic_nobody_created_is_an_error(kafka: str, topic: str) -> None:
    async def work() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            await produce_unknown()
            assert topic not in await admin.list_topics()
        finally:
            await admin.close()

    async def produce_unknown() -> None:
        async with AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=2000) as producer:
            with pytest.raises((UnknownTopicOrPartitionError, TimeoutError)):
                await asyncio.wait_for(producer.send_and_wait(topic, b"x"), 5)

    run(work())


@pytest.fixture(scope="module")
def own() -> Iterator[LocalKafka]:
    """A Kafka that these tests may kill."""
    with LocalKafka() as kafka:
        yield kafka


def test_kill_9_and_a_restart_keep_data_and_address(own: LocalKafka, topic: str) -> None:
    run(create(own.bootstrap, topic))
    run(produce(own.bootstrap, topic, [b"kept"]))
    before = own.bootstrap
    own.kill()
    assert why_no_kafka(before) == "nothing listens there"
    assert not own.running
    own.restart()
    assert own.bootstrap == before
    assert [value for value, _ in run(consume(before, topic, 1))] == [b"kept"]


def test_a_restart_of_a_running_one_keeps_data_too(own: LocalKafka, topic: str) -> None:
    run(create(own.bootstrap, topic))
    run(produce(own.bootstrap, topic, [b"kept"]))
    own.restart()
    assert [value for value, _ in run(consume(own.bootstrap, topic, 1))] == [b"kept"]


def test_stop_removes_what_was_temporary() -> None:
    with LocalKafka() as kafka:
        folder = kafka.folder
        assert (folder / "data" / "meta.properties").exists()
    assert not folder.exists()
    with pytest.raises(ServiceError, match=r"call start\(\) first"):
        _ = kafka.folder


def test_a_taken_port_is_said(own: LocalKafka) -> None:
    with pytest.raises(ServiceError, match=f"cannot listen on port {own.port}: it is taken"):
        LocalKafka(port=own.port).start()


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=2\ndirectory.id=y\n")
    with pytest.raises(ServiceError, match=r"(?s)ended while starting; its log ends:.*meta.properties"):
        LocalKafka(tmp_path).start()


@pytest.mark.parametrize(
    ("bootstrap", "reason"),
    [
        ("nowhere", "write host:port"),
        ("127.0.0.1:x", "write host:port"),
        pytest.param(f"127.0.0.1:{free_port()}", "nothing listens", id="a free port"),
    ],
)
def test_an_address_without_a_kafka_is_explained(bootstrap: str, reason: str) -> None:
    assert reason in (why_no_kafka(bootstrap) or "")


def test_another_server_is_not_taken_for_a_kafka() -> None:
    async def work() -> None:
        async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(close, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            assert await asyncio.to_thread(why_no_kafka, f"127.0.0.1:{port}") is not None

    run(work())


def test_every_jar_is_locked_with_a_checksum_and_weighs_what_we_say() -> None:
    paths = kafka_jars()
    assert len(paths) == len(locked()) == len({path.name for path in paths})
    assert all(len(jar.sha256) == 64 for jar in locked())
    assert round(sum(path.stat().st_size for path in paths) / 1e6) == pytest.approx(jars.SIZE_MB, abs=3)
    assert any(path.name == f"kafka_2.13-{jars.KAFKA_VERSION}.jar" for path in paths)


def test_a_changed_jar_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smallest = min(locked(), key=lambda jar: jar.path(jars.cache_folder()).stat().st_size)
    monkeypatch.setattr(jars, "locked", lambda *_: [smallest])
    lines: list[str] = []
    path = smallest.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    assert kafka_jars(lines.append, tmp_path) == [path]
    assert path.read_bytes() == smallest.path(jars.cache_folder()).read_bytes()
    assert len(lines) == 1
    assert "fetching Apache Kafka" in lines[0]
    kafka_jars(lines.append, tmp_path)
    assert len(lines) == 1, "nothing is fetched twice"


def test_a_jar_that_is_not_the_locked_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smallest = min(locked(), key=lambda jar: jar.path(jars.cache_folder()).stat().st_size)
    other = smallest._replace(sha256="0" * 64)
    monkeypatch.setattr(jars, "locked", lambda *_: [other])
    with pytest.raises(ServiceError, match="SHA-256 is not the locked one"):
        kafka_jars(cache=tmp_path)
    assert not other.path(tmp_path).exists()
