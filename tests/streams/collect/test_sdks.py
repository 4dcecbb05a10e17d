"""The real SDKs: the requests that they make (recorded by `sdks.py --record`) end in the right events, in Kafka too."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from yarl import URL

from schemas.event import Event
from schemas.sources import REGISTRY, decode
from streams.collect.run import writing
from streams.collect.server import Collector, Key, Write

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "recorded.jsonl").read_text().splitlines()]

AT = 1_777_636_800_000

Row = tuple[str, str, str | None, str | None, str | None]

EVENTS: dict[str, list[Row]] = {
    "segment": [
        ("Identified", "identify", "u1", None, None),
        ("Account Identified", "group", "u1", None, "acme"),
        ("Report Created", "track", "u1", None, "acme"),
    ],
    "rudderstack": [("Report Created", "track", "u1", None, "acme"), ("Page Viewed", "page", "u1", None, None)],
    "posthog": [
        ("report created", "track", "u1", None, "acme"),
        ("Identified", "identify", "u1", None, None),
        ("Account Identified", "group", None, None, "acme"),
        ("User Aliased", "alias", "u1", None, None),
    ],
    "mixpanel": [
        ("Report Created", "track", "u1", None, "acme"),
        ("Report Created", "track", "u1", None, None),
        ("Identified", "identify", "u1", None, None),
        ("Account Identified", "group", None, None, "acme"),
    ],
    "amplitude": [
        ("Report Created", "track", "user-1", "device-1", "acme"),
        ("Identified", "identify", "user-1", "device-1", None),
        ("Account Identified", "group", None, None, "acme"),
    ],
    "snowplow": [("report_created", "track", "u1", "d1", "acme"), ("exported", "track", "u1", "d1", None)],
}
"""What sdks.py tells: (name, type, user, anonymous, account) of each of its calls."""

SDKS = list(dict.fromkeys((request["source"], request["sdk"]) for request in RECORDED))

NODE_MIXPANEL = [row for n, row in enumerate(EVENTS["mixpanel"]) if n != 1]
"""Mixpanel's Node SDK imports over HTTPS only, so sdks.mjs does not let it."""

EXPECTED = {sdk: NODE_MIXPANEL if sdk == "mixpanel 0.24.0" else EVENTS[source] for source, sdk in SDKS}

TRAITS = [{"title": "CTO"}, {"plan": "pro"}, {"email": "ada@acme.io"}]


def keys(topic: str = "raw-{}") -> list[Key]:
    return [Key(source, f"key-{source}", topic.format(source)) for source in EVENTS]


async def post_all(collector: Collector, sdk: str | None = None) -> list[int]:
    """Post what was recorded, in its order, of one SDK or of all. Returns the statuses."""
    statuses = []
    async with TestClient(TestServer(collector.app(1_000_000))) as client:
        for request in RECORDED:
            if sdk in (None, request["sdk"]):
                body = b64decode(request["body"])
                address = URL(request["path"], encoded=True)
                call = client.request(request["method"], address, data=body, headers=request["headers"])
                async with call as response:
                    statuses.append(response.status)
    return statuses


def rows(events: list[Any]) -> list[Row]:
    assert all(isinstance(event, Event) for event in events), events
    assert {event.at for event in events if event.type in ("track", "page")} == {AT}  # others are dated by some SDKs
    return [(event.name, event.type, event.user, event.anonymous, event.account) for event in events]


def kept() -> tuple[dict[str, list[bytes]], Write]:
    records: dict[str, list[bytes]] = {}

    async def write(topic: str, value: bytes) -> None:
        records.setdefault(topic, []).append(value)

    return records, write


@pytest.mark.parametrize(("source", "sdk"), SDKS)
def test_an_sdks_calls_are_the_events_that_they_tell(source: str, sdk: str) -> None:
    records, write = kept()
    assert set(asyncio.run(post_all(Collector(keys(), write, 500), sdk))) == {200}
    found = [event for value in records.pop(f"raw-{source}") for event in decode(source, value)]
    assert records == {}
    assert rows(found) == EXPECTED[sdk]
    assert all(event.traits in TRAITS for event in found if isinstance(event, Event) and event.traits)
    assert {event.type for event in found if isinstance(event, Event) and event.traits} <= {"identify", "group"}


def test_both_clients_of_every_vendor_are_here() -> None:
    assert [source for source, _ in SDKS] == [*EVENTS, *EVENTS]


def test_a_source_that_is_proven_by_its_sdk_has_its_calls_here() -> None:
    proven = {source.name for source in REGISTRY if source.proven == "real SDK"}
    assert proven == {source for source, _ in SDKS}


def test_without_the_right_key_nothing_is_taken() -> None:
    records, write = kept()
    others = [Key(key.source, "another", key.topic) for key in keys()]
    assert set(asyncio.run(post_all(Collector(others, write, 500)))) == {401}
    assert records == {}


def test_the_calls_are_in_kafka_when_they_are_answered(kafka: str) -> None:
    prefix = f"collect-{uuid4().hex[:8]}-"

    async def run() -> dict[str, list[bytes]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(prefix + source, 1, 1) for source in EVENTS])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
        await producer.start()
        statuses = await post_all(Collector(keys(prefix + "{}"), writing(producer), 500))
        await producer.stop()
        assert set(statuses) == {200}
        consumer = AIOKafkaConsumer(
            *(prefix + source for source in EVENTS), bootstrap_servers=kafka, auto_offset_reset="earliest"
        )
        await consumer.start()
        found: dict[str, list[bytes]] = {source: [] for source in EVENTS}
        while sum(map(len, found.values())) < len(RECORDED):
            record = await asyncio.wait_for(consumer.getone(), 20)
            found[record.topic.removeprefix(prefix)].append(record.value)
        await consumer.stop()
        return found

    found = asyncio.run(run())
    events = {source: rows([e for value in values for e in decode(source, value)]) for source, values in found.items()}
    assert events == {
        source: [row for of, sdk in SDKS if of == source for row in EXPECTED[sdk]] for source in EVENTS
    }  # a partition each, so in the order in which they were posted
