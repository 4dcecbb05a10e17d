"""Kafka, looked at for the doctor: topics, rights, groups, dead letters, and the state that changelogs hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.batch.changelog import BulkReader
from streams.batch.topic_ids import Topic, describe_topics
from streams.connection import client_options, reach_kafka
from streams.delivery import record as rec
from streams.delivery.contracts import NEVER
from streams.delivery.dead import TOPIC as DEAD_LETTERS
from streams.doctor import judge
from streams.doctor.finding import Finding, error, note
from streams.journey.migration_plan import refusal
from streams.settings import Settings
from streams.topics import ACCOUNTS_CHANGELOG, EVENTS, MEMBERS, PUBLISHED, USERS_CHANGELOG, TopicPlan, plan

HOUR_MS = 3_600_000

Ends = dict[TopicPartition, int]


async def look(settings: Settings, definition: Definition, watch_s: float, quick: bool) -> list[Finding]:
    """All findings about Kafka, in the order of what depends on what. A broker that does not answer is one, and the only one."""
    try:
        client = await reach_kafka(settings, lambda text: None, patience_s=0)
    except ConnectionError as problem:
        return [error("kafka", str(problem), "check bootstrap, [kafka], the network, and that a broker runs")]
    try:
        planned = plan(settings)
        there = await describe_topics(client, [topic.name for topic in planned], rights=True)
    finally:
        await client.close()
    found = [*judge.topics(planned, there), *judge.rights(planned, there)]
    async with Looking(settings, there) as kafka:
        for part in (
            kafka.configs(planned), kafka.groups(watch_s), kafka.dead(), *([] if quick else [kafka.state(definition)])
        ):  # fmt: skip
            try:
                found += await part
            except KafkaError as problem:
                found.append(
                    note("kafka", f"could not be looked at: {problem}", "grant DESCRIBE and READ to this user")
                )
    return found


class Looking:
    """`async with Looking(settings, there) as kafka`. `there`: the topics that exist."""

    def __init__(self, settings: Settings, there: Mapping[str, Topic]) -> None:
        self._settings, self._there = settings, there
        self._options = client_options(settings)
        self._admin = AIOKafkaAdminClient(**self._options)
        self._consumer = AIOKafkaConsumer(**self._options, enable_auto_commit=False)

    async def __aenter__(self) -> Looking:
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def configs(self, planned: list[TopicPlan]) -> list[Finding]:
        names = [topic.name for topic in planned if topic.ours and topic.name in self._there]
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        kept = {}
        for answer in await self._admin.describe_configs(asked) if asked else []:
            for _, _, _, name, entries in answer.resources:
                kept[name] = {entry[0]: entry[1] for entry in entries}
        return judge.configs(planned, kept)

    async def groups(self, watch_s: float) -> list[Finding]:
        """Both groups, looked at twice."""
        s = self._settings
        sources = [source.topic for source in s.sources]
        reads = {
            s.group: [*sources, s.prefix + EVENTS, s.prefix + MEMBERS],
            s.sink_group: [*sources, *(s.prefix + name for name in PUBLISHED)],
        }
        who = {s.group: ("engine", "journeys worker"), s.sink_group: ("sink", "journeys sink")}
        members = {name: await self._members(name) for name in reads}
        first = {name: await self._committed(name) for name in reads}
        await asyncio.sleep(watch_s)
        figures = []
        for name, topics in reads.items():
            then, ends = await self._committed(name), await self._ends(topics)
            begins = await self._begins(list(ends))
            lag = sum(max(end - max(then.get(tp, 0), begins[tp], 0), 0) for tp, end in ends.items())
            figures.append(judge.GroupFigures(name, *who[name], members[name], lag, then != first[name]))
        return judge.groups(figures)

    async def dead(self) -> list[Finding]:
        sources = [source.topic for source in self._settings.sources]
        dead = await self._lately([self._settings.prefix + DEAD_LETTERS])
        return judge.dead(judge.Rate(dead, await self._lately(sources)), self._settings)

    async def state(self, definition: Definition) -> list[Finding]:
        """Reads the changelogs, as a worker that takes over does."""
        names = [self._settings.prefix + name for name in (USERS_CHANGELOG, ACCOUNTS_CHANGELOG)]
        tps = [TP(name, p) for name in names if name in self._there for p in range(self._there[name].partitions)]
        kept = {tp: Kept() for tp in tps}
        async with BulkReader(self._options) as reader:
            await reader.read(dict.fromkeys(tps, 0), lambda tp, records: kept[tp].take(records))
        texts = {digest: text for one in kept.values() for digest, text in one.definitions.items()}
        refusals = {digest: _refusal(text, definition) for digest, text in texts.items()}
        return judge.state([one.state(tp) for tp, one in kept.items()], definition.digest, refusals)

    async def _members(self, group: str) -> int:
        (answer,) = await self._admin.describe_consumer_groups([group])
        return len(answer.groups[0][5])

    async def _committed(self, group: str) -> Ends:
        return {tp: at.offset for tp, at in (await self._admin.list_consumer_group_offsets(group)).items()}

    def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        return [TopicPartition(t, p) for t in topics if t in self._there for p in range(self._there[t].partitions)]

    async def _ends(self, topics: Sequence[str]) -> Ends:
        tps = self._partitions(topics)
        return dict(await self._consumer.end_offsets(tps)) if tps else {}

    async def _begins(self, tps: list[TopicPartition]) -> Ends:
        return dict(await self._consumer.beginning_offsets(tps)) if tps else {}

    async def _lately(self, topics: Sequence[str]) -> int:
        """Records whose Kafka timestamp is within the last hour, as far as timestamps rise."""
        ends = await self._ends(topics)
        if not ends:
            return 0
        since = time.time_ns() // 1_000_000 - HOUR_MS
        firsts: Mapping[TopicPartition, Any] = await self._consumer.offsets_for_times(dict.fromkeys(ends, since))
        return sum(ends[tp] - first.offset for tp, first in firsts.items() if first is not None)


def _refusal(text: bytes, definition: Definition) -> str | None:
    """Why a definition does not take over what the one with this text kept."""
    try:
        return refusal(parse(text.decode(), "the definition it is kept under"), definition)
    except DefinitionErrors as problems:
        return f"kept under a definition that this program cannot read any more: {problems}"


class Kept:
    """What a partition's changelog says, read in order; the last record of a key counts."""

    def __init__(self) -> None:
        self.definitions: dict[str, bytes] = {}
        self._deadlines: dict[bytes, int] = {}
        self._definition: str | None = None
        self._watermark = -NEVER

    def take(self, records: list[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            if key == rec.PARTITION_KEY and value is not None:
                told = orjson.loads(rec.decode_partition(value)[1])
                self._definition, self._watermark = told["definition"], told["watermark"]
            elif key.startswith(rec.DEFINITION_SPACE) and value is not None:
                self.definitions[key[2:].decode()] = rec.tagged_body(value)
            elif key.startswith(b"e:"):
                self._entity(key, value)

    def _entity(self, key: bytes, value: bytes | None) -> None:
        header = rec.header_of(value) if value is not None else None
        if header is None or header.flags & rec.ENDED:
            self._deadlines.pop(key, None)
        else:
            self._deadlines[key] = header.deadline

    def state(self, tp: TP) -> judge.State:
        overdue = sum(deadline < self._watermark for deadline in self._deadlines.values())
        return judge.State(tp.topic, tp.partition, self._definition, self._watermark, len(self._deadlines), overdue)
