"""The sink: what is stored is committed, what cannot be stored is set aside, and an outage of ClickHouse loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.clickhouse import LocalClickHouse
from sinks.clickhouse.connect import connect
from streams.topics import PUBLISHED
from streams.worker import run_migrate, run_topics
from tests.streams.cluster import ROOT, wait_for


class Fixture:
    """A sink of its own: topics, ClickHouse, process."""

    def __init__(self, kafka: str, folder: Path, clickhouse: LocalClickHouse) -> None:
        self.kafka, self.prefix = kafka, f"s{os.getpid()}."
        self.log = folder / "sink.log"
        self.database = f"sink{os.getpid()}"
        self.settings = folder / "journeys.toml"
        self.settings.write_text(
            f'bootstrap = "{kafka}"\nprefix = "{self.prefix}"\ngroup = "{self.prefix}engine"\ndefinition = "community"\n'
            f'partitions = 2\nsession = "6s"\n[[sources]]\ntopic = "{self.prefix}source"\n'
            f'[clickhouse]\nurl = "{clickhouse.url}"\ndatabase = "{self.database}"\n'
        )
        self.clickhouse = clickhouse

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as file:
            command = [sys.executable, "-m", "streams.cli", "sink", "--settings", str(self.settings)]
            return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)

    def feed(self, topic: str, values: list[bytes | None]) -> None:
        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.kafka, linger_ms=5) as producer:
                sent = [await producer.send(self.prefix + topic, v, key=b"%d" % n) for n, v in enumerate(values)]
                await asyncio.gather(*sent)

        asyncio.run(send())

    def lag(self) -> int:
        async def ask() -> int:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
            await admin.start()
            committed = await admin.list_consumer_group_offsets(f"{self.prefix}engine-sink")
            await admin.close()
            async with AIOKafkaConsumer(bootstrap_servers=self.kafka) as consumer:
                names = [self.prefix + name for name in (*PUBLISHED, "source")]
                ends = await consumer.end_offsets([TopicPartition(name, p) for name in names for p in range(2)])
            return sum(end - (committed[tp].offset if tp in committed else 0) for tp, end in ends.items())

        return asyncio.run(ask())

    def query(self, sql: str) -> list[Any]:
        client = connect(self.clickhouse.url, self.database)
        try:
            return list(client.query(sql).result_rows)
        finally:
            client.close()


def event(n: int) -> bytes:
    return orjson.dumps({"id": f"e{n}", "event": "change_authored", "user": f"u{n % 50}", "at": 1_500_000_000 + n})


def test_an_outage_of_clickhouse_loses_nothing_and_costs_no_membership(kafka: str, tmp_path: Path) -> None:
    with LocalClickHouse(say=print) as clickhouse:
        fixture = Fixture(kafka, tmp_path, clickhouse)
        assert run_topics(fixture.settings, apply=True, with_sources=2, quiet=True) == 0
        assert run_migrate(fixture.settings, quiet=True) == 0
        fixture.feed("source", [event(n) for n in range(2_000)] + [b"\xff not json", None])
        process = fixture.start()
        try:
            wait_for(lambda: fixture.lag() == 0, 40, fixture.log.read_text)
            assert fixture.query("SELECT count() FROM events FINAL") == [(2_000,)]
            clickhouse.kill()
            fixture.feed("source", [event(n) for n in range(2_000, 5_000)])
            wait_for(lambda: "write_failed" in fixture.log.read_text(), 20, fixture.log.read_text)
            assert fixture.lag() > 0
            clickhouse.start()
            wait_for(lambda: fixture.lag() == 0, 40, fixture.log.read_text)
            assert fixture.query("SELECT count() FROM events FINAL") == [(5_000,)]
            assert process.poll() is None
            assert fixture.log.read_text().count("partitions_taken") == 1, "it never left its group"
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(15)
        assert code == 0, fixture.log.read_text()[-3000:]


def test_a_record_that_fits_no_table_is_a_dead_letter_with_its_bytes(kafka: str, tmp_path: Path) -> None:
    with LocalClickHouse(say=print) as clickhouse:
        fixture = Fixture(kafka, tmp_path, clickhouse)
        fixture.prefix = f"d{os.getpid()}."
        fixture.settings.write_text(fixture.settings.read_text().replace(f"s{os.getpid()}.", fixture.prefix))
        assert run_topics(fixture.settings, apply=True, with_sources=2, quiet=True) == 0
        assert run_migrate(fixture.settings, quiet=True) == 0
        fixture.feed("alerts", [b"{ not an alert"])
        process = fixture.start()
        try:
            wait_for(lambda: fixture.lag() == 0, 40, fixture.log.read_text)
            wait_for(
                lambda: fixture.query("SELECT reason, value FROM dead_letters FINAL") == [("not_json", "{ not an alert")],
                20, lambda: fixture.query("SELECT * FROM dead_letters"),
            )  # fmt: skip
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
