"""Golden states: what the program of a version wrote, kept so that every later one still reads it.

`python -m tests.streams.journey.golden` writes those of the version in force beside the older ones; never change an old one.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson

from schemas.definition.parse import parse
from streams.journey.state import VERSION, State
from tests.streams.journey.harness import Customer, Followed, Person

DATA = Path(__file__).parent / "data"

FIELDS = [name for name in dir(State) if not name.startswith("_") and not callable(getattr(State, name))]
"""Of a state, compiled or not."""

DERIVED = ("deadline", "touch")
"""Computed when they are needed, and not written down."""


def definition() -> Any:
    """A definition that does not change: the first version of saas.yaml, as it stood when version 1 was written."""
    return parse((DATA / "saas_v1.yaml").read_text())


def user() -> Person:
    """A life with every kind of cell, an alert that is open, accounts, and inputs that have not settled."""
    luck, person, day = random.Random(1), Person(definition(), "ann", "a1"), 0.0
    for n in range(60):
        day += luck.choice([0.1, 0.5, 1, 2, 5])
        name = luck.choice(["Signed Up", "Report Created", "Feature Used", "Data Exported", "Setup Step Completed"])
        traits = {"title": "CEO", "role": "admin", "email": "ann@example.com"} if n % 9 == 0 else {}
        person.event(name, day, feature=f"f{n % 5}", step=f"s{n % 3}", traits=traits)
    person.wait(day + 40)
    for n in range(3):
        person.event("Report Created", day + 41 + n / 100, feature=f"late{n}")
    return person


def account() -> Customer:
    """A customer with members, a contract, alerts, rollups, and an input that waits for its time."""
    customer = Customer(definition(), "a1")
    said = {"plan": "pro", "mrr": 125_000, "currency": "EUR", "seats": 9, "renews_at": "2024-06-01T00:00:00Z"}
    customer.event("Subscription Created", 0, **said)
    for n in range(12):
        customer.member(f"m{n}", 1 + n, stage="retention" if n % 3 == 0 else "engagement", admin=n == 1,
                        reached=("engagement", "adoption", "retention"), level="executive" if n == 2 else "user")  # fmt: skip
    for n, name in enumerate(
        ["Onboarding Kickoff", "Ticket Opened", "NPS Answered", "Invoice Overdue", "Subscription Renewed"]
    ):
        customer.event(name, 20 + n, score=4)
    customer.wait(70)
    customer.lag = 0
    customer.event("Ticket Opened", 70.1)
    return customer


def fields(state: State) -> dict[str, Any]:
    """What a state holds, as JSON reads it back."""
    kept = {name: getattr(state, name) for name in FIELDS if name not in DERIVED}
    found: dict[str, Any] = orjson.loads(orjson.dumps(kept, option=orjson.OPT_NON_STR_KEYS))
    return found


def written(followed: Followed) -> dict[str, Any]:
    """An entity's bytes and its head's, as text, and what the head holds."""
    head = followed.entity.head
    return {
        "key": followed.key,
        "entity": followed.logic.dump(followed.entity).hex(),
        "state": head.dump().hex(),
        "fields": fields(head),
        "beside": {name.decode(): value.decode() for name, value in followed.kept.records.items()},
    }


def main() -> None:
    for name, followed in (("user", user()), ("account", account())):
        path = DATA / f"{name}_state_{VERSION}.json"
        path.write_bytes(orjson.dumps(written(followed), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


if __name__ == "__main__":
    main()
