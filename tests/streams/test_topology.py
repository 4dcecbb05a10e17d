"""Topology: which topics the tasks of a definition write to."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.batch.topic_ids import Topic
from streams.graph import NOBODY_WAITS
from streams.settings import ClockChoice, Settings
from streams.topology import graph_of
from tests.streams.journey.harness import Person, ms
from tests.streams.journey.small import small


def told(definition: Definition, logic: Any = None) -> Person:
    """Somebody who names an account, followed by this logic."""
    person = Person(definition)
    person.logic = person.logic if logic is None else logic
    person.event("Opened", 0, account="a1")
    person.event("Opened", 1, account="a1")
    return person


def test_a_definition_without_accounts_has_nobody_to_tell_of_members() -> None:
    """Events name accounts all the same; there is no topic that could take what users would say to them."""
    (users,) = graph_of(Settings(definition="x"), small()).stages
    alone, followed = told(small(), users.logic), told(small())
    assert users.sends == frozenset()
    assert alone.facts == []
    assert followed.facts, "where accounts are followed they are told"
    assert alone.transitions == followed.transitions


@pytest.mark.parametrize("followed", [True, False])
def test_nor_has_one_that_takes_over_from_an_earlier_version(followed: bool) -> None:
    old = told(small())
    text = small().text.replace(
        "version: 1\n", "version: 2\nmigrate: {from: [1], states: {user.stage.second: active}}\n"
    )
    new = parse(text.replace("[first, second]", "[first, active]").replace("to: second", "to: active"))
    (users,) = graph_of(Settings(definition="x"), new).stages
    logic: Any = Person(new).logic if followed else users.logic
    former = logic.former(old.logic.definition.text.encode())
    taken = logic.take_over(former, b"u1", old.logic.dump(old.entity), ms(3), ms(3), old.kept)
    topics = {output.topic for output in taken.outputs}
    assert "transitions.user" in topics
    assert ("members" in topics) is followed


@pytest.mark.parametrize("catch_up", ["fast", "exact"])
def test_partitions_are_heard_out_only_where_the_catch_up_is_exact(catch_up: Literal["fast", "exact"]) -> None:
    graph = graph_of(Settings(definition="x", clock=ClockChoice(catch_up=catch_up)), small())
    topics = {name: Topic("", 3) for stage in graph.stages for name in (*stage.inputs, stage.changelog)}
    (users,) = graph.stages
    task = graph.new_task(users, 0, 1, topics)
    assert (task._settings.levels == {"events": 3}) is (catch_up == "exact")
    assert bool(task._settings.peers) is (catch_up == "exact")
    assert (task._settings.stride < NOBODY_WAITS) is (catch_up == "exact")
