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
        if name not in ("deadline", "touch"):  # derived, computed when it is asked for
            assert getattr(again, name) == getattr(head, name), name


def test_days_of_rollups_are_numbers_again() -> None:
    state = State(0, 1, [[3, {19_700: 2, 19_701: 1}]])
    assert load(state.dump()).rollups == [[3, {19_700: 2, 19_701: 1}]]


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
