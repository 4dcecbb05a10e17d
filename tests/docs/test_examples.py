"""The example consumers of docs/examples agree with the records that they read, whatever comes twice or is taken back."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.migrate import statements
from tests.sinks.clickhouse.naive import Story, rows, story
from tests.sinks.clickhouse.test_views import pour
from tests.sinks.conftest import bare, client, engine
from tests.streams.commands.test_tail import create, publish

__all__ = ["bare", "client", "engine"]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def at_risk() -> Any:
    spec = importlib.util.spec_from_file_location("at_risk", EXAMPLES / "at_risk.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found.AtRisk()


def transitions(told: Story) -> list[dict[str, Any]]:
    return [
        orjson.loads(record.value) for record in told.records if record.topic == "transitions.account" and record.value
    ]


def really(told: Story) -> set[str]:
    """Accounts at risk in the end, by the story's own truth."""
    chains = {
        entity: steps for (kind, entity, machine), steps in told.truth.items() if (kind, machine) == ("account", "risk")
    }
    return {entity for entity, steps in chains.items() if steps and steps[-1].to == "at_risk"}


@pytest.mark.parametrize("seed", range(4))
def test_the_consumer_knows_who_is_at_risk_after_repetitions_in_any_order(seed: int) -> None:
    told, luck, consumer = story(seed), random.Random(seed), at_risk()
    records = transitions(told)
    for record in luck.sample(records + records, 2 * len(records)):
        consumer.take(record)
    assert set(consumer.now()) == really(told)
    assert really(told), "a story in which nobody is at risk shows nothing"


def test_the_statement_says_the_same(client: Client) -> None:
    told = story(1)
    pour(client, rows(told), random.Random(1))
    (statement,) = statements((EXAMPLES / "at_risk.sql").read_text())
    assert {row[0] for row in client.query(statement).result_rows} == really(told)


def test_the_program_follows_a_real_topic(kafka: str) -> None:
    import asyncio

    from streams.delivery.contracts import Output

    prefix, told = f"example-{uuid.uuid4().hex[:8]}.", story(2)
    records = [record for record in told.records if record.topic == "transitions.account"]
    asyncio.run(create(kafka, prefix))
    asyncio.run(publish(kafka, prefix, [Output(record.topic, record.key, record.value) for record in records]))
    process = subprocess.Popen(
        [sys.executable, "-u", str(EXAMPLES / "at_risk.py"), kafka, prefix], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        last = [process.stdout.readline() for _ in records][-1]
    finally:
        process.terminate()
        process.wait(10)
    assert last.split()[-4:] == [str(len(really(told))), "accounts", "at", "risk"]
