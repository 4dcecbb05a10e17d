"""Merging two cells is the cell of both histories; by Hypothesis, measure by measure."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.journey.measures import (
    ActiveDays,
    ActiveWeeks,
    Distinct,
    First,
    Flag,
    Gauge,
    Latest,
    Total,
    Wide,
    Windowed,
)
from streams.journey.merge import absorb, portable, remember
from streams.journey.state import State
from tests.streams.journey.harness import START, Person
from tests.streams.journey.small import small

Hit = tuple[int, Any]
"""(instant, value); a day has ten instants."""


def cell(gauge: Gauge, hits: list[Hit]) -> Any:
    kept = None
    for at, value in hits:
        kept = gauge.hit(kept, at // 10, at, value)
    return kept


def text(kept: Any) -> Any:
    """As bytes would have it: what is merged came in a message."""
    return orjson.loads(orjson.dumps(kept))


GAUGES: dict[str, Gauge] = {
    "first": First(), "total": Total(), "windowed": Windowed(7), "days": ActiveDays(9), "weeks": ActiveWeeks(21),
    "wide": Wide(ActiveDays(80)), "distinct": Distinct(7, 64), "ever distinct": Distinct(None, 64),
}  # fmt: skip

# instants are unique, so that which one is newest is no question
histories = st.lists(
    st.tuples(st.integers(0, 900), st.integers(1, 3)), unique_by=lambda h: h[0], min_size=2, max_size=30
)


@pytest.mark.parametrize("name", GAUGES)
@given(data=st.data(), hits=histories)
def test_two_histories_together_are_worth_what_one_is(name: str, data: st.DataObject, hits: list[Hit]) -> None:
    gauge = GAUGES[name]
    cut = data.draw(st.integers(1, len(hits) - 1))
    hits = [(at, f"v{value}") for at, value in hits] if "distinct" in name else hits
    mine, theirs = sorted(hits[:cut]), sorted(hits[cut:])
    merged = gauge.merge(cell(gauge, mine), text(cell(gauge, theirs)))
    together = cell(gauge, sorted(hits))
    for today in range(max(hits)[0] // 10, 100):
        assert gauge.value(merged, today) == gauge.value(together, today)
        assert gauge.changes(merged, today) == gauge.changes(together, today)


@given(hits=histories, data=st.data())
def test_the_newest_of_both_is_the_latest(hits: list[Hit], data: st.DataObject) -> None:
    gauge, cut = Latest(None, as_time=False), data.draw(st.integers(1, len(hits) - 1))
    merged = gauge.merge(cell(gauge, sorted(hits[:cut])), cell(gauge, sorted(hits[cut:])))
    assert merged == cell(gauge, sorted(hits))


def test_of_two_said_at_once_the_survivors_is_the_latest() -> None:
    assert Latest(None, as_time=False).merge([5, 0, "mine"], [5, 0, "theirs"])[2] == "mine"


def test_more_values_than_the_cap_keep_the_newest() -> None:
    merged = Distinct(7, 2).merge({"a": 1, "b": 3}, {"c": 2, "a": 4})
    assert merged == {"b": 3, "a": 4}


@pytest.mark.parametrize(
    ("mine", "theirs", "since"),
    [
        ([5, 5, 1], [3, 3, 1], 3),  # both up: since the earlier
        ([5, 5, 1], [3, None, 1], 5),
        ([5, None, 1], [3, 3, 1], None),  # the newest word is that it is down
        ([3, 3, 1], [5, None, 0], None),
    ],
)
def test_a_flag_is_what_was_said_last(mine: list[Any], theirs: list[Any], since: int | None) -> None:
    merged = Flag().merge(mine, theirs)
    assert merged == [5, since, mine[2] + theirs[2]]


def test_only_so_many_names_are_remembered_and_the_newest_stay() -> None:
    state = State(0, 1, [])
    remember(state, ["merging"], merging=1)
    remember(state, [f"n{i}" for i in range(200)])
    assert "merging" in state.names
    assert "n199" in state.names
    assert len(state.names) == 64


# --- states ---

CARRYING = small(
    """
n:     {count: any}
on:    {flag: {set: open, clear: close}}
since: {count: any, since: on}
plan:  {latest: properties.plan, of: any}
""",
    tail="  carry: [title, team]\n",
)


def lived(key: str, *events: tuple[str, float, dict[str, Any]], account: str | None = None) -> Person:
    """A person with these events: (name, day, properties and traits)."""
    person = Person(CARRYING, key, account)
    for name, day, said in events:
        person.event(name, day, **said)
    return person


def merged(survivor: Person, loser: Person) -> State:
    """The survivor's state with the loser's in it, which went to bytes and back as messages do."""
    fold = survivor.logic.fold
    assert survivor.entity.head is not None
    absorb(
        fold.terms, fold.machines, survivor.entity.head, text(portable(fold.terms, fold.machines, loser.entity.head))
    )
    state: State = survivor.entity.head
    return state


def test_what_both_counted_adds_up_also_since_a_flag_rose() -> None:
    loser = lived("c1", ("Other", 0, {}), ("Opened", 1, {}), ("Other", 2, {}))
    survivor = lived("u1", ("Opened", 3, {}), ("Other", 4, {}), ("Other", 5, {}))
    state = merged(survivor, loser)
    values = {name: term.value.of(state, state.now, START) for name, term in survivor.logic.fold.terms.terms.items()}
    assert (values["n"], values["since"], values["on"]) == (6, 5, True)
    survivor.event("Closed", 6)
    survivor.event("Opened", 7)
    assert survivor.logic.fold.terms.terms["since"].value.of(state, state.now, START) == 1


def test_every_state_that_either_was_in_counts_as_reached() -> None:
    state = merged(lived("u1", ("Other", 3, {})), lived("c1", ("Opened", 0, {})))
    assert state.reached == [0b11]
    assert state.states == [0]


def test_the_survivors_own_word_counts_and_what_it_does_not_know_is_taken_over() -> None:
    loser = lived("c1", ("Other", 9, {"traits": {"title": "CEO", "team": "red"}, "plan": "old"}), account="a1")
    survivor = lived("u1", ("Other", 3, {"traits": {"title": "CTO"}}))
    state = merged(survivor, loser)
    assert state.attrs == {"title": "CTO", "team": "red"}
    assert (state.home, state.last_id) == ("a1", "c1-1")
    assert survivor.logic.fold.terms.terms["plan"].value.of(state, state.now, START) == "old"


def test_merging_leaves_what_was_received_as_it_was() -> None:
    """It is kept to be folded again, and cells change in place."""
    loser, survivor = lived("c1", ("Opened", 0, {})), lived("u1", ("Other", 1, {}))
    fold = survivor.logic.fold
    said = text(portable(fold.terms, fold.machines, loser.entity.head))
    before = text(said)
    absorb(fold.terms, fold.machines, survivor.entity.head, said)
    survivor.event("Other", 2)
    assert said == before
