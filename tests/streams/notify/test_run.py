"""The notifier on a real Kafka: a refusal is answered by a pause or by giving up, and of two notifiers one may be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.metrics import Metrics
from streams.notify.channels import Sender
from streams.notify.desk import Note, Told
from streams.notify.notes import Notes
from streams.notify.parse import parse
from streams.notify.run import COMMIT_S, Notifier
from streams.settings import Settings
from tests.integration.live import wait_for
from tests.streams.notify.receivers import Hook
from tests.streams.notify.samples import alert

ROOT = Path(__file__).parents[3]

PARTITIONS = 4
SESSION_S = 8
"""Seconds of silence after which a notifier counts as dead. Kafka takes 6 at least; on a busy machine a living one is silent for that."""

RULES = """\
language: 1
channels:
  hook: {webhook: $HOOK, secret: s3cret}
routes:
  - {send: hook}
"""


@pytest.fixture
def prefix(kafka: str) -> str:
    """Of a topic of alerts and one of notes."""

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            topics = [NewTopic(f"{found}alerts", PARTITIONS, 1), NewTopic(f"{found}notifications", 1, 1)]
            await admin.create_topics(topics)
        finally:
            await admin.close()

    found = f"notify-{uuid.uuid4().hex[:8]}."
    asyncio.run(make())
    return found


async def publish(kafka: str, prefix: str, alerts: Iterable[dict[str, Any]]) -> None:
    """One after the other over all partitions."""
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for n, record in enumerate(alerts):
            await producer.send_and_wait(f"{prefix}alerts", orjson.dumps(record), partition=n % PARTITIONS)


def key(record: dict[str, Any]) -> str:
    return f"{record['id']}.{record['detected_at']}"


class Running:
    """A notifier in this process."""

    def __init__(self, notes: Notes) -> None:
        self.metrics = Metrics()
        self._notes = notes

    def counted(self) -> list[float | None]:
        """How many were given up, tried again and sent."""
        ask = self.metrics.registry.get_sample_value
        return [
            ask("journeys_notifications_total", {"channel": "hook", "outcome": outcome})
            for outcome in ("given_up", "tried_again", "sent")
        ]

    async def noted(self, record: dict[str, Any]) -> Note | None:
        """What is durable of an alert."""
        told: Told = record["id"], "hook"
        return (await self._notes.read()).get(told)

    async def has_noted(self, record: dict[str, Any], status: str) -> None:
        async def reached() -> bool:
            note = await self.noted(record)
            return note is not None and note.status == status

        await wait_for(reached, 20)


@asynccontextmanager
async def notifying(kafka: str, prefix: str, hook: Hook, retry: str, group: str = "one") -> AsyncIterator[Running]:
    rules = parse(f"{RULES}retry: {retry}\n", {"HOOK": hook.url})
    settings = Settings(bootstrap=kafka, prefix=prefix, group=prefix + group)
    notes, stopped = Notes(settings, f"{prefix}notifications"), asyncio.Event()
    running = Running(notes)
    async with aiohttp.ClientSession() as session:
        notifier = Notifier(rules, settings, notes, Sender(rules, session), running.metrics)
        task = asyncio.create_task(notifier.run(stopped, True))
        try:
            yield running
        finally:
            stopped.set()
            await asyncio.wait_for(task, 20)


def test_a_webhook_that_refuses_twice_is_told_again_after_longer_and_longer_pauses(kafka: str, prefix: str) -> None:
    opened = alert()

    async def work(hook: Hook) -> Any:
        async with notifying(kafka, prefix, hook, "{first: 0.2s, most: 1m}") as running:
            await publish(kafka, prefix, [opened])
            await running.has_noted(opened, "open")
            return running.counted()

    with Hook() as hook:
        hook.answers = [503, 429]
        assert asyncio.run(work(hook)) == [0, 2, 1]
    assert hook.keys == [key(opened)] * 3
    assert [post.told["alerts"][0]["id"] for post in hook.posts] == [opened["id"]] * 3
    first, second, third = (post.at for post in hook.posts)
    assert second - first >= 0.2
    assert third - second >= 0.4


def test_what_is_refused_for_good_is_noted_as_failed_and_never_sent_again(kafka: str, prefix: str) -> None:
    """Not by this notifier, and not by another that reads the topic from its beginning; what comes behind it goes out."""
    refused, later, last = alert(1), alert(2), alert(3)

    async def work(hook: Hook) -> None:
        async with notifying(kafka, prefix, hook, "{first: 0.1s}") as running:
            assert running.counted() == [0, 0, 0], "what is told of from 0 on can be seen to grow"
            await publish(kafka, prefix, [refused])
            await running.has_noted(refused, "failed")
            await publish(kafka, prefix, [later])
            await running.has_noted(later, "open")
            assert running.counted() == [1, 0, 1]
        async with notifying(kafka, prefix, hook, "{first: 0.1s}", "another") as running:
            await publish(kafka, prefix, [last])
            await running.has_noted(last, "open")
            assert await running.noted(refused) == Note("failed", refused["detected_at"])

    with Hook() as hook:
        hook.answers = [400]
        asyncio.run(work(hook))
    assert hook.keys == [key(refused), key(later), key(last)]


def test_what_is_refused_for_too_long_is_given_up(kafka: str, prefix: str) -> None:
    opened = alert()

    async def work(hook: Hook) -> Any:
        async with notifying(kafka, prefix, hook, "{first: 0.1s, most: 0.1s, stop: 0.5s}") as running:
            await publish(kafka, prefix, [opened])
            await running.has_noted(opened, "failed")
            return running.counted()

    with Hook() as hook:
        hook.answers = [503] * 100
        given_up, tried_again, sent = asyncio.run(work(hook))
    assert (given_up, tried_again, sent) == (1, len(hook.posts) - 1, 0)
    assert 2 <= len(hook.posts) <= 7
    assert hook.posts[-1].at - hook.posts[0].at >= 0.4


class Process:
    """`journeys notify` as a process of its own."""

    def __init__(self, kafka: str, prefix: str, hook: Hook, folder: Path, name: str) -> None:
        (rules := folder / "notify.yaml").write_text(RULES)
        settings = folder / "settings.toml"
        settings.write_text(f'bootstrap = "{kafka}"\nprefix = "{prefix}"\nsession = "{SESSION_S}s"\nlog = "json"\n')
        self.log = folder / f"{name}.log"
        words = ["notify", str(rules), "--beginning", "--settings", str(settings)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *words], cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "HOOK": hook.url},
            )  # fmt: skip

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log with this name."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if line.get("event") == event]

    def owns(self) -> int:
        """Partitions, as it said last."""
        return next((line["partitions"] for line in reversed(self.told("partitions_taken"))), 0)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(20)


def test_of_two_notifiers_one_is_killed_and_each_alert_is_told_once_but_for_the_one_on_its_way(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    before, after = [alert(n) for n in range(8)], [alert(n) for n in range(8, 20)]
    with Hook() as hook:
        both = [Process(kafka, prefix, hook, tmp_path, name) for name in ("one", "two")]
        try:
            flying = asyncio.run(_kill_one(kafka, prefix, hook, both, before, after))
        finally:
            for one in both:
                if one.process.poll() is None:
                    one.end(signal.SIGKILL)
    times = Counter(hook.keys)
    again = {found for found, count in times.items() if count > 1}
    assert times.keys() == {key(record) for record in before + after}
    assert len(again) == 1, "each has one message on its way, and only that of the killed one is sent a second time"
    assert again < flying
    assert times[again.pop()] == 2


async def _kill_one(
    kafka: str, prefix: str, hook: Hook, both: list[Process], before: list[Any], after: list[Any]
) -> set[str]:
    """Keys of what was on its way when the first of both was killed."""
    await _until(lambda: [one.owns() for one in both] == [PARTITIONS // 2] * 2)
    await publish(kafka, prefix, before)
    await _until(lambda: sum(len(one.told("told")) for one in both) == len(before))
    hook.hold.set()
    await publish(kafka, prefix, after)
    await _until(lambda: len(hook.posts) == len(before) + 2)
    await asyncio.sleep(
        1.5 * COMMIT_S
    )  # it commits meanwhile, and what waits behind the one on its way must not be in it
    flying = set(hook.keys[-2:])
    both[0].end(signal.SIGKILL)
    hook.hold.clear()
    await _until(lambda: both[1].owns() == PARTITIONS)
    await _until(lambda: {key(record) for record in before + after} <= set(hook.keys))
    await _until(lambda: len(both[1].told("told")) == len(before) // 2 + len(after))
    return flying


async def _until(reached: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return reached()

    await wait_for(asked, 60)
