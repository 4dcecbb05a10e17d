"""Growth accounting: active(t) - active(t-1) = new + resurrected - dormant, whoever comes and goes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.backtest.growth import Growth, growth
from tests.streams.backtest.people import active


def test_one_of_each_is_counted_once() -> None:
    people = {"new": active(15), "back": active(1, 15), "stays": active(8, 15), "gone": active(8)}
    first, second = growth(people, [0, 7, 14, 21])[1:]
    assert first == Growth(7, 2, 1, 2, 0, 0, 1)
    assert second == Growth(14, 3, 2, 1, 1, 1, 1)


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.integers(0, 60), min_size=1, max_size=8), min_size=1),
    st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True).map(sorted),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_it_always_adds_up(people: dict[str, list[int]], starts: list[int]) -> None:
    found = growth({key: active(*days) for key, days in people.items()}, starts)
    assert len(found) == len(starts) - 1
    for n, row in enumerate(found):
        assert row.active == sum(any(row.start <= d < starts[n + 1] for d in days) for days in people.values())
        assert row.active - row.before == row.new + row.resurrected - row.dormant
        assert row.active == row.new + row.returning + row.resurrected
        assert row.conserved
    assert [row.before for row in found[1:]] == [row.active for row in found[:-1]]


def test_a_row_that_does_not_add_up_says_so() -> None:
    assert not Growth(0, 5, 4, 1, 4, 1, 1).conserved
