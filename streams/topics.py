"""Topics: which ones there must be, with how many partitions and what configuration; made on request, checked at start.

Source topics are others' own: they are read, and made only for a demo. Everything else is ours and has the prefix.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.batch.topic_ids import Topic, describe_topics
from streams.connection import client_options
from streams.delivery.outgoing import MOST_BYTES
from streams.settings import Settings, duration_ms

EVENTS, MEMBERS = "events", "members"
USERS_CHANGELOG, ACCOUNTS_CHANGELOG = "users-changelog", "accounts-changelog"
PUBLISHED = ("transitions.user", "transitions.account", "alerts", "state.user", "state.account", "dead-letters")
"""What the engine publishes and the sink reads, by logical name."""

NOTIFICATIONS = "notifications"

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR

_LARGE = {"max.message.bytes": str(MOST_BYTES + 65_536)}
"""A state with all beside it may be large, and a dead letter is larger than the record that it holds."""

_BROKERS_CLOCK = {"message.timestamp.type": "LogAppendTime"}
"""What was published later must have a later time, whichever worker published it and whatever its clock says: readers,
ClickHouse among them, take the latest of a key."""

_CHANGELOG = {
    "cleanup.policy": "compact",
    # A worker that lost its partition unnoticed may write until it notices; its claim must still be there to be seen.
    "min.compaction.lag.ms": str(HOUR),
    # Twice as long as a copy of a table may be used (`KEPT_MS` in batch/copies.py).
    "delete.retention.ms": str(24 * HOUR),
    **_BROKERS_CLOCK,  # the lag is counted from it: by the clock of a slow worker it would be over at once
    **_LARGE,
}


class TopicsError(Exception):
    """The topics do not fit; the message says what to do."""


@dataclass(frozen=True)
class TopicPlan:
    """One topic. copartitioned: topics that must have its number of partitions. ours: we may make it."""

    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)
    copartitioned: tuple[str, ...] = ()
    ours: bool = True


def plan(settings: Settings, with_sources: int = 0) -> list[TopicPlan]:
    """Every topic that must be there. `with_sources`: partitions of source topics, where we are to make them."""
    p, n = settings.prefix, settings.partitions
    kept = {"retention.ms": str(duration_ms(settings.retention)), **_LARGE}
    by_user = tuple(source.topic for source in settings.sources if source.keyed_by == "user")
    ours = [
        TopicPlan(p + EVENTS, n, kept, (p + USERS_CHANGELOG, *by_user)),
        TopicPlan(p + MEMBERS, n, kept, (p + ACCOUNTS_CHANGELOG,)),
        TopicPlan(p + USERS_CHANGELOG, n, _CHANGELOG),
        TopicPlan(p + ACCOUNTS_CHANGELOG, n, _CHANGELOG),
    ]
    for name in PUBLISHED:
        compact = {"cleanup.policy": "compact", **_LARGE}
        ours.append(TopicPlan(p + name, n, _BROKERS_CLOCK | (compact if name.startswith("state.") else kept)))
    sources = [TopicPlan(source.topic, with_sources, ours=with_sources > 0) for source in settings.sources]
    return ours + sources


def notifications(settings: Settings) -> TopicPlan:
    """What `journeys notify` has told, by alert and channel: one partition, since each notifier reads all of it."""
    kept = {"cleanup.policy": "compact,delete", "retention.ms": str(YEAR)}
    return TopicPlan(settings.prefix + NOTIFICATIONS, 1, kept)


async def make_notifications(settings: Settings, client: AIOKafkaClient) -> str:
    """Its name, once it is there; only who runs a notifier needs it, so the engine does not ask for it. Raises TopicsError."""
    planned = notifications(settings)
    if planned.name not in await found(client, [planned]):
        await _make(settings, [planned])
    while planned.name not in await found(client, [planned]):
        await asyncio.sleep(0.05)
    return planned.name


async def found(client: AIOKafkaClient, planned: list[TopicPlan]) -> dict[str, Topic]:
    """Those that exist."""
    return await describe_topics(client, [topic.name for topic in planned])


async def apply(settings: Settings, client: AIOKafkaClient, with_sources: int = 0) -> list[str]:
    """Make what is missing and ours; their names. An existing topic is never changed. Raises TopicsError."""
    planned = plan(settings, with_sources)
    there = await found(client, planned)
    missing = [topic for topic in planned if topic.name not in there and topic.ours]
    made = await _make(settings, missing) if missing else []
    while made and not (await found(client, planned)).keys() >= set(made):  # a broker knows it a moment later
        await asyncio.sleep(0.05)
    return made


async def _make(settings: Settings, missing: list[TopicPlan]) -> list[str]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        new = [NewTopic(t.name, t.partitions, settings.replication, topic_configs=dict(t.configs)) for t in missing]
        response = await admin.create_topics(new)
    finally:
        await admin.close()
    made: list[str] = []
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise TopicsError(f"topic {name} could not be made: {message or for_code(code).__name__}")
        if code == 0:
            made.append(name)
    return made


def check(planned: list[TopicPlan], there: Mapping[str, Topic]) -> None:
    """Raises TopicsError with all that does not fit."""
    if found := problems(planned, there):
        raise TopicsError("\n".join(found))


def problems(planned: list[TopicPlan], there: Mapping[str, Topic]) -> list[str]:
    """All that does not fit, each with what to do."""
    found = [_missing(topic) for topic in planned if topic.name not in there]
    for topic in planned:
        for other in topic.copartitioned:
            if topic.name in there and other in there and there[topic.name].partitions != there[other].partitions:
                found.append(_uneven(topic.name, other, there))
    return found


def _missing(topic: TopicPlan) -> str:
    if topic.ours:
        return f"topic {topic.name} is missing: make ours with `journeys topics --apply`"
    return f"source topic {topic.name} is missing: it is read, never made; correct its name in [[sources]]"


def _uneven(name: str, other: str, there: Mapping[str, Topic]) -> str:
    counts = f"{name} has {there[name].partitions} partitions and {other} has {there[other].partitions}"
    advice = f"they need the same number: make {name} and its changelog anew with that of the other"
    if not other.endswith("-changelog"):
        advice += f", or leave out keyed_by for {other}"
    return f"{counts}; {advice}"
