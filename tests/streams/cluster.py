"""What the engine tests do to Kafka and to worker processes: topics of their own, feeding, reading, starting, killing."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.delivery import record as rec
from streams.delivery.table import Table

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
TOPICS = ("raw", "direct", "events", "members", "users-changelog", "accounts-changelog", "transitions", "dead-letters")
_numbers = itertools.count()

Event = tuple[bytes, bytes, int, int, bytes]


class Worker:
    """A worker process; its output goes to a file beside the test's."""

    def __init__(self, arguments: list[str], output: Path) -> None:
        self.output = output
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
            )

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def ready(self, seconds: float = 40) -> Worker:
        wait_for(lambda: "partitions_taken" in self.text() or self.process.poll() is not None, seconds, self.text)
        assert self.process.poll() is None, self.text()[-3000:]
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 15) -> float:
        """How long it took to stop, in s."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        return time.monotonic() - began


class Cluster:
    """One test's own topics on the shared Kafka."""

    def __init__(self, bootstrap: str, folder: Path, topics: Iterable[str] = TOPICS) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"t{os.getpid()}-{next(_numbers)}-"
        self._folder = folder
        self._workers: list[Worker] = []
        asyncio.run(self._create([self.prefix + topic for topic in topics]))

    async def _create(self, names: list[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        await admin.close()

    def delete(self, topic: str) -> None:
        """Delete a topic and make it again, empty."""
        asyncio.run(self._delete(self.prefix + topic))

    async def _delete(self, name: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.delete_topics([name])
        while name in await admin.list_topics():
            await asyncio.sleep(0.05)
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        await admin.close()

    def append(self, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
        """These records to every partition of a topic."""
        asyncio.run(self._append(self.prefix + topic, list(records)))

    async def _append(self, topic: str, records: list[tuple[bytes, bytes]]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            sent = [
                await producer.send(topic, value, key=key, partition=p)
                for p in range(PARTITIONS)
                for key, value in records
            ]
            await asyncio.gather(*sent)

    def commit(self, topic: str, offset: int) -> None:
        """Commit this for every partition in the name of the workers' group, which must be empty."""
        asyncio.run(self._commit(self.prefix + topic, offset))

    async def _commit(self, topic: str, offset: int) -> None:
        group = f"{self.prefix}engine"
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        ) as consumer:
            partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, offset))

    def worker(self, *arguments: str) -> Worker:
        output = self._folder / f"worker{len(self._workers)}.log"
        worker = Worker(["tests.streams.toy_worker", self.bootstrap, self.prefix, *arguments], output)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.kill()

    def feed(self, events: Iterable[Event], end: int | None = None) -> None:
        """Users with an even number on `raw`, the others on `direct`; then the end of time on every partition."""
        asyncio.run(self._feed(events, end))

    async def _feed(self, events: Iterable[Event], end: int | None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5) as producer:
            futures = []
            for event in events:
                topic = self.prefix + ("raw" if int(event[0][1:]) % 2 == 0 else "direct")
                futures.append(await producer.send(topic, b"%s|%s|%d|%d|%s" % event, key=event[0]))
            for topic in ("raw", "direct") if end is not None else ():
                for partition in range(PARTITIONS):
                    last = b"u0|a0|%d|0|w" % end if end is not None else b""
                    futures.append(await producer.send(self.prefix + topic, last, partition=partition))
            await asyncio.gather(*futures)

    def read(self, topic: str) -> list[Any]:
        """All records of a topic, partition by partition."""
        return asyncio.run(self._read(self.prefix + topic))

    async def _read(self, topic: str) -> list[Any]:
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False) as consumer:
            partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return sorted(found, key=lambda record: (record.partition, record.offset))

    def lag(self) -> int:
        """Records of all input topics that are not committed."""
        return asyncio.run(self._lag())

    async def _lag(self) -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        committed = await admin.list_consumer_group_offsets(f"{self.prefix}engine")
        await admin.close()
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as consumer:
            inputs = ("raw", "direct", "events", "members")
            partitions = [TopicPartition(self.prefix + t, p) for t in inputs for p in range(PARTITIONS)]
            ends = await consumer.end_offsets(partitions)
        return sum(ends[tp] - (committed[tp].offset if tp in committed else 0) for tp in partitions)

    def states(self, table: str, logic: Any) -> dict[bytes, bytes]:
        """Payloads of all living entities, as the changelog has them."""
        found: dict[bytes, bytes] = {}
        records = self.read(f"{table}-changelog")
        for partition in range(PARTITIONS):
            kept: Table[Any] = Table(logic)
            kept.restore([(r.key, r.value) for r in records if r.partition == partition])
            for key, header, value in kept.restored():
                if not header.flags & rec.ENDED:
                    found[key] = rec.payload_of(value, header)
        return found


def history(seed: int, count: int, users: int = 400, start: int = 0) -> list[Event]:
    """`count` events one ms apart, of all kinds, in order."""
    luck = random.Random(seed)
    found: list[Event] = []
    for at in range(start, start + count):
        user = int(luck.random() ** 2 * users)
        kind = luck.choice([b"e"] * 20 + [b"b", b"b", b"a", b"d", b"x"])
        found.append((b"u%d" % user, b"a%d" % (user % 25), at, at, kind))
    return found


def wait_for(condition: Callable[[], bool], seconds: float, told: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {str(told())[-3000:]}"
        time.sleep(0.1)
