"""`journeys tail`: transitions and alerts as they are published, read without a consumer group so that nobody is disturbed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from streams.commands.show import alert_line, transition_line
from streams.connection import client_options
from streams.settings import Settings, SettingsError, load_settings

TOPICS = ("transitions.user", "transitions.account", "alerts")

AGAIN = 2.0
"""Seconds between two attempts to reach Kafka or to see a topic that is not there yet."""


class Wanted(NamedTuple):
    """What is shown; None means all. An alert belongs to no machine, so a machine leaves all alerts out."""

    kind: str | None = None
    machine: str | None = None
    entity: str | None = None

    def takes(self, record: Mapping[str, Any]) -> bool:
        return (
            self.kind in (None, record["kind"])
            and self.machine in (None, record.get("machine"))
            and self.entity in (None, record["entity"])
        )

    def topics(self, prefix: str) -> list[str]:
        """The topics that can hold something wanted."""
        other = {"user": "transitions.account", "account": "transitions.user"}.get(self.kind or "")
        left_out = {other, "alerts" if self.machine else None}
        return [prefix + topic for topic in TOPICS if topic not in left_out]


def follow(
    settings: Path | None, kind: str | None, machine: str | None, entity: str | None, beginning: bool, console: Console
) -> int:
    """Print what is published, from now on or from the beginning, until Ctrl-C. Status: 0, or 2 for a wrong option."""
    if kind not in (None, "user", "account"):
        console.print(f"--kind {kind} is none; write user or account", style="red", highlight=False)
        return 2
    try:
        where = load_settings(settings)
    except SettingsError as problem:
        console.print(str(problem), style="red", highlight=False, soft_wrap=True)
        return 2
    tail = Tail(where, Wanted(kind, machine, entity), beginning, lambda line: console.print(line, soft_wrap=True))
    with suppress(KeyboardInterrupt), _quiet():
        asyncio.run(tail.run())
    return 0


class Tail:
    """One reading of the topics. `show` takes each line."""

    def __init__(self, where: Settings, wanted: Wanted, beginning: bool, show: Callable[[Text], None]) -> None:
        self._bootstrap = where.bootstrap
        self._options = client_options(where)
        self._wanted = wanted
        self._beginning = beginning
        self._show = show
        self._topics = wanted.topics(where.prefix)

    async def run(self) -> None:
        """Until cancelled. Kafka may be missing at first, and so may the topics."""
        consumer = await self._reached()
        try:
            await self._subscribe(consumer)
            async for value in _values(consumer):
                line = self._line(value)
                if line is not None:
                    self._show(line)
        finally:
            await consumer.stop()

    def _line(self, value: bytes) -> Text | None:
        try:
            record = orjson.loads(value)
            if not self._wanted.takes(record):
                return None
            return alert_line(record, clock=True) if "status" in record else transition_line(record, clock=True)
        except (ValueError, KeyError, TypeError):  # somebody else writes to this topic: say so and go on
            return Text(f"not a record of ours: {value[:80]!r}", "yellow")

    async def _reached(self) -> AIOKafkaConsumer:
        """A consumer that is connected, however long that takes."""
        told = False
        while (consumer := await self._attempt()) is None:
            if not told:
                self._show(
                    Text(f"no Kafka answers at {self._bootstrap}; trying until it does, Ctrl-C ends this", "red")
                )
            told = True
            await asyncio.sleep(AGAIN)
        if told:
            self._show(Text(f"Kafka at {self._bootstrap} answers", "green"))
        return consumer

    async def _attempt(self) -> AIOKafkaConsumer | None:
        start = "earliest" if self._beginning else "latest"
        consumer = AIOKafkaConsumer(
            **self._options, enable_auto_commit=False, auto_offset_reset=start, fetch_max_wait_ms=200
        )
        try:
            await consumer.start()
        except KafkaError:
            await consumer.stop()
            return None
        return consumer

    async def _subscribe(self, consumer: AIOKafkaConsumer) -> None:
        """To all topics once they exist: asking a broker for one that does not may make it, with a wrong partition count."""
        told = False
        while missing := sorted(set(self._topics) - await consumer.topics()):
            if not told:
                names = ", ".join(missing)
                self._show(
                    Text(f"there is no topic {names} yet; `journeys topics --apply` creates what is missing", "yellow")
                )
            told = True
            await asyncio.sleep(AGAIN)
        consumer.subscribe(self._topics)


async def _values(consumer: AIOKafkaConsumer) -> AsyncIterator[bytes]:
    while True:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            for record in records:
                if record.value is not None:
                    yield record.value


@contextmanager
def _quiet() -> Any:
    """The client logs each failed attempt with its address; a person at a terminal is told once, in our words."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
