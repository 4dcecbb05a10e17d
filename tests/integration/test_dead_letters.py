"""Malformed records on real Kafka: each source offset has exactly one outcome, and the dead letter keeps the bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from schemas.deadletter import DeadLetter
from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect
from tests.integration.company_run import SAAS
from tests.integration.live import Live

GOOD = [
    orjson.dumps({"id": f"g{n}", "event": "Signed Up", "user": f"u{n}", "at": 1_700_000_000 + n}) for n in range(40)
]
STAFF = orjson.dumps(
    {
        "id": "s1",
        "event": "Page Viewed",
        "type": "page",
        "user": "us",
        "at": 1_700_000_001,
        "actor": "staff",
        "place": "website",
    }
)
BAD: list[tuple[bytes | None, str]] = [
    (b"\xff\xfe{}", "not_utf8"),
    (b'{"id": "x", "event": ', "not_json"),
    (b"[1, 2, 3]", "wrong_type"),
    (b'{"id": "x", "event": 7, "user": "u", "at": 1700000000}', "wrong_type"),
    (b'{"id": "x", "event": "E", "at": 1700000000}', "missing_entity"),
    (b'{"id": "x", "event": "E", "user": "null", "at": 1700000000}', "placeholder_id"),
    (b'{"id": "x", "event": "E", "user": "u", "at": "yesterday"}', "bad_time"),
    (b'{"id": "x", "event": "E", "user": "u", "at": 99999999999999}', "bad_time"),
    (b'{"id": "x", "event": "E", "user": "u", "at": 4000000000}', "future"),
    (None, "no_value"),
    (b"[" * 400_000 + b"]" * 400_000, "too_deep"),
]


def test_every_offset_has_one_outcome_and_dead_letters_keep_their_bytes(kafka: str, clickhouse: Any) -> None:
    async def run() -> None:
        async with Live(kafka, clickhouse.url, SAAS) as live:
            sent = await produce(kafka, live.plan.source_topic)
            await live.drained(60)
            letters = await live.read("dead-letters")
            found = {}
            for record in letters:
                letter = DeadLetter.from_record(record.key, record.value, record.headers)
                found[letter.partition, letter.offset] = (letter.reason, record.value)
            expected = {at: (reason, value) for at, (value, reason) in sent.items() if reason is not None}
            assert {at: reason for at, (reason, _) in found.items()} == {
                at: reason for at, (reason, _) in expected.items()
            }
            assert {at: value for at, (_, value) in found.items()} == {at: value for at, (_, value) in expected.items()}
            assert len(letters) == len(expected)
            client = connect(clickhouse.url, live.plan.database)
            stored = client.query("SELECT event_id FROM events FINAL ORDER BY event_id").result_rows
            assert {row[0] for row in stored} == {orjson.loads(value)["id"] for value in GOOD}
            assert queries.counts(client)["dead_letters"].final == len(expected)
            assert len(sent) == len(GOOD) + 1 + len(expected)

    asyncio.run(run())


async def produce(kafka: str, topic: str) -> dict[tuple[int, int], tuple[bytes | None, str | None]]:
    """Good and bad in turns; {(partition, offset): (value, the reason it must be refused for)}."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=2 << 20)
    await producer.start()
    sent: dict[tuple[int, int], tuple[bytes | None, str | None]] = {}
    good: list[tuple[bytes | None, str | None]] = [(value, None) for value in [*GOOD, STAFF]]
    for n, (value, reason) in enumerate([*good[:20], *BAD, *good[20:]]):
        at = await producer.send_and_wait(topic, value=value, key=str(n).encode())
        sent[at.partition, at.offset] = (value, reason)
    await producer.stop()
    return sent
