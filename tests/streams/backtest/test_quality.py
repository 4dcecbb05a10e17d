"""Quality: ranks and probabilities scored as their definitions say, ties and edges included."""

from __future__ import annotations

from itertools import product
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.backtest.logistic import falling, fit, solved
from streams.backtest.quality import auc, average_precision, brier, calibration_slope, calibration_table, quality

scored = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8]), st.booleans()), min_size=2, max_size=30).filter(
    lambda rows: 0 < sum(y for _, y in rows) < len(rows)
)
few = settings(max_examples=200, deadline=None, derandomize=True)


@given(scored)
@few
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[float, bool]]) -> None:
    pairs = list(product([s for s, y in rows if y], [s for s, y in rows if not y]))
    right = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
    assert auc(rows) == pytest.approx(right / len(pairs))


@given(scored)
@few
def test_average_precision_adds_up_precision_over_the_thresholds(rows: list[tuple[float, bool]]) -> None:
    total, before = 0.0, 0.0
    for threshold in sorted({s for s, _ in rows}, reverse=True):
        taken = [y for s, y in rows if s >= threshold]
        recall = sum(taken) / sum(y for _, y in rows)
        total += (recall - before) * sum(taken) / len(taken)
        before = recall
    assert average_precision(rows) == pytest.approx(total)


def test_perfect_scores_are_perfect() -> None:
    found = quality([(0.9, True), (0.8, True), (0.1, False), (0.0, False)], [(1.0, True), (0.0, False)])
    assert found is not None
    assert (found.auc, found.average_precision, found.precision_top, found.lift, found.brier) == (1, 1, 1, 2, 0)


def test_where_nobody_or_everybody_churned_there_is_nothing_to_rank() -> None:
    assert quality([(0.9, True)]) is None
    assert quality([(0.9, False), (0.1, False)]) is None


def test_the_top_tenth_is_rounded_up() -> None:
    rows = [(1 - n / 100, n in (0, 1, 5)) for n in range(11)]
    found = quality(rows)
    assert found is not None
    assert ceil(0.1 * 11) == 2
    assert found.precision_top == 1.0


def test_brier_is_the_mean_squared_distance() -> None:
    assert brier([(0.5, True), (0.5, False), (1.0, True), (1.0, False)]) == pytest.approx((0.25 + 0.25 + 0 + 1) / 4)


def told(n: int, odds_of: float) -> list[tuple[float, bool]]:
    """Rows whose outcomes are as their probabilities say, but the probabilities' log-odds are multiplied."""
    rows = []
    for p in (0.1, 0.3, 0.5, 0.7, 0.9):
        said = (p / (1 - p)) ** odds_of
        rows += [(said / (1 + said), i < round(n * p)) for i in range(n)]
    return rows


@pytest.mark.parametrize(("times", "slope"), [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)])
def test_the_slope_says_how_far_probabilities_are_too_sure_of_themselves(times: float, slope: float) -> None:
    assert calibration_slope(told(100, times)) == pytest.approx(slope, rel=1e-3)


def test_the_table_holds_probability_beside_outcome() -> None:
    assert calibration_table(told(10, 1.0), parts=5) == tuple(
        (pytest.approx(p), pytest.approx(p), 10) for p in (0.1, 0.3, 0.5, 0.7, 0.9)
    )


# --- logistic regression ---


def test_a_fit_is_where_the_outcomes_are_as_likely_as_they_can_be() -> None:
    """The intercept alone: log-odds of the share; and one feature that tells two groups apart: log-odds of each."""
    x = [[0.0]] * 10 + [[1.0]] * 10
    y = [n < 2 for n in range(10)] + [n < 7 for n in range(10)]
    intercept, weight = fit(x, y)
    assert intercept == pytest.approx(-1.3863, abs=1e-4)
    assert intercept + weight == pytest.approx(0.8473, abs=1e-4)


def test_where_a_fit_begins_changes_nothing() -> None:
    x, y = [[n / 10, (n % 7) / 3] for n in range(60)], [n % 5 < 2 or n > 48 for n in range(60)]
    assert fit(x, y) == pytest.approx(fit(x, y, [3.0, -2.0, 1.0]))


def test_outcomes_that_a_feature_tells_apart_entirely_still_have_an_answer() -> None:
    found = fit([[float(n)] for n in range(10)], [n > 4 for n in range(10)])
    assert found[1] > 1


def test_no_weight_of_a_falling_fit_is_above_nothing() -> None:
    x = [[n / 10, (n % 7) / 3] for n in range(60)]
    y = [n % 5 < 2 or n > 48 for n in range(60)]
    assert fit(x, y)[1] > 0
    found = falling(x, y)
    assert found[1] == 0.0
    assert found[2] <= 0.0


def test_an_equation_is_solved() -> None:
    assert solved([[0.0, 2.0, 1.0], [2.0, 1.0, 0.0], [1.0, 0.0, 3.0]], [7.0, 4.0, 10.0]) == pytest.approx(
        [1.0, 2.0, 3.0]
    )
