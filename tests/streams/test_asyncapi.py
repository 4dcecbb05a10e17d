"""The AsyncAPI document is that of the code, is one by AsyncAPI's own JSON Schema, and says what is on the topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from deploy.npm import content
from schemas.compatibility import released
from streams.asyncapi import FILE, TOPICS, VERSION, document, text
from streams.cli import app
from streams.delivery.attributes import ABOUT, Attributes
from streams.settings import Settings
from streams.topics import plan
from tests.fixtures.npm import ASYNCAPI
from tests.streams.delivery.test_attributes import listed, published

OFFICIAL = "schemas/3.0.0-without-$id.json"


def test_the_checked_in_document_is_that_of_the_code() -> None:
    assert FILE.read_text() == text(), "docs/asyncapi.json is out of date: run `python -m streams.asyncapi`"


@pytest.mark.parametrize("settings", [None, Settings(prefix="acme.", bootstrap="kafka-1:9092,kafka-2:9092")])
def test_it_is_an_asyncapi_3_document_by_the_official_schema(settings: Settings | None) -> None:
    official = Draft7Validator(orjson.loads(content(ASYNCAPI, OFFICIAL)))
    assert [error.message for error in official.iter_errors(document(settings))] == []
    wrong = {**document(settings), "channels": {"alerts": {"adress": "alerts"}}}
    assert not official.is_valid(wrong), "the official schema takes anything"


def test_it_names_every_topic_that_is_not_a_table_of_ours() -> None:
    ours = {topic.name for topic in plan(Settings()) if not topic.name.endswith("-changelog")}
    assert set(TOPICS) <= ours
    assert ours - set(TOPICS) <= {"notifications"}
    assert list(released())[-1] == VERSION


@pytest.mark.parametrize("topic", sorted(ABOUT))
def test_what_is_published_fits_payload_and_headers_of_its_message(topic: str) -> None:
    told = document(Settings(prefix="p."))
    (message,) = [m for m in told["components"]["messages"].values() if m["name"].lower() == topic.replace(".", "")]
    schema = message["payload"]["$ref"].removeprefix("#/components/schemas/")
    payload, headers = Draft7Validator(told["components"]["schemas"][schema]), Draft7Validator(message["headers"])
    records: list[Any] = [output for output in published() if output.topic == topic and output.value is not None]
    assert records
    for output in records:
        payload.validate(orjson.loads(output.value))
        found = {
            name: value.decode()
            for name, value in listed(Attributes(topic, f"p.{topic}"), output.key, output.value, 1_700)
        }
        headers.validate(found)
        assert set(found) == set(message["headers"]["properties"])


def test_the_command_prints_it_with_ones_own_names(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('prefix = "acme."\nbootstrap = "kafka-1:9092"\n')
    told = orjson.loads(CliRunner().invoke(app, ["topics", "--asyncapi", "--settings", str(path)]).stdout)
    assert told["channels"]["alerts"]["address"] == "acme.alerts"
    assert told["servers"]["kafka"]["host"] == "kafka-1:9092"
