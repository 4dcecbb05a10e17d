"""Topics: what is planned, what is made, and what does not fit."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.batch.topic_ids import Topic, describe_topics
from streams.connection import reach_kafka
from streams.settings import Settings, SourceTopic
from streams.topics import TopicsError, apply, check, plan

SETTINGS = Settings(
    prefix="acme.", partitions=6, sources=(SourceTopic("clicks", "segment", "user"), SourceTopic("crm"))
)


def there(settings: Settings, **partitions: int) -> dict[str, Topic]:
    """All that is planned, as if it were there; `partitions` are those of source topics."""
    found = {topic.name: Topic("id", topic.partitions) for topic in plan(settings) if topic.ours}
    return found | {name: Topic("id", count) for name, count in partitions.items()}


def test_every_topic_of_ours_has_the_prefix_and_the_partitions_and_no_source_is_made() -> None:
    planned = {topic.name: topic for topic in plan(SETTINGS)}
    assert {name for name, topic in planned.items() if not topic.ours} == {"clicks", "crm"}
    assert all(name.startswith("acme.") and t.partitions == 6 for name, t in planned.items() if t.ours)
    assert len(planned) == 12


def test_a_changelog_keeps_a_claim_long_enough_for_a_zombie_to_be_seen() -> None:
    configs = {topic.name: topic.configs for topic in plan(SETTINGS)}
    for name in ("acme.users-changelog", "acme.accounts-changelog"):
        assert configs[name]["cleanup.policy"] == "compact"
        assert int(configs[name]["min.compaction.lag.ms"]) >= 3_600_000
    assert configs["acme.state.user"]["cleanup.policy"] == "compact"
    assert configs["acme.transitions.user"]["retention.ms"] == str(30 * 86_400_000)


def test_topics_that_fit_are_not_complained_about() -> None:
    check(plan(SETTINGS), there(SETTINGS, clicks=6, crm=2))


def test_all_that_does_not_fit_is_said_at_once() -> None:
    found = there(SETTINGS, clicks=5)
    del found["acme.alerts"]
    with pytest.raises(TopicsError) as caught:
        check(plan(SETTINGS), found)
    said = str(caught.value)
    assert "topic acme.alerts is missing: make ours with `journeys topics --apply`" in said
    assert "source topic crm is missing: it is read, never made" in said
    assert "acme.events has 6 partitions and clicks has 5" in said
    assert "leave out keyed_by for clicks" in said


def test_what_is_missing_is_made_once_and_nothing_that_is_there_is_changed(kafka: str) -> None:
    settings = Settings(
        bootstrap=kafka,
        prefix=f"topics{os.getpid()}.",
        partitions=2,
        sources=(SourceTopic(f"topics{os.getpid()}-src"),),
    )

    async def scenario() -> None:
        client = await reach_kafka(settings, print)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(settings.prefix + "alerts", 5, 1)])
        made = await apply(settings, client)
        assert settings.prefix + "events" in made
        assert settings.prefix + "alerts" not in made
        assert settings.sources[0].topic not in made
        assert await apply(settings, client, with_sources=3) == [settings.sources[0].topic]
        assert await apply(settings, client, with_sources=3) == []
        found = await describe_topics(client, [topic.name for topic in plan(settings)])
        assert found[settings.prefix + "alerts"].partitions == 5
        assert found[settings.sources[0].topic].partitions == 3
        assert len({topic.id for topic in found.values()}) == len(found), "each has an id of its own"
        changelog = ConfigResource(ConfigResourceType.TOPIC, settings.prefix + "users-changelog")
        (response,) = await admin.describe_configs([changelog])
        kept = {entry[0]: entry[1] for entry in response.resources[0][4]}
        assert kept["cleanup.policy"] == "compact"
        await admin.close()
        await client.close()

    asyncio.run(scenario())


def test_a_topic_made_anew_under_its_old_name_has_another_identity(kafka: str) -> None:
    name = f"again{os.getpid()}"

    async def scenario() -> None:
        client = await reach_kafka(Settings(bootstrap=kafka), print)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        ids = []
        for _ in range(2):
            await admin.create_topics([NewTopic(name, 1, 1)])
            while not (found := await describe_topics(client, [name])):
                await asyncio.sleep(0.05)
            ids.append(found[name].id)
            await admin.delete_topics([name])
            while await describe_topics(client, [name]):
                await asyncio.sleep(0.05)
        assert ids[0] != ids[1]
        await admin.close()
        await client.close()

    asyncio.run(scenario())
