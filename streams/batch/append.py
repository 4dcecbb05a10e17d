"""Append: many records to Kafka as few record batches, with the offsets they got.

`append` is for a changelog, which one lane alone writes: the records of a group go into one Kafka record batch, which
the broker takes whole or not at all. `publish` is for topics that many lanes write to: whatever is added while a batch
of the same partition is in flight goes into the next one, so a slow broker makes batches larger, not lanes slower.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from streams.attributes import Attributes, attributes
from streams.batch.owner import SendFailed
from streams.batch.partition import Partitioner
from streams.delivery.contracts import Output
from streams.delivery.wire import NO_HEADERS, Encoded, RecordBatch, headers

BATCH_BYTES = 512 * 1024
"""A Kafka record batch is closed at this size: half of what a broker takes by default."""

MOST_BYTES = 8 * 1024 * 1024
"""A single group or record may be as large as this; our topics are planned with it (`topics.py`)."""

OVERHEAD = 40
"""Bytes of a record beside key, value and headers, at most; 61 more a batch."""

Groups = Sequence[Sequence[tuple[bytes, bytes | None]]]


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
        self._outlets: dict[str, dict[int, Outlet]] = {}  # by logical topic and partition

    async def append(self, topic: str, partition: int, groups: Groups) -> list[tuple[int, int]]:
        """(base offset, number of records) of each record batch, in order, when all are durable."""
        sent: list[tuple[Any, int]] = []
        try:
            for batch in pack(groups):
                self.bytes_appended += batch.size
                sent.append((await self._sender.send_batch(batch, topic, partition), batch.count))
            taken = [(await future, count) for future, count in sent]
        except KafkaError as error:
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
        now = int(time.time() * 1000)
        self.sent.update([output.topic for output in outputs])
        return {self._outlet(output).add(output, now, written) for output in outputs}

    def _outlet(self, output: Output) -> Outlet:
        outlets, partition = self._outlets.get(output.topic), output.partition
        if outlets is None:
            outlets = self._outlets[output.topic] = {}
        if partition is None:
            partition = self._partitioner.of(self._prefix + output.topic, output.key)
        outlet = outlets.get(partition)
        if outlet is None:
            topic = self._prefix + output.topic
            outlet = outlets[partition] = Outlet(self._sender, topic, partition, attributes(output.topic, topic))
        return outlet


class Outlet:
    """The way to one partition: one record batch in flight, one being filled. `attributes`: headers it adds to each record."""

    def __init__(self, sender: Sender, topic: str, partition: int, attributes: Attributes | None = None) -> None:
        self._sender, self._topic, self._partition, self._attributes = sender, topic, partition, attributes
        self._waiting: deque[tuple[RecordBatch, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._failed: SendFailed | None = None

    def add(self, output: Output, now: int, written: int | None = None) -> asyncio.Future[None]:
        """The future of the batch that the record went into. `now`: the record's Kafka timestamp, ms."""
        if self._failed is not None:
            raise self._failed
        about = self._headers(output, written)
        if self._waiting:
            batch, landing = self._waiting[-1]
            if batch.add(now, output.key, output.value, about):
                return landing
        batch = RecordBatch(BATCH_BYTES)
        landing = asyncio.get_running_loop().create_future()
        batch.add(now, output.key, output.value, about)
        self._waiting.append((batch, landing))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())
        return landing

    def _headers(self, output: Output, written: int | None) -> Encoded:
        if self._attributes is None:
            return headers(output.headers) if output.headers else NO_HEADERS
        return self._attributes.encoded(output.key, output.value, written, output.headers)

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


def pack(groups: Groups) -> Iterable[RecordBatch]:
    """Record batches that hold the groups in order, none of them straddling two."""
    now = int(time.time() * 1000)
    batch, used = RecordBatch(BATCH_BYTES), 0
    for group in groups:
        need = sum(len(key) + (len(value) if value is not None else 0) for key, value in group) + OVERHEAD * len(group)
        if used and used + need > BATCH_BYTES:
            yield batch
            batch, used = RecordBatch(BATCH_BYTES), 0
        if not used and need > BATCH_BYTES - OVERHEAD * 2:
            batch = _large(group, need)
        used += need
        for key, value in group:
            if not batch.add(now, key, value):
                raise SendFailed(f"a group of {len(group)} records did not fit the record batch made for it")
    if used:
        yield batch


def _large(group: Sequence[tuple[bytes, bytes | None]], need: int) -> RecordBatch:
    if need > MOST_BYTES:
        raise SendFailed(
            f"the state of {group[0][0][:80]!r} takes {need:,} bytes with all that must be written beside it at once; "
            f"the most is {MOST_BYTES:,}: lower the caps of its measures, or exclude the event that made it"
        )
    return RecordBatch(need + OVERHEAD * 2)
