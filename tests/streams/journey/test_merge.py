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
from streams.journey.merge import remember
from streams.journey.state import State

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
