"""`journeys notify`: alerts from their topic, through the desk, to channels; done means that a note of it is durable.

Order of every message: send, write the note, count the record as done, commit. A kill -9 between the first two sends it again
when it is read again, with the same key; at any other point nothing is sent twice, and nothing is lost at any.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import aiohttp
import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from schemas.alert import SHAPE
from schemas.definition.errors import DefinitionErrors
from schemas.shape import ShapeError
from streams.connection import client_options, reach_kafka
from streams.log import configure
from streams.metrics import Metrics
from streams.notify.channels import Failed, Sender
from streams.notify.desk import Desk, Message
from streams.notify.notes import Notes
from streams.notify.parse import load
from streams.notify.rules import Record, Rules
from streams.settings import Settings, SettingsError, duration_ms, load_settings
from streams.topics import TopicsError, make_notifications

log = structlog.get_logger("journeys.notify")

Outcome = Literal["sent", "tried_again", "given_up"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

POLL_MS = 200
COMMIT_S = 1.0
MOST = 20_000
"""Records that wait for their group, hour or digest; above it no more are read until some are done."""


def run_notify(rules: Path, path: Path | None, check: bool, beginning: bool) -> int:
    """Until a signal. Exit codes as of the workers: 0 stopped, 1 failed, 2 rules or settings are wrong, 3 topics do not fit."""
    try:
        found, settings = load(rules, os.environ), load_settings(path)
        if check:
            print(f"{rules}: valid; {len(found.channels)} channels, {len(found.routes)} routes")
            return 0
        configure(settings.log, settings.level)
        metrics = Metrics(settings.metrics_port + 2 if settings.metrics_port else 0)
        return asyncio.run(_serve(found, settings, beginning, metrics))
    except (DefinitionErrors, SettingsError) as problem:
        return _say(problem, 2)
    except TopicsError as problem:
        return _say(problem, 3)
    except (KafkaError, OSError) as problem:
        return _say(f"{type(problem).__name__}: {problem}", 1)


def _say(problem: object, code: int) -> int:
    print(f"journeys: {problem}", file=sys.stderr, flush=True)
    return code


async def _serve(rules: Rules, settings: Settings, beginning: bool, metrics: Metrics) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    client = await reach_kafka(settings, lambda text: print(f"journeys: {text}", file=sys.stderr, flush=True))
    try:
        topic = await make_notifications(settings, client)
    finally:
        await client.close()
    async with aiohttp.ClientSession() as session:
        notifier = Notifier(rules, settings, Notes(settings, topic), Sender(rules, session), metrics)
        await notifier.run(stopped, beginning)
    return 0


class Notifier(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of the group `<group>-notify`."""

    def __init__(self, rules: Rules, settings: Settings, notes: Notes, sender: Sender, metrics: Metrics) -> None:
        self.desk = Desk(rules)
        self._rules, self._settings, self._notes, self._sender, self._metrics = rules, settings, notes, sender, metrics
        self._queues: dict[str, asyncio.Queue[Message]] = {name: asyncio.Queue() for name in rules.channels}
        for name in rules.channels:
            for outcome in OUTCOMES:
                # For Prometheus a figure that begins at 1 has never grown: the first failure would alarm nobody.
                self._metrics.add("journeys_notifications_total", 0, name, outcome)
        self._read: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._owned: set[TopicPartition] = set()
        self._stale = True

    async def run(self, stopped: asyncio.Event, beginning: bool) -> None:
        """Until `stopped`, or until a channel's worker fails, which Kafka alone can make it."""
        await self._notes.start()
        consumer = AIOKafkaConsumer(
            **client_options(self._settings), group_id=f"{self._settings.group}-notify", enable_auto_commit=False,
            auto_offset_reset="earliest" if beginning else "latest", fetch_max_wait_ms=POLL_MS,
            group_instance_id=f"{self._settings.instance}-notify" if self._settings.instance else None,
            session_timeout_ms=duration_ms(self._settings.session) or 10_000,
        )  # fmt: skip
        self._consumer = consumer
        await consumer.start()
        consumer.subscribe([self._settings.prefix + "alerts"], listener=self)
        workers = [asyncio.create_task(self._work(name)) for name in self._queues]
        try:
            while not stopped.is_set():
                await self._turn(consumer)
                for worker in workers:
                    if worker.done():
                        await worker
        finally:
            for worker in workers:
                worker.cancel()
            with suppress(KafkaError):
                await self._commit(consumer)
            await consumer.stop()
            await self._notes.stop()

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        """One look at the topic, at what is due, and at the clock."""
        pause = consumer.pause if self.desk.waiting > MOST else consumer.resume
        pause(*consumer.assignment())
        fetched = await consumer.getmany(timeout_ms=POLL_MS)
        if self._stale:
            await self._learn(consumer, {tp: records[0].offset for tp, records in fetched.items()})
        for tp, records in fetched.items():
            for record in records if tp in self._owned else ():
                self._take(record)
                self._read[tp] = record.offset + 1
        for message in self.desk.due(_now()):
            self._queues[message.channel].put_nowait(message)
        self._metrics.set("journeys_notifications_waiting", self.desk.waiting)
        if time.monotonic() >= self._commit_at:
            await self._commit(consumer)

    async def _learn(self, consumer: AIOKafkaConsumer, begins: dict[TopicPartition, int]) -> None:
        """After partitions came: what others told before is read first, and where nothing was ever committed, this is now."""
        self._stale = False
        self.desk.notes.update(await self._notes.read())
        self._owned = set(consumer.assignment())
        for tp in self._owned:
            if await consumer.committed(tp) is None:
                self._read.setdefault(tp, begins.get(tp, await consumer.position(tp)))
        await self._commit(consumer)
        log.info("partitions_taken", partitions=len(self._owned), notes=len(self.desk.notes))

    def _take(self, record: Any) -> None:
        alert = _alert(record.value)
        if alert is None:
            log.warning("no_alert", partition=record.partition, offset=record.offset)
            return
        self.desk.take(alert, (record.partition, record.offset), _now())

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Up to the oldest record of each partition that is not done."""
        self._commit_at = time.monotonic() + COMMIT_S
        found = {}
        for tp, end in self._read.items():
            safe = self.desk.safe(tp.partition)
            offset = end if safe is None else safe
            if tp in consumer.assignment() and offset > self._committed.get(tp, -1):
                found[tp] = offset
        if found:
            await consumer.commit(found)
            self._committed.update(found)

    # --- channels ----------------------------------------------------------------------------------------------------

    async def _work(self, name: str) -> None:
        """Messages of one channel, one after the other: one that cannot be reached holds no other back."""
        while True:
            message = await self._queues[name].get()
            if not self._is_ours(message):
                self.desk.done(message, {})
                continue
            sent = await self._sent(name, message)
            notes = self.desk.noted(message, sent)
            await self._notes.write(notes)
            self.desk.done(message, notes)
            if sent:
                log.info("told", channel=name, key=message.key, alerts=len(message.items))

    def _is_ours(self, message: Message) -> bool:
        """Whether nothing of it has gone to another notifier, who reads it again."""
        owned = {tp.partition for tp in self._owned}
        return all(item.place[0] in owned for item in message.items)

    async def _sent(self, name: str, message: Message) -> bool:
        """Whether it went out in the end."""
        channel, began, attempt = self._rules.channels[name], time.monotonic(), 0
        while True:
            attempt += 1
            failed = await self._sender.send(channel, message, int(time.time()))
            if failed is None:
                self._count(name, "sent")
                return True
            if self._is_over(failed, began):
                self._count(name, "given_up")
                log.error("given_up", channel=name, key=message.key, reason=failed.reason, attempt=attempt)
                return False
            self._count(name, "tried_again")
            log.warning("tried_again", channel=name, key=message.key, reason=failed.reason, attempt=attempt)
            await asyncio.sleep(self._rules.retry.wait(attempt) / 1000)

    def _is_over(self, failed: Failed, began: float) -> bool:
        return failed.final or (time.monotonic() - began) * 1000 >= self._rules.retry.stop

    def _count(self, channel: str, outcome: Outcome) -> None:
        self._metrics.add("journeys_notifications_total", 1, channel, outcome)

    # --- partitions come and go --------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._stale, self._owned = True, set()
        self.desk.forget(tp.partition for tp in revoked)
        self._read.clear()
        self._committed.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Records may come before this ends, so the turn that sees them does what is to be done first."""
        self._stale = True


def _alert(value: bytes | None) -> Record | None:
    """The record, if it is one: whoever else writes to the topic is passed over."""
    try:
        SHAPE.from_json(value or b"")
    except ShapeError:
        return None
    found: dict[str, Any] = orjson.loads(value or b"")
    return found


def _now() -> int:
    return int(time.time() * 1000)
