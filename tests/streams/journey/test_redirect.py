"""Redirects: one identifier turns out to be another, in whatever order that is heard; no loop, nobody lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.event import Event
from streams.journey.members import Settled
from tests.model.driver import Driven, reload
from tests.strategies.histories import DAY, START, Turn

COUNTED = """\
language: 1
definition: counted
version: 1
clock: {timezone: UTC, grace: GRACE, wall: off}
events:
  every: {type: [track, identify, alias, group]}
user:
  activity: every
  measures:
    ever: {count: every}
  stage:
    states: [new, regular, loyal]
    transitions:
      - {name: returns, from: new, to: regular, when: ever >= 2}
      - {name: stays, from: regular, to: loyal, when: ever >= 4}
account:
  activity: members
  measures:
    all:    {members: {}}
    loyal:  {members: {stage: loyal}}
    recent: {members: {active_within: 30d}}
  stage:
    states: [small, large]
    transitions:
      - {name: grows, from: small, to: large, when: all >= 2}
      - {name: shrinks, from: large, to: small, when: all < 2}
"""


def counted(grace: str = "12h") -> Definition:
    return parse(COUNTED.replace("GRACE", grace))


class World:
    """A small town: events in by day, what was published out."""

    def __init__(self, grace: str = "12h") -> None:
        self.driven = Driven(counted(grace))
        self.events = 0
        self.now = START

    def happens(self, day: float, until: float | None = None, **given: Any) -> str:
        """An event; `until` is where time stands then, where it is not the event's own."""
        self.events += 1
        at = START + round(day * DAY)
        made = Event(**{"id": f"e{self.events:03}", "name": "Alpha", "type": "track", "at": at, **given})
        self.now = max(self.now, at if until is None else START + round(until * DAY))
        self.driven.turn(Turn((made,), self.now, reload=False))
        return made.id

    def again(self, *events: Event) -> None:
        self.driven.turn(Turn(events, self.now, reload=False))

    def passes(self, day: float) -> None:
        self.now = START + round(day * DAY)
        self.driven.turn(Turn((), self.now, reload=False))

    def moves(self, entity: str) -> list[tuple[str | None, str | None]]:
        """The entity's stages that stand, by when they were entered."""
        found = [t for t in self.driven.published.valid() if t["entity"] == entity and t["machine"] == "stage"]
        return [(t["from"], t["to"]) for t in sorted(found, key=lambda t: (t["at"], t["seq"]))]

    def last(self, entity: str) -> dict[str, Any]:
        return max((t for t in self.driven.published.transitions if t["entity"] == entity), key=lambda t: int(t["seq"]))

    def count(self, reason: str) -> int:
        return sum(p.logic.counts["link_refused", reason] for p in (self.driven.users, self.driven.accounts) if p)

    def events_counted(self) -> int:
        """What all living users have counted together."""
        heads = [entity.head for entity in self.driven.users.entities.values()]
        return sum(head.cells[0] or 0 for head in heads if head is not None and head.begun >= 0 and head.ended < 0)

    def members(self, account: str) -> set[str]:
        """Whom an account counts, settled or not."""
        accounts, key = self.driven.accounts, account.encode()
        assert accounts is not None
        found = dict.fromkeys(Settled(accounts.beside(key)).users(), True)
        found |= {user: member.life >= 0 for user, member in accounts.entities[key].overlay.items()}
        return {user for user, here in found.items() if here}


def test_a_visitor_who_signs_up_goes_on_where_the_visitor_was() -> None:
    town = World()
    for day in (0, 1, 2):
        town.happens(day, anonymous="c1")
    link = town.happens(3, user="u1", anonymous="c1")
    assert town.moves("c1") == [(None, "new"), ("new", "regular"), ("regular", None)]
    end = town.last("c1")
    assert (end["label"], end["into"], end["cause"], end["at"]) == (
        "merged",
        "u1",
        {"link": link},
        "2024-03-26T09:00:00.000Z",
    )
    assert town.moves("u1") == [(None, "new"), ("new", "regular"), ("regular", "loyal")]
    assert town.last("u1")["cause"] == {"link": link}


def test_both_have_histories_and_the_survivors_stages_go_on() -> None:
    town = World()
    town.happens(0, anonymous="c1")
    town.happens(0.1, anonymous="c1")
    town.happens(1, user="u1")
    town.happens(2, user="u1", anonymous="c1")
    assert town.moves("u1") == [(None, "new"), ("new", "regular"), ("regular", "loyal")]
    assert town.events_counted() == 4


def test_what_still_comes_for_the_old_name_counts_for_the_new_one() -> None:
    town = World()
    town.happens(0, user="u1", anonymous="c1")
    for day in (1, 2, 3):
        town.happens(day, anonymous="c1")
    assert town.moves("u1")[-1] == ("regular", "loyal")
    assert town.moves("c1") == []
    assert town.events_counted() == 4


def test_an_event_from_before_the_link_that_comes_after_it_belongs_to_the_old_name() -> None:
    town = World()
    town.happens(1, user="u1", anonymous="c1")
    town.happens(0.9, anonymous="c1")
    assert town.moves("c1") == [(None, "new"), ("new", None)]
    assert town.events_counted() == 2


def test_one_that_is_late_counts_on_its_day_and_moves_a_stage_no_earlier_than_the_link() -> None:
    town = World(grace="1h")
    town.happens(0, anonymous="c1")
    town.happens(1, user="u1", anonymous="c1")
    town.passes(3)
    town.happens(0.5, anonymous="c1")
    town.happens(0.6, anonymous="c1")
    assert town.events_counted() == 4
    assert town.moves("u1")[-1] == ("regular", "loyal")
    assert town.last("u1")["at"] >= "2024-03-24T09:00:00.000Z"
    assert town.moves("c1") == [(None, "new"), ("new", None)]


def test_a_chain_of_names_ends_at_the_strongest() -> None:
    town = World()
    town.happens(0, anonymous="c1")
    town.happens(1, anonymous="c1", type="identify", traits={"email": "ada@acme.test"})
    town.happens(2, user="u1", type="identify", traits={"email": "ada@acme.test"})
    town.happens(3, anonymous="c1")
    assert [town.moves(name)[-1][1] for name in ("c1", "ada@acme.test")] == [None, None]
    assert town.moves("u1")[-1] == ("regular", "loyal")
    assert town.events_counted() == 4


def test_a_chain_that_is_heard_from_its_end_is_the_same() -> None:
    town = World(grace="3d")
    town.happens(2, user="u1", type="identify", traits={"email": "ada@acme.test"})
    town.happens(3, anonymous="c1")
    town.happens(1, anonymous="c1", type="identify", traits={"email": "ada@acme.test"})
    town.happens(0, anonymous="c1")
    assert [town.moves(name)[-1][1] for name in ("c1", "ada@acme.test")] == [None, None]
    assert town.moves("u1")[-1] == ("regular", "loyal")
    assert town.events_counted() == 4


def test_a_link_that_is_heard_again_changes_nothing() -> None:
    town = World()
    town.happens(0, anonymous="c1")
    made = Event("e900", "Alpha", "track", START + DAY, "u1", "c1")
    town.now = START + DAY
    town.again(made)
    published = len(town.driven.published.transitions)
    town.again(made, made)
    town.happens(2, user="u1", anonymous="c1")
    assert len(town.driven.published.transitions) == published
    assert town.events_counted() == 3


def test_two_people_at_one_device_stay_two() -> None:
    town = World()
    town.happens(0, anonymous="c1")
    town.happens(1, user="u1", anonymous="c1")
    town.happens(2, user="u2", anonymous="c1")
    town.happens(3, anonymous="c1")
    assert town.count("shared") > 0
    assert town.moves("u2") == [(None, "new")]
    assert town.moves("u1")[-1] == ("new", "regular")


def test_a_user_id_may_be_given_up_for_another() -> None:
    town = World()
    town.happens(0, user="old")
    town.happens(1, user="new", type="alias", properties={"previous_id": "old"})
    town.happens(2, user="old")
    assert town.moves("old") == [(None, "new"), ("new", None)]
    assert town.moves("new")[-1] == ("new", "regular")
    assert town.events_counted() == 3


def test_a_survivor_never_follows_what_follows_it() -> None:
    town = World()
    town.happens(0, user="a", type="alias", properties={"previous_id": "b"})
    town.happens(1, user="b", type="alias", properties={"previous_id": "a"})
    assert town.moves("a") == [(None, "new"), ("new", "regular")]
    assert town.moves("b") == []


def test_a_restart_in_the_middle_changes_nothing() -> None:
    lived, restarted = World(), World()
    for town in (lived, restarted):
        for day, named in enumerate(
            [{"anonymous": "c1"}, {"anonymous": "c1"}, {"user": "u1", "anonymous": "c1"}, {"anonymous": "c1"}]
        ):
            town.happens(day / 10, **named)
            if town is restarted:
                reload(town.driven.users)
    assert lived.driven.published.transitions == restarted.driven.published.transitions


NAMES = st.sampled_from("abcd")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["plain", "anon", "both", "alias", "mail"]), NAMES, NAMES), max_size=14),
    st.permutations(range(14)),
)
def test_contradictory_links_make_no_loop_and_lose_nothing(said: list[tuple[str, str, str]], order: list[int]) -> None:
    """Every name is sometimes a user's and sometimes an anonymous one, and links lead every way: it ends all the same."""
    town = World(grace="3d")
    for n in [n for n in order if n < len(said)]:
        way, one, other = said[n]
        given: dict[str, Any] = {"user": one}
        if way == "anon":
            given = {"anonymous": one}
        elif way == "both":
            given["anonymous"] = other
        elif way == "alias":
            given |= {"type": "alias", "properties": {"previous_id": other}}
        elif way == "mail":
            given = {"anonymous": one, "type": "identify", "traits": {"email": f"{other}@acme.test"}}
        town.happens(n / 10, until=1.5, **given)
    assert town.events_counted() == len(said)


# --- accounts of users that turn out to be one ---


def test_an_account_counts_one_person_once() -> None:
    town = World()
    town.happens(0, anonymous="c1", account="a1")
    town.happens(1, user="u1", account="a1")
    town.passes(1.5)
    assert town.moves("a1")[-1] == ("small", "large")
    town.happens(2, user="u1", anonymous="c1", account="a1")
    town.passes(3)
    assert town.moves("a1")[-1] == ("large", "small")


def test_a_person_in_several_accounts_is_one_person_in_each() -> None:
    town = World()
    town.happens(0, anonymous="c1", account="a1")
    town.happens(0.1, anonymous="c1", account="a2")
    town.happens(1, user="u1", account="a2")
    town.happens(2, user="u1", anonymous="c1")
    town.passes(4)
    assert town.members("a1") == town.members("a2") == {"u1"}


@pytest.mark.parametrize("late", [False, True])
def test_an_account_hears_of_one_person_in_place_of_the_other_at_once(late: bool) -> None:
    """Nobody may count for a moment twice, or not at all: that moment would move a stage."""
    town = World()
    town.happens(0, anonymous="c1", account="a1")
    town.happens(1, user="u1", anonymous="c1", until=1.2 if late else None)
    town.passes(3)
    assert town.moves("a1") == [(None, "small")]
