"""The churn probability: the same as from all active days anew, whatever the order; merged by adding; reached on a day."""

from __future__ import annotations

from math import exp, log
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.model import Churn
from streams.journey.churn import KNOWN, ChurnProbability, logistic, odds
from tests.streams.journey.harness import Person
from tests.streams.journey.small import ruled

CHURN = Churn(horizon=90 * 86_400_000, intercept=0.5, terms=((30.0, -0.8), (120.0, -0.9)))

churns = st.builds(
    Churn,
    horizon=st.just(1),
    intercept=st.floats(-3, 4).map(lambda x: round(x, 3)),
    terms=st.lists(
        st.tuples(st.sampled_from([1.0, 3.0, 10.0, 30.0, 120.0, 1000.0]), st.floats(-3, 0).map(lambda x: round(x, 3))),
        min_size=1, max_size=4, unique_by=lambda term: term[0],
    ).map(tuple),
    after=st.integers(1, 4),
)  # fmt: skip
days = st.lists(st.integers(0, 200), min_size=1, max_size=14)
few = settings(max_examples=300, deadline=None, derandomize=True)


def kept(gauge: ChurnProbability, said: list[int]) -> Any:
    """The cell after events of these days, in this order, written down and read back after each."""
    cell = None
    for day in said:
        cell = orjson.loads(orjson.dumps(gauge.hit(cell, day, 0, 1)))
    return cell


def naive(churn: Churn, active: set[int], today: int) -> float | None:
    """From every active day anew."""
    if len(active) < churn.after:
        return None
    sums = [(sum(exp((day - today - 0.5) / decay) for day in active), weight) for decay, weight in churn.terms]
    return 1 / (1 + exp(-(churn.intercept + sum(weight * log(a + 0.1) for a, weight in sums))))


def same(found: float | None, expected: float | None) -> bool:
    """Equal but for the rounding to four digits."""
    return found is expected is None or (None not in (found, expected) and abs(found - expected) <= 0.5001e-4)  # type: ignore[operator]


@given(churns, days, st.integers(0, 400))
@few
def test_it_is_what_all_active_days_make_it(churn: Churn, said: list[int], later: int) -> None:
    gauge, today = ChurnProbability(churn), max(said) + later
    assert same(gauge.value(kept(gauge, sorted(said)), today), naive(churn, set(said), today))


@given(churns, st.integers(0, 500), st.lists(st.integers(0, KNOWN - 1), max_size=12), st.randoms(use_true_random=False))
@few
def test_it_is_the_same_in_every_order_within_what_is_known(
    churn: Churn, last: int, back: list[int], luck: Any
) -> None:
    gauge, said = ChurnProbability(churn), [last, *(last - ago for ago in back)]
    luck.shuffle(said)
    assert same(gauge.value(kept(gauge, said), last), naive(churn, set(said), last))


def test_a_day_that_is_told_again_counts_once() -> None:
    gauge = ChurnProbability(CHURN)
    cell = kept(gauge, [3, 10])
    assert kept(gauge, [3, 10, 10, 3, 10, 3]) == cell


def test_an_older_history_that_comes_in_order_counts_once_a_day() -> None:
    """Days before the 62 that are known: each event of a day in a row is of the day that was just counted."""
    gauge = ChurnProbability(CHURN)
    assert same(gauge.value(kept(gauge, [500, 1, 1, 1, 2, 2, 400, 400]), 500), naive(CHURN, {500, 1, 2, 400}, 500))


def test_what_costs_something_is_a_day_that_was_known_long_ago_and_comes_again() -> None:
    """The approximation, held: it counts twice, so the probability is a little low."""
    gauge = ChurnProbability(CHURN)
    once, twice = gauge.value(kept(gauge, [1, 200]), 200), gauge.value(kept(gauge, [1, 200, 1]), 200)
    assert once is not None
    assert twice is not None
    assert 0 < once - twice < 0.05


def test_it_is_unknown_before_the_first_active_days() -> None:
    gauge = ChurnProbability(Churn(1, 0.5, ((30.0, -0.8),), after=3))
    assert gauge.value(None, 5) is None
    assert gauge.value(kept(gauge, [1, 1, 2]), 5) is None
    assert gauge.reaches(kept(gauge, [1, 2]), 5, 0.1, False) is None
    assert gauge.value(kept(gauge, [1, 2, 3]), 5) is not None


# --- merging ---


@given(churns, days, days, st.integers(0, 50))
@few
def test_two_histories_without_a_shared_day_merge_to_their_union(
    churn: Churn, one: list[int], other: list[int], later: int
) -> None:
    gauge, other = ChurnProbability(churn), [day for day in other if day not in one]
    today = max([*one, *other]) + later
    for a, b in ((one, other), (other, one)):
        merged = gauge.merge(kept(gauge, sorted(a)), kept(gauge, sorted(b)))
        assert same(gauge.value(merged, today), naive(churn, {*one, *other}, today))


@given(
    churns,
    st.lists(st.integers(0, KNOWN - 1), min_size=1, max_size=9),
    st.lists(st.integers(0, KNOWN - 1), min_size=1, max_size=9),
)
@few
def test_shared_days_of_the_last_two_months_count_once(churn: Churn, one: list[int], other: list[int]) -> None:
    gauge = ChurnProbability(churn)
    merged = gauge.merge(kept(gauge, sorted(one)), kept(gauge, sorted(other)))
    if len({*one, *other}) >= churn.after:
        assert same(gauge.value(merged, 70), naive(churn, {*one, *other}, 70))


def test_merging_with_nothing_is_the_other() -> None:
    gauge = ChurnProbability(CHURN)
    cell = kept(gauge, [1, 5])
    assert (gauge.merge(None, None), gauge.merge(cell, None), gauge.merge(None, cell)) == (None, cell, cell)


# --- when a threshold is reached ---


thresholds = st.one_of(
    st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.floats(0, 1), st.floats(0, 1).map(lambda x: round(x, 2)),
    st.floats(0, 1).map(lambda x: round(x, 4)),
)  # fmt: skip


@given(churns, days, st.integers(0, 90), thresholds, st.booleans())
@few
def test_the_day_it_reaches_a_threshold_is_the_first_one(
    churn: Churn, said: list[int], later: int, threshold: float, beyond: bool
) -> None:
    gauge, today = ChurnProbability(churn), max(said) + later
    cell = kept(gauge, sorted(said))

    def there(day: int) -> bool:
        value = gauge.value(cell, day)
        return value is not None and (value > threshold if beyond else value >= threshold)

    found = gauge.reaches(cell, today, threshold, beyond)
    if found is None:
        assert not any(there(today + ahead) for ahead in (0, 1, 100, 5_000, 50_000))
    else:
        assert found >= today
        assert there(found)
        assert found == today or not there(found - 1)


@given(churns, days)
@few
def test_it_only_rises_while_nothing_happens(churn: Churn, said: list[int]) -> None:
    gauge = ChurnProbability(churn)
    cell = kept(gauge, sorted(said))
    values = [gauge.value(cell, max(said) + ahead) for ahead in range(120)]
    known = [value for value in values if value is not None]
    assert known == sorted(known)


@given(churns, days, st.integers(0, 90), thresholds, st.booleans())
@few
def test_so_many_active_days_bring_it_below_and_one_less_does_not(
    churn: Churn, said: list[int], later: int, threshold: float, or_equal: bool
) -> None:
    gauge, today = ChurnProbability(churn), max(said) + later
    first = today + (later == 0)  # today is active already where nothing came later

    def below(n: int) -> bool:
        cell = kept(gauge, [*sorted(said), *range(first, first + n)])
        value = gauge.value(cell, first + n - 1)
        return value is not None and (value <= threshold if or_equal else value < threshold)

    found = gauge.needs(kept(gauge, sorted(said)), today, threshold, or_equal)
    assert not any(below(n) for n in range(1, found or 61))
    assert found is None or below(found)


def test_it_says_on_which_day_it_next_changes() -> None:
    gauge = ChurnProbability(CHURN)
    cell = kept(gauge, [1, 2, 3])
    assert gauge.changes(cell, 3) == 4
    assert gauge.changes(cell, 100_000) is None
    assert gauge.changes(None, 3) is None


@pytest.mark.parametrize("probability", [0.0001, 0.3, 0.5, 0.9999])
def test_odds_and_probability_are_each_others_inverse(probability: float) -> None:
    assert logistic(odds(probability)) == pytest.approx(probability)
    assert (logistic(-1e6), logistic(1e6)) == (0.0, 1.0)


# --- in a definition ---

MEASURE = "risk: {churn: any, horizon: 90d, after: 3, coefficients: {intercept: 0.5, 30d: -0.8, 120d: -0.9}}"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("when", ["risk >= 0.6", "0.6 <= risk", "not risk < 0.6", "risk > 0.5999"])
def test_a_guard_on_it_fires_at_the_first_instant_and_not_a_millisecond_before(zone: str, when: str) -> None:
    person = Person(ruled(when, MEASURE, zone=zone), account=None)
    for day in (0.3, 2.3, 5.3):
        person.event("Other", day)
    gauge = ChurnProbability(CHURN)
    first = person.logic.fold.calendar
    today = first.day(person.entity.head.now)
    cell = person.entity.head.cells[1]
    at = first.start(next(day for day in range(today, today + 400) if (gauge.value(cell, day) or 0) >= 0.6))
    assert person.logic.deadline(person.entity) == at
    person.put([], at - 1)
    assert person.state() == "first"
    person.put([], at)
    assert person.state() == "second"
    rule = person.fired("rule")[0]
    assert rule["because"][0]["value"] >= 0.6
    assert rule["evidence"] == ["u1-3"]


def test_nobody_is_woken_daily_for_it() -> None:
    person = Person(ruled("risk >= 0.6", MEASURE), account=None)
    for day in (0, 1, 2):
        person.event("Other", day)
    deadline = person.logic.deadline(person.entity)
    person.wait(5)
    assert person.logic.deadline(person.entity) == deadline


def test_a_comparison_that_is_no_plain_threshold_is_looked_at_daily() -> None:
    person = Person(ruled("risk * 2 >= 1.2", MEASURE), account=None)
    for day in (0, 2, 5):
        person.event("Other", day)
    day = next(day for day in range(5, 400) if (naive(CHURN, {0, 2, 5}, day) or 0) >= 0.6)
    person.wait(day, -1)
    assert person.state() == "first"
    person.wait(day)
    assert person.state() == "second"
