"""The timeline: published history is a function of the set of inputs, within the grace period; the rest is counted."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from schemas.event import Event
from streams.journey.timeline import RECENT, SEEN
from tests.streams.journey.harness import DAY, Person, ms
from tests.streams.journey.small import ruled, small

MINUTE = 1 / 1_440
"""Of a day."""

TWICE = """\
  stage:
    states: [none, one, two]
    transitions:
      - {name: up,   from: none, to: one, when: known(opened)}
      - {name: done, from: one,  to: two, when: closed >= 1}
"""


def person() -> Person:
    """Goes from none to one when something is opened and to two when it is closed after that."""
    return Person(small("closed: {count: close}", TWICE), account=None)


def hits(followed: Person, *told: tuple[str, float]) -> list[Any]:
    """Inputs of (name, minutes after the start), with ids by their place in the story."""
    logic, found = followed.logic, []
    for n, (name, minute) in enumerate(told):
        event = Event(f"e{n}", name, "track", ms(minute * MINUTE), user=followed.key)
        found.append(logic.fold.reader.hit(event, logic.selections.match(event)))
    return found


def valid(followed: Person) -> set[str]:
    newest: dict[str, dict[str, Any]] = {}
    for record in followed.transitions:
        if record["seq"] > newest.get(record["id"], {"seq": 0})["seq"]:
            newest[record["id"]] = record
    return {i for i, record in newest.items() if record["valid"]}


def counted(followed: Person) -> dict[tuple[str, str], int]:
    return {
        key: n
        for key, n in followed.logic.counts.items()
        if key[0] in ("late", "duplicate", "refolds", "settled_early")
    }


STORY = (("Other", 0.0), ("Opened", 5.0), ("Closed", 10.0), ("Other", 15.0))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_arrival_does_not_matter(order: tuple[int, ...]) -> None:
    straight, other = person(), person()
    straight.put(hits(straight, *STORY), ms(1))
    made = hits(other, *STORY)
    for n, i in enumerate(order):
        other.put([made[i]], ms(15 * MINUTE) + n)
    assert valid(other) == valid(straight)
    assert len(valid(other)) == 3
    assert [t["seq"] for t in other.transitions] == list(range(1, len(other.transitions) + 1))


def test_what_was_published_wrongly_is_taken_back_and_replaced() -> None:
    found = person()
    opened, earlier = hits(found, ("Opened", 10.0), ("Opened", 5.0))
    found.put([opened], ms(10 * MINUTE))
    found.put([earlier], ms(10 * MINUTE))
    told = [(t["name"], t["valid"], t["origin"]) for t in found.transitions]
    assert told == [
        ("begins", True, "live"), ("up", True, "live"), ("begins", False, "correction"), ("up", False, "correction"),
        ("begins", True, "correction"), ("up", True, "correction"),
    ]  # fmt: skip
    assert [t["supersedes"] for t in found.transitions[4:]] == [
        found.transitions[0]["id"],
        None,
    ]  # a hint, one a machine
    assert found.transitions[-1]["at"] == "2023-12-09T00:05:00.000Z"


def test_a_correction_changes_only_what_differs() -> None:
    found = person()
    first, opened, closed = hits(found, ("Other", 0.0), ("Opened", 5.0), ("Closed", 10.0))
    for item in (first, closed):
        found.put([item], item.t)
    before = len(found.transitions)
    found.put([opened], ms(10 * MINUTE))
    assert [(t["name"], t["valid"]) for t in found.transitions[before:]] == [("up", True), ("done", True)]


def test_the_same_input_twice_is_counted_and_changes_nothing() -> None:
    found = person()
    items = hits(found, *STORY)
    found.put(items, ms(1 * MINUTE * 15))
    before = list(found.transitions)
    found.put([items[1]], ms(15 * MINUTE))
    found.put([items[2], items[2], items[3]], ms(15 * MINUTE))
    assert found.transitions == before
    assert counted(found) == {("duplicate", "input"): 4}


def test_a_repetition_is_recognised_after_it_has_settled() -> None:
    found = person()
    (opened,) = hits(found, ("Opened", 0.0))
    found.put([opened], opened.t)
    found.put([], ms(2))
    assert found.entity.recent == []
    found.put([opened], ms(2))
    assert counted(found)["duplicate", "input"] == 1
    assert ("late", "input") not in counted(found)


def test_a_vendors_retry_is_recognised_among_the_last_settled_inputs() -> None:
    found = person()
    items = hits(found, *[("Other", float(n)) for n in range(SEEN + 5)])
    found.put(items, items[-1].t)
    found.put([], ms(2))
    found.put([items[-1]], ms(2))
    found.put([items[5]], ms(2))
    assert counted(found) == {("duplicate", "input"): 2}


def test_a_late_input_is_counted_and_moves_nothing_in_the_past() -> None:
    found = person()
    first, last, late = hits(found, ("Other", 0.0), ("Other", 100.0), ("Opened", 5.0))
    found.put([first], first.t)
    found.put([last], last.t)
    found.put([], ms(0.5))
    before = list(found.transitions)
    found.put([late], ms(0.5))
    assert counted(found)["late", "input"] == 1
    assert found.transitions[: len(before)] == before
    (up,) = found.transitions[len(before) :]
    assert up["valid"]
    assert up["at"] >= before[-1]["at"]
    assert up["at"] >= "2023-12-09T01:40:00.000Z"  # not before what had settled
    assert up["because"][0]["value"] == "2023-12-09T00:05:00.000Z"  # but it counts on its own day and time


def test_grace_zero_lets_nothing_be_corrected() -> None:
    found = Person(small("closed: {count: close}", TWICE, grace="0s"), account=None)
    first, late = hits(found, ("Opened", 10.0), ("Opened", 5.0))
    found.put([first], first.t + 1)
    found.put([late], first.t + 2)
    assert all(t["valid"] for t in found.transitions)


def test_more_recent_inputs_than_are_kept_settle_early_and_are_counted() -> None:
    found = person()
    items = hits(found, *[("Other", n / 10) for n in range(RECENT + 1)])
    for item in items[:RECENT]:
        found.put([item], item.t)
    assert counted(found) == {}
    assert len(found.entity.recent) == RECENT
    found.put([items[-1]], items[-1].t)
    assert counted(found) == {("settled_early", ""): 1}
    assert len(found.entity.recent) <= RECENT // 2 + 1
    head = found.entity.head
    assert head is not None
    assert head.cells[0] is None
    assert head.last == items[-1].t


def test_settling_early_publishes_nothing_and_loses_nothing() -> None:
    one, other = person(), person()
    story = [("Other", n / 10) for n in range(90)] + [("Opened", 9.5), ("Closed", 9.7)]
    one.put(hits(one, *story), ms(1))
    for item in hits(other, *story):
        other.put([item], item.t)
    other.put([], ms(1))
    assert [(t["id"], t["seq"]) for t in one.transitions] == [(t["id"], t["seq"]) for t in other.transitions]
    assert len(one.transitions) == 3


def test_a_timer_that_a_late_event_makes_untrue_is_taken_back() -> None:
    found = Person(ruled("idle >= 10m"), account=None)
    first, between, after = hits(found, ("Other", 0.0), ("Other", 8.0), ("Other", 16.0))
    found.put([first], first.t)
    found.put([], ms(12 * MINUTE))
    assert [t["at"] for t in found.fired("rule")] == ["2023-12-09T00:10:00.000Z"]
    found.put([between], ms(12 * MINUTE))
    assert found.fired("rule")[-1]["valid"] is False
    found.put([after], ms(16 * MINUTE))
    found.put([], ms(1))
    assert valid(found) == {found.transitions[0]["id"], found.fired("rule")[-1]["id"]}
    assert found.fired("rule")[-1]["at"] == "2023-12-09T00:26:00.000Z"


@pytest.mark.parametrize(("later", "origin"), [(DAY, "live"), (DAY + 1, "backfill")])
def test_what_is_published_more_than_a_day_after_it_happened_is_backfill(later: int, origin: str) -> None:
    found = person()
    (opened,) = hits(found, ("Opened", 0.0))
    logic: Any = found.logic
    advanced = logic.advance(b"u1", found.entity, [opened], opened.t, opened.t + later, found.kept)
    told = [orjson.loads(o.value or b"") for o in advanced.outputs if o.topic.startswith("transitions")]
    assert [t["origin"] for t in told] == [origin, origin]
