"""The laws of identity: whatever the order in which links arrive, the same people and accounts are one, and nobody is lost."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.definition.model import Definition
from streams.journey.members import Settled
from tests.model.company import retell
from tests.model.driver import Driven, Published
from tests.model.laws import (
    equal_ids_have_equal_payloads,
    every_transition_says_why,
    positions_have_no_gaps,
    same_ids,
    same_story,
)
from tests.strategies.histories import History, companies, in_order
from tests.strategies.links import linked_histories

LONG = os.environ.get("LAWS") == "long"
EXAMPLES = 130


def driven(definition: Definition, history: History) -> Driven:
    """The core over a history, to its end."""
    found = Driven(definition)
    for turn in history.turns:
        found.turn(turn)
    return found


def stocks_sum_to_the_living(found: Driven) -> None:
    """Entries - exits of each state is the number of entities in it, and over all states that of the living."""
    net: Counter[tuple[str, str, str, str]] = Counter()
    for t in found.published.valid():
        for state, by in ((t["to"], 1), (t["from"], -1)):
            if state is not None:
                net[t["kind"], t["machine"], t["entity"], state] += by
    assert set(net.values()) <= {0, 1}
    standing = {(kind, machine, entity): state for (kind, machine, entity, state), n in net.items() if n}
    assert len(standing) == sum(net.values())
    assert standing == living(found)


def living(found: Driven) -> dict[tuple[str, str, str], str]:
    """Where every living entity stands, in each machine."""
    states: dict[tuple[str, str, str], str] = {}
    for kind, plant in (("user", found.users), ("account", found.accounts)):
        for key, entity in plant.entities.items() if plant is not None else ():
            plant.logic.timeline.wake(entity, Settled(plant.beside(key)))  # type: ignore[union-attr]
            head = entity.head
            if head is not None and head.begun >= 0 and head.ended < 0:
                for machine in plant.logic.fold.machines:  # type: ignore[union-attr]
                    states[kind, machine.name, entity.key] = machine.states[head.states[machine.number]]
    return states


def check(definition: Definition, history: History) -> Published:
    lived, plain = driven(definition, history), driven(definition, in_order(history))
    for found in (plain, lived):
        positions_have_no_gaps(found.published)
        equal_ids_have_equal_payloads(found.published)
        every_transition_says_why(found.published, history)
        stocks_sum_to_the_living(found)
    same_ids(lived.published, plain.published)
    return plain.published


@pytest.mark.timeout(3_600 if LONG else 300)
def test_however_links_arrive_the_same_transitions_stand(capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[str] = Counter()

    @settings(
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        max_examples=5_000 if LONG else EXAMPLES, derandomize=not LONG, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.data())
    def law(data: st.DataObject) -> None:
        definition = data.draw(companies())
        published = check(definition, data.draw(linked_histories(definition)))
        seen["histories"] += 1
        seen.update({f"{t['kind']} merged" for t in published.valid() if t["label"] == "merged"})
        seen.update(
            {
                f"{t['kind']} moved by a link"
                for t in published.valid()
                if t["from"] and t["to"] and "link" in t["cause"]
            }
        )

    law()
    with capsys.disabled():
        print(f"\n  {dict(seen)}")
    assert seen["user merged"] >= 0.5 * seen["histories"]
    assert seen["user moved by a link"] >= 5
    assert seen["account merged"] >= 0.1 * seen["histories"]


@pytest.mark.timeout(3_600 if LONG else 300)
def test_a_merge_is_what_the_naive_model_makes_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[str] = Counter()

    @settings(
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        max_examples=5_000 if LONG else EXAMPLES, derandomize=not LONG, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.data())
    def law(data: st.DataObject) -> None:
        definition = data.draw(companies())
        history = data.draw(linked_histories(definition, accounts=False))
        story = retell(definition, list(history.events), history.until)
        seen["histories"] += 1
        seen.update({m.label for m in story.moved if m.label})
        seen.update({"moved by a link" for m in story.moved if m.from_ and m.to and m.cause[0] == "link"})
        seen.update(["held back"] if story.blocked else [])
        for way in (in_order(history), history):
            same_story(story, driven(definition, way).published)

    law()
    with capsys.disabled():
        print(f"\n  {dict(seen)}")
    assert seen["merged"] >= 0.5 * seen["histories"]
    assert seen["moved by a link"] >= 10
