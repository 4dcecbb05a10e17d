"""A partition of real journeys under a new version: users and accounts are taken over in the changelog, and time goes on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import load, parse
from streams.delivery.contracts import Record, UnknownDefinition
from streams.delivery.settings import TaskSettings
from streams.journey.users import UsersLogic
from streams.settings import SHIPPED, Settings
from streams.topology import graph_of
from tests.streams.commands import tiny
from tests.streams.delivery.harness import STILL, Driven

NEXT = tiny.TEXT.replace("version: 1", "version: 2\nmigrate: {from: [1], states: {user.stage.churn: gone}}").replace(
    "[awareness, activation, churn]", "[awareness, activation, gone]"
)
NEXT = NEXT.replace("to: churn", "to: gone").replace("from: churn", "from: gone").replace("idle >= 14d", "idle >= 20d")


def driven(definition: Definition, log: list[Any], generation: int) -> Driven:
    settings = TaskSettings(
        definition=definition.digest, text=definition.text.encode(), clock=STILL, heartbeats={"members": 1}
    )
    logic = UsersLogic(definition, {"direct": "canonical"})
    return Driven(log, generation, settings=settings, logic=logic).take_over()


def give(task: Driven, *events: dict[str, Any], first: int = 0) -> None:
    for n, event in enumerate(events):
        at = round(event["at"] * 1000)
        task.take(Record("direct", 0, first + n, at, event["user"].encode(), orjson.dumps(event)))
        task.now = at


def told(task: Driven) -> list[dict[str, Any]]:
    return [orjson.loads(o.value) for o in task.published if o.topic == "transitions.user" and o.value is not None]


def moves(task: Driven, user: str) -> list[tuple[Any, ...]]:
    return [(t["machine"], t["from"], t["to"], t["origin"], t["version"]) for t in told(task) if t["entity"] == user]


def test_a_partition_goes_on_under_the_new_version() -> None:
    before = driven(tiny.definition(), [], 1)
    give(before, *tiny.ada()[:2], tiny.event(9, "Signed Up", "cid", 32))  # ada is silent for 31 days by then: churn
    before.do(before.task.drain(before.now))
    after = driven(parse(NEXT), before.log, 2)
    after.tick(100)
    assert moves(after, "ada") == [("stage", "churn", "gone", "migration", 2)]
    assert moves(after, "cid") == []
    give(after, tiny.ada()[3], first=3)
    assert [move[:3] for move in moves(after, "ada")[1:]] == [("stage", "gone", "activation")]
    seqs = [t["seq"] for t in told(before) + told(after) if t["entity"] == "ada" and t["machine"] == "stage"]
    assert seqs == list(range(1, len(seqs) + 1))


def test_after_a_restart_nothing_is_taken_over_again() -> None:
    before = driven(tiny.definition(), [], 1)
    give(before, *tiny.ada()[:2], tiny.event(9, "Signed Up", "cid", 32))
    before.do(before.task.drain(before.now))
    after = driven(parse(NEXT), before.log, 2)
    after.tick(100)
    after.do(after.task.drain(after.now))
    again = driven(parse(NEXT), after.log, 3)
    again.tick(100)
    assert told(again) == []


@pytest.mark.parametrize(
    "text", [tiny.TEXT.replace("idle >= 14d", "idle >= 15d"), NEXT.replace("from: [1]", "from: [7]")]
)
def test_a_worker_that_does_not_know_how_refuses_and_says_where_it_stands(text: str) -> None:
    before = driven(tiny.definition(), [], 1)
    give(before, *tiny.ada()[:2])
    before.do(before.task.drain(before.now))
    with pytest.raises(UnknownDefinition, match=r"users, partition 0, is kept under tiny version 1 \(digest"):
        driven(parse(text), before.log, 2)


def test_a_worker_keeps_the_text_of_its_definition_beside_its_states() -> None:
    found = graph_of(Settings(definition="saas"), load(SHIPPED / "saas.yaml")).task
    assert parse(found.text.decode()).digest == found.definition
