"""Scores: what is known counts by its weight, and no cap is passed."""

from __future__ import annotations

import pytest

from streams.journey.asks import Constant
from streams.journey.gauge import Value
from streams.journey.scores import Part, Score
from streams.journey.state import State
from streams.journey.truths import IsKnown

STATE = State(0, 0, [])


def part(weight: float, value: Value, low: float = 0, high: float = 10) -> Part:
    return Part(weight, Constant(value), low, high)


def scored(*parts: Part, cap: float | None = None, capped: bool = True) -> Value:
    caps = [] if cap is None else [(IsKnown(Constant(1), capped), cap)]
    return Score(list(parts), caps).of(STATE, 0, 0)


def test_parts_count_by_their_weight() -> None:
    assert scored(part(3, 10), part(1, 0)) == 75


@pytest.mark.parametrize("said", [None, "ten"])
def test_a_part_that_is_unknown_or_no_number_leaves_the_sum(said: Value) -> None:
    assert scored(part(3, 5), part(1, said)) == 50


def test_nothing_known_is_no_score() -> None:
    assert scored(part(1, None), cap=50) is None


@pytest.mark.parametrize(("value", "points"), [(-1, 100), (0, 100), (1, 75), (4, 0), (9, 0)])
def test_a_part_may_count_downwards_and_never_leaves_its_ends(value: float, points: float) -> None:
    assert scored(part(1, value, low=4, high=0)) == points


def test_a_cap_counts_while_its_condition_holds() -> None:
    assert scored(part(1, 9), cap=50) == 50
    assert scored(part(1, 9), cap=50, capped=False) == 90
    assert scored(part(1, 2), cap=50) == 20


def test_a_cap_that_is_whole_is_published_whole() -> None:
    assert repr(scored(part(1, 9), cap=50)) == "50"
    assert repr(scored(part(1, 9), cap=50.0)) == "50.0"
