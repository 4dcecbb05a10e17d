"""Erasing in Kafka: a request sent and seen through, what our topics still hold of somebody counted, and what may go removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from streams.connection import client_options
from streams.delivery import record as rec
from streams.journey.erasure import request
from streams.settings import Settings
from streams.topics import ACCOUNTS_CHANGELOG, EVENTS, MEMBERS, PUBLISHED, USERS_CHANGELOG

ROUNDS = 4
"""How often one entity tells the next: the name asked for, its survivor, that one's other names, their accounts."""

COMPACTED = (USERS_CHANGELOG, ACCOUNTS_CHANGELOG, "state.user", "state.account")
KEPT = (EVENTS, MEMBERS, *(topic for topic in PUBLISHED if topic not in COMPACTED))
"""Topics of ours that lose a record when its retention is over, and not before."""

Offsets = dict[TopicPartition, int]


class NotApplied(Exception):
    """A request is sent, but not seen through; the message says who is behind."""


class Held(NamedTuple):
    """Records of a topic that are about somebody. `superseded`: of a compacted one, those that only wait for compaction."""

    records: int
    superseded: int = 0


class Erasing:
    """`async with Erasing(settings, patience_s) as kafka`."""

    def __init__(self, settings: Settings, patience_s: float) -> None:
        self._settings = settings
        self._patience_s = patience_s
        options = client_options(settings)
        self._admin = AIOKafkaAdminClient(**options)
        self._consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
        self._producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True)

    async def __aenter__(self) -> Erasing:
        await self._admin.start()
        await self._consumer.start()
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._consumer.stop()
        await self._admin.close()

    # --- the request -------------------------------------------------------------------------------------------------

    async def ask(self, kind: str, names: Sequence[str], key: str, before: int, at_once: bool) -> None:
        """Send the request to every name, and wait until the engine has seen it through, and the sink what came of it."""
        topic = self._settings.prefix + (EVENTS if kind == "user" else MEMBERS)
        for name in names:
            value = request(key, before, name, at_once).to_json()
            await self._producer.send_and_wait(topic, value, key=name.encode())
        hops = [self._settings.prefix + name for name in await self._there((EVENTS, MEMBERS))]
        for _ in range(ROUNDS):
            await self._reached(self._settings.group, await self._ends(hops), "the engine")
        read = [self._settings.prefix + name for name in await self._there(PUBLISHED)]
        read += [source.topic for source in self._settings.sources]
        await self._reached(self._settings.sink_group, await self._ends(read), "the sink")

    async def _there(self, names: Sequence[str]) -> list[str]:
        known = await self._consumer.topics()
        return [name for name in names if self._settings.prefix + name in known]

    async def _ends(self, topics: Sequence[str]) -> Offsets:
        return dict(await self._consumer.end_offsets(await self._partitions(topics)))

    async def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        found = await self._admin.describe_topics(list(topics))
        return [TopicPartition(topic["topic"], p["partition"]) for topic in found for p in topic["partitions"]]

    async def _committed(self, group: str) -> Offsets:
        return {tp: at.offset for tp, at in (await self._admin.list_consumer_group_offsets(group)).items()}

    async def _reached(self, group: str, ends: Mapping[TopicPartition, int], who: str) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            done = await self._committed(group)
            behind = [tp for tp, end in ends.items() if end > max(done.get(tp, 0), 0)]
            if not behind:
                return
            if time.monotonic() > until:
                names = ", ".join(sorted({tp.topic for tp in behind}))
                raise NotApplied(
                    f"{who} (group {group}) has not read {names} to the end within {self._patience_s:.0f} s; the request "
                    "is sent and will be applied; run the same command again when it has caught up"
                )
            await asyncio.sleep(0.1)

    # --- what there is -----------------------------------------------------------------------------------------------

    async def held(self, names: Sequence[str]) -> dict[str, Held]:
        """{topic without prefix: what it holds that names one of these, in its key or, in quotes, in its value}."""
        wanted = Wanted(names)
        found = {}
        for name in await self._there((*KEPT, *COMPACTED)):
            ours = [r async for r in self._read(self._settings.prefix + name)]
            naming = [(key, wanted.names(key, value)) for key, value in ours]
            if name not in COMPACTED:
                found[f"kafka {name}"] = Held(sum(hit for _, hit in naming))
                continue
            newest = {key: hit and value is not None for (key, hit), (_, value) in zip(naming, ours, strict=True)}
            left = sum(newest.values())
            found[f"kafka {name}"] = Held(left, sum(hit for _, hit in naming) - left)
        return found

    async def _read(self, topic: str) -> Any:
        """Every (key, value) of a topic up to its end of now."""
        ends = await self._ends([topic])
        self._consumer.assign(list(ends))
        await self._consumer.seek_to_beginning(*ends)
        while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    yield record.key, record.value

    # --- what may go -------------------------------------------------------------------------------------------------

    async def tombstone(self, kind: str, names: Collection[str]) -> int:
        """Null the snapshots of these that are none yet: an engine whose state was lost did not know them. How many."""
        topic = self._settings.prefix + f"state.{kind}"
        newest = {key: value async for key, value in self._read(topic)}
        left = [name for name in names if newest.get(name.encode()) is not None]
        for name in left:
            await self._producer.send_and_wait(topic, None, key=name.encode())
        return len(left)

    async def purge(self) -> None:
        """Drop what engine and sink have read of the topics that are kept by retention: everybody's, not only one's."""
        for group, names in ((self._settings.group, (EVENTS, MEMBERS)), (self._settings.sink_group, KEPT)):
            done = await self._committed(group)
            topics = {self._settings.prefix + name for name in names}
            read = {tp: RecordsToDelete(before_offset=at) for tp, at in done.items() if tp.topic in topics and at > 0}
            if read:
                await self._admin.delete_records(read)


class Wanted:
    """Names looked for in records."""

    def __init__(self, names: Sequence[str]) -> None:
        self._keys = {name.encode() for name in names}
        self._quoted = [orjson.dumps(name) for name in names]

    def names(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether a record names one of them: its key is one, or holds one, or its value does."""
        if any(part in self._keys for part in _parts(key)):
            return True
        return value is not None and any(quoted in value for quoted in self._quoted)


def _parts(key: bytes | None) -> Iterator[bytes]:
    """A key, and what is in one of the changelogs': an entity, and whom a record beside it is about."""
    if key is None:
        return
    yield key
    if key.startswith(b"e:"):
        yield key[2:]
    elif key.startswith(b"b:"):
        entity, name = rec.split_beside_key(key)
        yield entity
        yield name.removeprefix(b"m:")
