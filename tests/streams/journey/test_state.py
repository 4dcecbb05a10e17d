"""State: bytes and back lose nothing, at any moment of a life."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas.definition.parse import load as load_definition
from streams.journey.state import State, load
from tests.streams.journey.harness import DAY, Customer, Followed, Person
from tests.streams.journey.small import STAGE, small

MEASURES = """
n:     {count: any, within: 9d}
total: {sum: properties.n, of: any}
days:  {active_days: any, within: 84d}
weeks: {active_weeks: any, within: 28d}
kinds: {distinct: properties.x, of: any, within: 9d}
plan:  {latest: properties.x, of: any}
on:    {flag: {set: open, clear: close}}
since: {count: any, since: on}
"""


def test_a_fresh_state_survives() -> None:
    fresh = State(2, 3, [[0, {}]])
    again = load(fresh.dump())
    assert [getattr(again, name) for name in State.__slots__] == [getattr(fresh, name) for name in State.__slots__]


def test_every_field_survives() -> None:
    person = Person(small(MEASURES))
    for day, name in enumerate(["Opened", "Other", "Closed", "Opened", "Other"]):
        person.event(name, day, n=day + 0.5, x=f"x{day}", traits={"mail": "m"})
    head = person.entity.head
    assert head is not None
    again = load(head.dump())
    for name in State.__slots__:
        if name not in ("deadline", "dues", "touch"):  # derived, computed when it is asked for
            assert getattr(again, name) == getattr(head, name), name


def test_days_of_rollups_are_numbers_again() -> None:
    state = State(0, 1, [[3, {19_700: 2, 19_701: 1}]])
    assert load(state.dump()).rollups == [[3, {19_700: 2, 19_701: 1}]]


OLD_STATE = (
    b'[1,1702080000000,1702339200000,1702339200000,1702339200000,"u1-4",[1702080000000,[19700,1,19701,1,19702,1,19703,1],'
    b'8.0,[19703,"f"],[19703,15],{"x0":19700,"x1":19701,"x2":19702,"x3":19703},[1702339200000,19703,"x3"],'
    b'[1702339200000,1702339200000,2],[2,1]],["u1-4","u1-4","u1-4","u1-4","u1-4","u1-4","u1-4","u1-4","u1-4"],[1],'
    b'[1702080000000],[3],{},0,{},{},{"a1":19703},"a1",[1,3,null,"unknown",false],"unknown",false,[],-1]'
)
"""What version 1 of a state looked like: there was no identity yet."""

OLD_ENTITY = (
    b"\x01\xa5\x01\x00\x00 \x00\x00\x00" + OLD_STATE + b"\x00\xb0\xdfK\xc0Z\xf8)\x00\x0c\x06Qz\x0b\xf1\xb0\x00h,V\xec;"
    b"\xf6\xc7\x00\xc4R[O\xae\x92Y[1702339200000,["
    b'[1702425600000,"u1-5",1702425600000,1,[4.5,"x4"],"a1",null,null],'
    b'[1702426464000,"u1-6",1702426464000,1,[1,null],"a1",null,null]],[],[2],1702080000000,3776054922,'
    b"[1702426464000,4611686018427387904]]"
)
"""And an entity with it: five of the events of `a_life`, and one more."""


def a_life() -> Person:
    person = Person(small(MEASURES))
    for day, name in enumerate(["Opened", "Other", "Closed", "Opened", "Other"]):
        person.event(name, day, n=day + 0.5, x=f"x{day}", traits={"mail": "m"})
    person.event("Other", 4.01, n=1)
    return person


def test_a_state_of_the_first_version_is_read_and_is_nobody_elses() -> None:
    old = load(OLD_STATE)
    assert (old.into, old.names) == (None, {})
    assert old.cells[1] == [19700, 1, 19701, 1, 19702, 1, 19703, 1]
    assert load(old.dump()).dump() == old.dump()


def test_an_entity_of_the_first_version_goes_on_as_if_nothing_had_been() -> None:
    lived, kept = a_life(), a_life()
    kept.entity = kept.logic.load(b"u1", OLD_ENTITY)
    for person in (lived, kept):
        person.event("Closed", 5)
        person.wait(40)
    assert kept.transitions == lived.transitions
    assert kept.entity.head is not None
    assert lived.entity.head is not None
    assert kept.entity.head.dump() == lived.entity.head.dump()


def test_a_state_that_forwards_survives() -> None:
    state = State(0, 1, [])
    state.into, state.names = ["u1", "user", 5, 1, None, "e1"], {"c1": 0, "crm-1": 1}
    again = load(state.dump())
    assert (again.into, again.names) == (state.into, state.names)


def rewritten(followed: Followed) -> None:
    """Write the entity down and read it back, as after a restart."""
    key = followed.key.encode()
    followed.entity = followed.logic.load(key, followed.logic.dump(followed.entity))


def same(one: Followed, other: Followed) -> None:
    assert one.transitions == other.transitions
    assert one.alerts == other.alerts
    one.wait(2_000)
    other.wait(2_000)
    assert one.transitions == other.transitions
    assert one.logic.standing(one.entity) == other.logic.standing(other.entity)
    assert len(other.transitions) > 5


@pytest.mark.parametrize("seed", range(6))
def test_a_restart_between_any_two_steps_of_a_person_changes_nothing(seed: int) -> None:
    definition = load_definition(Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml")
    lived, restarted = Person(definition), Person(definition)
    for person in (lived, restarted):
        luck = random.Random(seed)
        day = 0.0
        for _ in range(40):
            day += luck.choice([0.01, 0.5, 1, 3, 9, 20, 70])
            name = luck.choice(["Signed Up", "Report Created", "Feature Used", "Data Exported", "Setup Step Completed"])
            late = luck.choice([0, 0, 0, 0.02])  # half an hour: within grace, so that history is folded again
            person.event(name, day - late, feature=f"f{luck.randrange(3)}")
            person.wait(day)
            if person is restarted:
                rewritten(person)
    same(restarted, lived)
    assert restarted.facts == lived.facts


@pytest.mark.parametrize("seed", range(4))
def test_a_restart_between_any_two_steps_of_an_account_changes_nothing(seed: int) -> None:
    definition = load_definition(Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml")
    lived, restarted = Customer(definition), Customer(definition)
    for customer in (lived, restarted):
        luck = random.Random(seed)
        day = 0.0
        for _ in range(60):
            day += luck.choice([0.01, 0.5, 1, 3, 15])
            if luck.random() < 0.5:
                customer.member(f"m{luck.randrange(4)}", day, active=luck.random() < 0.8, admin=luck.random() < 0.5)
            else:
                name = luck.choice(
                    ["Subscription Created", "Onboarding Kickoff", "NPS Answered", "Invoice Overdue", "Invoice Paid",
                     "Cancellation Requested", "Subscription Renewed", "Ticket Opened"]
                )  # fmt: skip
                customer.event(name, day, seats=3, score=luck.randrange(11), mrr=100)
            if customer is restarted:
                rewritten(customer)
    same(restarted, lived)


def test_the_bytes_of_a_person_stay_small() -> None:
    """State is the budget of throughput; a year of daily use is bounded by the windows, not by the events."""
    person = Person(small(MEASURES, STAGE))
    for hour in range(0, 365 * 24, 5):
        person.event("Other", hour / 24, n=1, x="x")
    person.wait(366)
    assert len(person.entity.dump()) < 1_200
    assert person.entity.settled_to > 19_700 * DAY
