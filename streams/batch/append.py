"""Append: many records to Kafka as few record batches, with the offsets they got.

`append` is for a changelog, which one lane alone writes: the records of a group go into one Kafka record batch, which
the broker takes whole or not at all. `publish` is for topics that many lanes write to: whatever is added while a batch
of the same partition is in flight goes into the next one, so a slow broker makes batches larger, not lanes slower.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from streams.batch.owner import SendFailed
from streams.delivery.attributes import Attributes, attributes
from streams.delivery.contracts import Output
from streams.delivery.outgoing import BATCH_BYTES, Groups, TooLarge, by_partition, fill, record_batches
from streams.delivery.partition import Partitioner
from streams.delivery.wire import RecordBatch


class Sender(Protocol):
    """The producer, as far as this file needs it."""

    async def send_batch(self, batch: RecordBatch, topic: str, partition: int) -> Any: ...


class Appender:
    """All that a worker sends. Any failure is a SendFailed, and everything after it in that partition too.

    partitioner  knows the partition counts of all topics that are published to
    prefix       goes before the logical topic names of outputs
    sent         outputs by logical topic
    ends         where each changelog ended after our last append
    written      when that was, by the broker's clock in ms; None where the topic has not the broker's time
    """

    def __init__(self, sender: Sender, partitioner: Partitioner, prefix: str = "") -> None:
        self.bytes_appended = 0
        self.sent: Counter[str] = Counter()
        self.ends: dict[tuple[str, int], int] = {}
        self.written: dict[tuple[str, int], int | None] = {}
        self._sender = sender
        self._prefix = prefix
        self._partitioner = partitioner
        self._outlets: dict[tuple[str, int], Outlet] = {}  # by logical topic and partition

    async def append(self, topic: str, partition: int, groups: Groups) -> list[tuple[int, int]]:
        """(base offset, number of records) of each record batch, in order, when all are durable."""
        sent: list[tuple[Any, int]] = []
        try:
            for batch in record_batches(groups, int(time.time() * 1000)):
                self.bytes_appended += batch.size
                sent.append((await self._sender.send_batch(batch, topic, partition), batch.count))
            taken = [(await future, count) for future, count in sent]
        except (KafkaError, TooLarge) as error:
            raise SendFailed(f"changelog {topic}, partition {partition}: {error}") from error
        if taken:
            last, count = taken[-1]
            self.ends[topic, partition] = last.offset + count
            self.written[topic, partition] = (
                last.timestamp if last.timestamp is not None and last.timestamp >= 0 else None
            )
        return [(metadata.offset, count) for metadata, count in taken]

    async def publish(self, outputs: Sequence[Output], written: int | None = None) -> None:
        """Returns when all are durable. Order is kept within each partition. `written`: when their state became durable, ms."""
        landings = self.begin(outputs, written)
        for landing in landings:
            await asyncio.shield(landing)

    def begin(self, outputs: Sequence[Output], written: int | None = None) -> set[asyncio.Future[None]]:
        """Hand over; the futures land when all are durable."""
        now, landings = int(time.time() * 1000), set[asyncio.Future[None]]()
        for topic, partitions in by_partition(outputs, self._prefix, self._partitioner).items():
            for partition, waiting in partitions.items():
                self.sent[topic] += len(waiting)
                landings |= self._outlet(topic, partition).add(waiting, now, written)
        return landings

    def _outlet(self, logical: str, partition: int) -> Outlet:
        outlet = self._outlets.get((logical, partition))
        if outlet is None:
            topic = self._prefix + logical
            outlet = self._outlets[logical, partition] = Outlet(
                self._sender, topic, partition, attributes(logical, topic)
            )
        return outlet


class Outlet:
    """The way to one partition: one record batch in flight, one being filled. `attributes`: headers it adds to each record."""

    def __init__(self, sender: Sender, topic: str, partition: int, attributes: Attributes | None = None) -> None:
        self._sender, self._topic, self._partition, self._attributes = sender, topic, partition, attributes
        self._waiting: deque[tuple[RecordBatch, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._failed: SendFailed | None = None

    def add(self, outputs: Sequence[Output], now: int, written: int | None = None) -> set[asyncio.Future[None]]:
        """The futures of the batches that the records went into. `now`: the records' Kafka timestamp, ms."""
        if self._failed is not None:
            raise self._failed
        landings, at = set[asyncio.Future[None]](), 0
        batch, landing = self._waiting[-1] if self._waiting else self._open()
        while True:
            filled = fill(batch, outputs, at, self._attributes, now, written)
            if filled > at:
                landings.add(landing)
            if filled == len(outputs):
                return landings
            at = filled
            batch, landing = self._open()

    def _open(self) -> tuple[RecordBatch, asyncio.Future[None]]:
        """Another batch, to be sent when its turn has come."""
        opened = RecordBatch(BATCH_BYTES), asyncio.get_running_loop().create_future()
        self._waiting.append(opened)
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())
        return opened

    async def _send_all(self) -> None:
        while self._waiting:
            batch, landing = self._waiting.popleft()
            try:
                await (await self._sender.send_batch(batch, self._topic, self._partition))
            except KafkaError as error:
                self._fail(SendFailed(f"{self._topic}, partition {self._partition}: {error}"), landing)
                return
            landing.set_result(None)
        self._task = None

    def _fail(self, error: SendFailed, landing: asyncio.Future[None]) -> None:
        self._failed = error
        for future in [landing, *(future for _, future in self._waiting)]:
            future.set_exception(error)
            future.exception()  # whoever waits is told; that nobody does any more is no news
