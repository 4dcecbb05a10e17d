"""Selections: which events a name in the definition stands for, and what is read from them."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.definition.parse import parse
from schemas.event import Event
from streams.journey import selections
from streams.journey.selections import Selections, dig
from streams.journey.users import UsersLogic
from tests.streams.journey.small import small

_TEXT = """\
language: 1
definition: chosen
version: 1
events:
  either: {name: [Opened, Closed]}
  page:   {type: page}
  staff:  {actor: staff}
  site:   {place: [website, mail]}
  big:    {name: Opened, where: {properties.n: ">= 2"}}
  pro:    {where: {traits.plan: pro}}
  some:   {where: {properties.plan.name: [pro, team]}}
user:
  activity: either
  measures:
    opened: {first: either}
  stage:
    states: [first, second]
    transitions:
      - {name: opens, from: first, to: second, when: known(opened)}
"""


def chosen(**given: Any) -> set[str]:
    """Names of the selections that an event belongs to."""
    made = {"id": "e", "name": "Opened", "type": "track", "at": 0, "user": "u", **given}
    found = Selections(parse(_TEXT))
    bits = found.match(Event(**made))
    return {name for name in found.names if bits & found.bit(name)}


def test_any_name_of_a_list_is_enough() -> None:
    assert chosen() == chosen(name="Closed") == {"either"}
    assert chosen(name="Other") == set()


def test_type_actor_and_place_choose_too() -> None:
    assert chosen(name="x", type="page") == {"page"}
    assert chosen(name="x", actor="staff") == {"staff"}
    assert chosen(name="x", place="mail") == {"site"}


@pytest.mark.parametrize(("n", "big"), [(1, False), (2, True), (3.5, True), ("3", False), (None, False), ([3], False)])
def test_a_condition_holds_only_of_a_comparable_value(n: Any, big: bool) -> None:
    assert ("big" in chosen(properties={"n": n})) is big


def test_a_condition_on_what_is_missing_does_not_hold() -> None:
    assert chosen(name="x", properties={}, traits={}) == set()
    assert chosen(name="x", traits={"plan": "pro"}) == {"pro"}


@pytest.mark.parametrize("plan", [{"name": "team"}, {"name": "pro"}])
def test_a_path_leads_into_objects(plan: Any) -> None:
    assert chosen(name="x", properties={"plan": plan}) == {"some"}


@pytest.mark.parametrize("plan", ["team", None, {}, {"name": "free"}, ["team"], 7])
def test_a_path_through_what_is_no_object_leads_nowhere(plan: Any) -> None:
    assert chosen(name="x", properties={"plan": plan}) == set()
    assert dig(Event("e", "x", "track", 0, properties={"plan": 7}), ("properties", "plan", "name")) is None


def test_a_source_that_invents_names_without_end_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "_SHAPES", 50)
    found = Selections(parse(_TEXT))
    for n in range(500):
        assert found.match(Event("e", f"invented {n}", "track", 0)) == 0
        assert found.match(Event("e", "Opened", "track", 0)) == found.bit("either")
        assert len(found._shapes) <= 50


def test_a_hit_keeps_only_what_measures_read() -> None:
    logic = UsersLogic(small("seats: {latest: properties.seats, of: open}"))
    opened = Event("e1", "Opened", "track", 5, "u1", properties={"seats": 3, "noise": "x" * 100}, traits={"mail": "m"})
    hit = logic.fold.reader.hit(opened, logic.selections.match(opened))
    assert (hit.t, hit.at, hit.id, hit.values, hit.attrs) == (5, 5, "e1", [3], None)
    other = opened._replace(properties={"noise": 1})
    assert logic.fold.reader.hit(other, logic.selections.match(other)).values is None
