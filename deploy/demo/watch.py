"""Watching a run: the topics as they fill, how far the groups have committed, and when everything has arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

PUBLISHED = ("transitions.user", "transitions.account", "alerts")


async def partitions_of(bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    """All partitions of some topics, as soon as each of them exists."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        while True:
            found = await admin.describe_topics(list(topics))
            if all(not topic["error_code"] for topic in found):
                return [TopicPartition(topic["topic"], p["partition"]) for topic in found for p in topic["partitions"]]
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


class Follower:
    """Reads published topics from their beginning and hands each record over: take(topic without prefix, value, Kafka ms)."""

    def __init__(
        self, bootstrap: str, prefix: str, take: Callable[[str, dict[str, Any], int], None],
        topics: Sequence[str] = PUBLISHED,
    ) -> None:  # fmt: skip
        self._prefix = prefix
        self._take = take
        self._topics = [prefix + topic for topic in topics]
        self._bootstrap = bootstrap
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20
        )
        self.read = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._consumer.start()
        try:
            partitions = await partitions_of(self._bootstrap, self._topics)
            self._consumer.assign(partitions)
            await self._consumer.seek_to_beginning(*partitions)
            while True:
                for tp, records in (await self._consumer.getmany(timeout_ms=200)).items():
                    for record in records:
                        self.read += 1
                        if record.value is not None:
                            self._take(
                                tp.topic.removeprefix(self._prefix), orjson.loads(record.value), record.timestamp
                            )
        finally:
            await self._consumer.stop()


class Groups:
    """How far consumer groups are behind the ends of their topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)

    async def __aenter__(self) -> Groups:
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        """Records that the group has not committed, over these topics."""
        ends = await self._consumer.end_offsets(await self._of(topics))
        try:
            committed = await self._admin.list_consumer_group_offsets(group)
        except KafkaError:  # nobody has joined yet, or the group's coordinator is being found
            return sum(ends.values()) or 1
        done = {tp: found.offset for tp, found in committed.items()}
        return sum(end - max(done.get(tp, 0), 0) for tp, end in ends.items())

    async def ends(self, topics: Sequence[str]) -> int:
        """Records ever written to these topics."""
        return sum((await self._consumer.end_offsets(await self._of(topics))).values())

    async def ends_of(self, topic: str) -> list[int]:
        """Records ever written to each partition of a topic, by number."""
        ends = await self._consumer.end_offsets(await self._of([topic]))
        return [end for _, end in sorted(ends.items())]

    async def _of(self, topics: Sequence[str]) -> list[TopicPartition]:
        for topic in topics:
            if topic not in self._partitions:
                self._partitions[topic] = await partitions_of(self._bootstrap, [topic])
        return [tp for topic in topics for tp in self._partitions[topic]]

    async def drained(
        self, engine: str, engine_topics: Sequence[str], sink: str, sink_topics: Sequence[str], deadline_s: float = 120,
        alive: Callable[[], None] = lambda: None, settle_s: float = 1.5,
    ) -> None:  # fmt: skip
        """Wait until both groups have committed everything and nothing more comes. TimeoutError says who is behind.

        A busy machine takes its time: the deadline is of standing still, and begins anew when less is left than ever.
        """
        moved, least, quiet_since, seen = time.monotonic(), inf, None, -1
        while True:
            alive()
            engine_lag, sink_lag = await self.lag(engine, engine_topics), await self.lag(sink, sink_topics)
            ends = await self.ends([*engine_topics, *sink_topics])
            now = time.monotonic()
            # Heartbeats keep the internal topics growing a little: only source and published topics must stand still.
            if engine_lag <= 0 and sink_lag <= 0 and ends == seen:
                quiet_since = quiet_since or now
                if now - quiet_since >= settle_s:
                    return
            else:
                quiet_since = None
            seen = ends
            if (left := engine_lag + sink_lag) < least:
                moved, least = now, left
            if now - moved > deadline_s:
                raise TimeoutError(
                    f"nothing has moved for {deadline_s:.0f} s: the engine is {engine_lag} records behind, the sink {sink_lag}"
                )
            await asyncio.sleep(0.25)
