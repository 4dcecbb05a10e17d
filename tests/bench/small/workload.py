"""The workloads of the small journey: filled into a topic once, with what has to come out worked out on the way."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from deploy.demo.generator import START, Skew, segment_events
from tests.bench.outputs import Stage
from tests.bench.small.journey import State, advance, fresh

DAYS = 2
"""Event time that all events span: ten events a user are two busy days."""
ACCOUNTS = 5_000


class Workload(NamedTuple):
    """`users` None: a tenth of the events. Records come in the order of their time: only ours would correct the others."""

    skew: Skew
    users: int | None


WORKLOADS = {
    "mild": Workload("mild", None),
    "zipf": Workload("zipf", None),
    "million": Workload("mild", 1_000_000),
}


class Filled(NamedTuple):
    """A topic and what has to come out of it."""

    topic: str
    events: int
    expected: set[Stage]
    """Every stage change."""
    needed: list[array[int]]
    """By partition: how many of its events the 1st, 2nd, … record out needs."""

    def done(self, out: list[int]) -> int:
        """Events that are certainly done when each partition of the output holds so many records."""
        return sum(needed[min(n, len(needed)) - 1] if n else 0 for needed, n in zip(self.needed, out, strict=True))

    def records(self) -> int:
        """Records that come out."""
        return len(self.expected)


async def fill(kafka: str, topic: str, workload: Workload, events: int, partitions: int) -> Filled:
    """Write the events, and after them one sign-up on each partition: when it comes out, all before it is done."""
    began, size = time.monotonic(), 0
    partitioner, numbers = DefaultPartitioner(), list(range(partitions))
    users, read = dict[bytes, State](), [0] * partitions
    filled = Filled(topic, events + partitions, set(), [array("l") for _ in numbers])
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    for key, call in _records(workload, events, partitions):
        # The journey is of users alone, so the company that a call names is nobody's account here.
        value = call.replace(b'"groupId":', b'"company":')
        partition = partitioner(key, numbers, numbers)
        await producer.send(topic, value=value, key=key, partition=partition)
        read[partition] += 1
        size += len(value)
        for change in advance(users.setdefault(key, fresh()), orjson.loads(value)):
            filled.expected.add((change["entity"], change["from"], change["to"], change["at"]))
            filled.needed[partition].append(read[partition])
    await producer.stop()
    print(
        f"filled {topic}: {filled.events:,} events of {size / filled.events:.0f} bytes of {len(users):,} users, "
        f"{filled.records():,} stage changes, in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return filled


def _records(workload: Workload, events: int, partitions: int) -> Iterator[tuple[bytes, bytes]]:
    users = workload.users or max(1, events // 10)
    yield from segment_events(events, users, ACCOUNTS, seed=1, skew=workload.skew, days=DAYS, jitter=0)
    partitioner, numbers = DefaultPartitioner(), list(range(partitions))
    at = (START + timedelta(days=DAYS, seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for partition in numbers:
        user = next(
            u for u in (f"u-end-{n}" for n in count()) if partitioner(u.encode(), numbers, numbers) == partition
        )
        call = {
            "type": "track",
            "event": "Signed Up",
            "properties": {},
            "messageId": user,
            "userId": user,
            "timestamp": at,
        }
        yield user.encode(), orjson.dumps(call)
