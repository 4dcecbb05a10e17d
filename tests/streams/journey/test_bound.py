"""The bound that `validate` prints is one: no entity of a generated history is larger, and a fuller definition's is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas.definition.parse import load
from streams.journey.bound import TEXT, bound
from tests.streams.journey.harness import Customer, Person
from tests.streams.journey.small import small

SHIPPED = Path(__file__).parents[3] / "schemas" / "definitions"

NAMES = (
    "Signed Up", "Report Created", "Feature Used", "Setup Step Completed", "Subscription Created", "Invoice Overdue",
    "Ticket Opened", "NPS Answered", "Referral Made", "Cancellation Requested",
)  # fmt: skip

Steps = list[tuple[float, str, str]]


def lived(seed: int) -> Steps:
    """(days since the last, event, word): some close together, so that the recent inputs fill up."""
    luck = random.Random(seed)
    waits = [[0.0001], [0.001, 0.1, 1], [1, 3, 20]][seed % 3]
    return [(luck.choice(waits), luck.choice(NAMES), f"{luck.randrange(99):0{TEXT}}") for _ in range(200)]


def largest(followed: Person | Customer, steps: Steps) -> int:
    """The largest record that an entity ever had."""
    day, most = 0.0, 0
    for wait, name, word in steps:
        day += wait
        followed.count += 10**8  # ids of their full length
        given = {"feature": word, "step": word, "plan": word, "currency": word, "mrr": 2**53, "seats": 10**9}
        followed.event(name, day, **given, renews_at=followed.entity.settled_to / 1000, score=3, traits={"title": word})
        if isinstance(followed, Customer):
            followed.member(word, day, reached=("engagement", "adoption", "retention"))
        most = max(most, len(followed.logic.dump(followed.entity)))
    return most


@pytest.mark.parametrize("seed", range(6))
def test_no_user_and_no_account_is_larger_than_the_bound(seed: int) -> None:
    steps = lived(seed)
    definition = load(SHIPPED / "saas.yaml")
    assert largest(Person(definition, "u" * TEXT, "a" * TEXT), steps) <= bound(definition, "user").total
    assert largest(Customer(definition, "a" * TEXT), steps) <= bound(definition, "account").total


def test_what_makes_a_record_large_is_in_the_bound() -> None:
    plain = bound(small("n: {count: any, within: 7d}"), "user")
    wide = bound(small("n: {count: any, within: 90d}"), "user")
    many = bound(small("n: {count: any, within: 7d}\nx: {distinct: properties.x, of: any, cap: 500}"), "user")
    assert wide.total - plain.total > 83 * len("20000,1000,")
    assert many.total - plain.total > 500 * TEXT
    assert many.measures[0][0] == "x"


def test_a_full_set_comes_close_to_its_bound() -> None:
    definition = small("x: {distinct: properties.x, of: any, cap: 400}")
    person = Person(definition, "u" * TEXT, None)
    for n in range(400):
        person.event("Other", n, x=f"{n:0{TEXT}}")
    assert len(person.logic.dump(person.entity)) > 0.6 * bound(definition, "user").total


@pytest.mark.parametrize(("name", "kind", "limit"), [("saas", "user", 40_000), ("saas", "account", 70_000)])
def test_what_we_ship_stays_small(name: str, kind: str, limit: int) -> None:
    """40 kB a user at the very most: a million of them would be 40 GB, and a usual one is a fiftieth of it."""
    found = bound(load(SHIPPED / f"{name}.yaml"), "user" if kind == "user" else "account")
    assert found.total < limit
    assert found.total >= found.state + found.recent
