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


SEVERITIES = ("info", "low", "medium", "high", "critical")


class Wanted(NamedTuple):
    """What is shown; None means all. An alert belongs to no machine, so a machine leaves all alerts out; so does a state.

    severity  alerts at least this bad, and no transitions
    account   an account and its users
    live      only what is found out as it happens: no backfill, correction or migration
    """

    kind: str | None = None
    machine: str | None = None
    entity: str | None = None
    account: str | None = None
    to: str | None = None
    severity: str | None = None
    live: bool = False

    def takes(self, record: Mapping[str, Any]) -> bool:
        return (
            self.kind in (None, record["kind"])
            and self.machine in (None, record.get("machine"))
            and self.entity in (None, record["entity"])
            and self.to in (None, record.get("to"))
            and (self.account is None or self.account in (record["account"], _own_account(record)))
            and (self.severity is None or self._severe(record.get("severity")))
            and (not self.live or record["origin"] == "live")
        )

    def _severe(self, severity: Any) -> bool:
        return severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(self.severity or "info")

    def topics(self, prefix: str) -> list[str]:
        """The topics that can hold something wanted."""
        other = {"user": "transitions.account", "account": "transitions.user"}.get(self.kind or "")
        left_out = {other, "alerts" if self.machine or self.to else None}
        if self.severity is not None:
            left_out |= {"transitions.user", "transitions.account"}
        return [prefix + topic for topic in TOPICS if topic not in left_out]


def _own_account(record: Mapping[str, Any]) -> Any:
    """An account's own transitions name no account beside the entity."""
    return record["entity"] if record["kind"] == "account" else None


def follow(settings: Path | None, wanted: Wanted, beginning: bool, console: Console) -> int:
    """Print what is published, from now on or from the beginning, until Ctrl-C. Status: 0, or 2 for a wrong option."""
    wrong = _wrong(wanted)
    if wrong is not None:
        console.print(wrong, style="red", highlight=False)
        return 2
    try:
        where = load_settings(settings)
    except SettingsError as problem:
        console.print(str(problem), style="red", highlight=False, soft_wrap=True)
        return 2
    tail = Tail(where, wanted, beginning, lambda line: console.print(line, soft_wrap=True))
    with suppress(KeyboardInterrupt), _quiet():
        asyncio.run(tail.run())
    return 0


def _wrong(wanted: Wanted) -> str | None:
    """What is wrong with the options, and what to write."""
    if wanted.kind not in (None, "user", "account"):
        return f"--kind {wanted.kind} is none; write user or account"
    if wanted.severity not in (None, *SEVERITIES):
        return f"--severity {wanted.severity} is none; write {', '.join(SEVERITIES[:-1])} or {SEVERITIES[-1]}"
    if wanted.severity is not None and (wanted.machine or wanted.to):
        return "--severity is of alerts, --machine and --to are of transitions; leave one of them out"
    return None


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
