"""The real SDKs, unmodified: what they send to `journeys collect` on loopback ends in Kafka as the right events."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.event import Event
from schemas.sources import REGISTRY, decode
from tests.streams.cluster import ROOT
from tests.streams.collect import sdk_setup

AT = 1_777_636_800_000

Language = Literal["python", "node"]

Row = tuple[str, str, str | None, str | None, str | None]

SEGMENTS: list[Row] = [
    ("Identified", "identify", "u1", None, None),
    ("Account Identified", "group", "u1", None, "acme"),
    ("Report Created", "track", "u1", None, "acme"),
]

EVENTS: dict[str, list[Row]] = {
    "segment": SEGMENTS,
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
    "june": SEGMENTS,
    "heap": [
        ("Report Created", "track", "u1", None, "acme"),
        ("Identified", "identify", "u1", None, None),
        ("Identified", "identify", "u2", None, None),
        ("Report Created", "track", "u1", None, None),
    ],
    "stripe": [("Account Identified", "group", None, None, "acme")],
}
"""What the stories of sdks.py and sdks.mjs tell: (name, type, user, anonymous, account) of each of their calls."""

PYTHON_ALONE = {"june", "heap"}
"""Their Node SDKs have the vendor's address written into them."""

EXPECTED: dict[Language, dict[str, list[Row]]] = {
    "python": EVENTS,
    "node": {
        **{source: rows for source, rows in EVENTS.items() if source not in PYTHON_ALONE},
        "mixpanel": [row for n, row in enumerate(EVENTS["mixpanel"]) if n != 1],
    },
}
"""Mixpanel's Node SDK imports over HTTPS only, so its story leaves that out."""

TRAITS = [
    {"title": "CTO"}, {"plan": "pro"}, {"email": "ada@acme.io"},
    {"account_id": "acme", "name": "Acme", "stripe_customer": "cus_1"},
]  # fmt: skip


def tell(language: Language, url: str) -> subprocess.Popen[bytes]:
    """The SDKs of a language, in a process of their own and an environment where nothing of ours is."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NODE_PATH")}
    here = Path(__file__).parent
    if language == "python":
        return subprocess.Popen([sdk_setup.PYTHON, here / "sdks.py", url], env=env)
    return subprocess.Popen([sdk_setup.NODE_PROGRAM, here / "node" / "sdks.mjs", url], cwd=sdk_setup.NODE, env=env)


@contextmanager
def door(kafka: str, folder: Path, prefix: str) -> Iterator[str]:
    """`journeys collect` as a process, a topic for each source; yields where it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    topics = "".join(f'[[sources]]\ntopic = "{prefix}{source}"\nsource = "{source}"\n' for source in EVENTS)
    settings = folder / f"{prefix}.toml"
    settings.write_text(f'bootstrap = "{kafka}"\n{topics}[collect]\nport = {port}\n')
    keys = ",".join(f"{source}:key-{source}" for source in EVENTS)
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "collect", "-s", str(settings)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "JOURNEYS_COLLECT_KEYS": keys},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("collecting on http://"), said
        yield said.split()[2]
    finally:
        process.terminate()
        process.wait(20)


async def create(kafka: str, topics: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
    await admin.close()


async def read(kafka: str, topics: list[str]) -> list[tuple[str, bytes, int]]:
    """All that is on these topics: (topic, value, time of the record in ms)."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found = []
    ends = await consumer.end_offsets(consumer.assignment())
    while any([await consumer.position(tp) < end for tp, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += [(record.topic, record.value, record.timestamp) for record in records]
    await consumer.stop()
    return found


Told = dict[Language, dict[str, list[Any]]]


@pytest.fixture(scope="module")
def told(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """{language: {source: what was decoded of its topic}}, of both languages' SDKs at once."""
    sdk_setup.make()
    folder, run = tmp_path_factory.mktemp("sdks"), uuid4().hex[:8]
    prefixes: dict[Language, str] = {"python": f"sdks-{run}-python-", "node": f"sdks-{run}-node-"}
    asyncio.run(create(kafka, [prefix + source for prefix in prefixes.values() for source in EVENTS]))
    with door(kafka, folder, prefixes["python"]) as one, door(kafka, folder, prefixes["node"]) as other:
        assert [process.wait(60) for process in (tell("python", one), tell("node", other))] == [0, 0]
    found: Told = {language: {source: [] for source in EVENTS} for language in prefixes}
    for language, prefix in prefixes.items():
        for topic, value, at in asyncio.run(read(kafka, [prefix + source for source in EVENTS])):
            source = topic.removeprefix(prefix)
            found[language][source] += decode(source, value, timestamp=at)
    return found


@pytest.mark.parametrize(("language", "source"), [(lang, source) for lang, told in EXPECTED.items() for source in told])
def test_an_sdks_calls_are_in_kafka_as_the_events_that_they_tell(told: Told, language: Language, source: str) -> None:
    events = told[language][source]
    assert all(isinstance(event, Event) for event in events), events
    rows = [(event.name, event.type, event.user, event.anonymous, event.account) for event in events]
    assert rows == EXPECTED[language][source]
    calls = [event for event in events if event.type in ("track", "page")]  # others are dated by some SDKs
    assert {event.at for event in (calls[1:] if source == "heap" else calls)} <= {AT}  # and one call by Heap's servers
    assert all(event.traits in TRAITS for event in events if event.traits)
    assert {event.type for event in events if event.traits} <= {"identify", "group"}


def test_a_source_that_is_proven_by_its_sdk_is_told_of_by_its_clients() -> None:
    proven = {source.name for source in REGISTRY if source.proven == "real SDK"}
    assert proven == set(EVENTS) - {"stripe"}  # whose library signs what Stripe's servers send, and sends nothing
