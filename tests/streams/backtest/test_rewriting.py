"""Fitted coefficients and swept params go into the text, and every other character stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.definition.model import Churn, Definition
from schemas.definition.parse import load, parse
from streams.backtest.fitting import Fitted, fitted
from streams.backtest.history import churn_measure
from streams.backtest.rewriting import CannotWrite, with_fitted, with_param
from streams.journey.calendar import DAY
from tests.streams.backtest.people import active, crowd, history
from tests.streams.journey.small import STAGE, small

SAID = (("date", "2024-06-30"), ("rows", 1200), ("base_rate", 0.31), ("brier", 0.15), ("slope", 0.98))
CHURN = Churn(90 * DAY, 0.6, ((30.0, -0.7), (120.0, 0.0)), 3, SAID)
SHIPPED = Path(__file__).parents[3] / "schemas" / "definitions"


def measured(definition: Definition) -> Churn:
    measure = churn_measure(definition, "user")
    assert measure is not None
    assert measure.churn is not None
    return measure.churn


@pytest.mark.parametrize(
    "measure",
    [
        "gone: {churn: any, horizon: 90d, after: 3, coefficients: {intercept: 0.5, 30d: -0.8, 120d: -0.9}}   # mine",
        "gone: {churn: any, horizon: 90d, after: 3, fitted: {rows: 3}, coefficients: {intercept: 0.5, 30d: -1, 120d: -1}}",
        "gone:\n      churn: any\n      horizon: 90d\n      after: 3\n      coefficients: {intercept: 0.5, 30d: -1, 120d: -1}   # mine",
        "gone:\n      churn: any\n      horizon: 90d\n      after: 3\n      coefficients:\n        intercept: 0.5\n"
        "        30d: -1   # a month\n        120d: -1\n      fitted:\n        rows: 3\n      publish: true",
    ],
    ids=["in a line", "with fitted", "block", "all block"],
)  # fmt: skip
def test_a_measure_that_is_there_gets_the_coefficients_and_what_they_rest_on(measure: str) -> None:
    text = small(tail="").text.replace("  stage:\n", f"    {measure}\n  stage:\n", 1)
    found = parse(with_fitted(parse(text), [Fitted("user", "gone", "any", CHURN)]))
    assert measured(found) == CHURN
    assert found.version == 2
    assert ("# mine" in found.text) is ("# mine" in text)


def test_a_definition_without_one_gets_one_that_is_published() -> None:
    base = small("n: {count: any}   # how often", STAGE)
    found = parse(with_fitted(base, [Fitted("user", None, "any", CHURN)]))
    measure = churn_measure(found, "user")
    assert measure is not None
    assert (measure.name, measure.of, measure.publish, measure.churn) == ("churn_90", "any", True, CHURN)
    assert (
        found.text.replace("version: 2", "version: 1").replace(
            next(line for line in found.text.splitlines() if "churn_90" in line) + "\n", ""
        )
        == base.text
    )


def test_the_shipped_definition_for_a_company_takes_both() -> None:
    saas = load(SHIPPED / "saas.yaml")
    found = parse(with_fitted(saas, [Fitted("user", None, "active", CHURN), Fitted("account", None, "members", CHURN)]))
    assert [churn_measure(found, kind).of for kind in ("user", "account")] == ["active", None]  # type: ignore[union-attr]
    assert len(found.text.splitlines()) == len(saas.text.splitlines()) + 2


def test_a_param_is_replaced_where_it_stands() -> None:
    text = "# quiet: 14d\nparams:\n  quiet: 14d   # two weeks\n  other: 2 * quiet\n"
    assert with_param(text, "quiet", "30d") == text.replace("  quiet: 14d ", "  quiet: 30d ")
    assert with_param(text, "other", "9d").endswith("other: 9d\n")
    with pytest.raises(CannotWrite, match="no param loud"):
        with_param(text, "loud", "1d")


def test_what_is_fitted_is_what_the_history_says() -> None:
    """Nobody's weight is above 0, and the figures say on what they rest."""
    found = fitted(small(), history(crowd(80, 900)), "user", None)
    assert found is not None
    assert (found.of, found.churn.after, found.churn.horizon) == ("any", 3, 90 * DAY)
    assert all(weight <= 0 for _, weight in found.churn.terms)
    assert found.said["rows"] > 500
    assert 0 < float(found.said["base_rate"]) < 1
    assert str(found.said["date"]).startswith("1972-06")


def test_too_little_history_fits_nothing() -> None:
    assert fitted(small(), history({"ann": active(1, 2, 3, 50)}), "user", None) is None
