"""A churn measure in the language: what it parses to, what is wrong with one and where, and what it does to the digest."""

from __future__ import annotations

import pytest

from schemas.definition.check import check
from schemas.definition.digest import plain
from schemas.definition.model import Churn
from schemas.definition.parse import parse
from tests.schemas.definition.writing import BASE, MARK, marked, problems, with_guard, with_line

GOOD = "gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, 30d: -0.8, 120d: -0.9}}"


def with_measure(line: str) -> str:
    return with_line("measures", f"    {line}")


def test_a_churn_measure_is_horizon_intercept_and_a_weight_for_each_decay() -> None:
    said = "after: 3, fitted: {rows: 900, date: 2024-10-24, base_rate: 0.3, slope: 1.02}"
    (measure,) = [m for m in parse(with_measure(GOOD[:-1] + f", {said}}}")).user.measures if m.name == "gone"]
    assert (measure.kind, measure.of, measure.publish) == ("churn", "active", False)
    assert measure.churn == Churn(
        90 * 86_400_000, 0.5, ((30.0, -0.8), (120.0, -0.9)), 3,
        (("date", "2024-10-24"), ("rows", 900), ("base_rate", 0.3), ("slope", 1.02)),
    )  # fmt: skip


def test_an_account_may_count_its_members_days() -> None:
    text = BASE + (
        "account:\n  measures:\n    gone: {churn: members, horizon: 90d, coefficients: {intercept: 0.5, 4w: -1}}\n"
        "  stage:\n    states: [a, b]\n    transitions: [{name: up, from: a, to: b, when: gone >= 0.5}]\n"
    )
    account = parse(text).account
    assert account is not None
    assert (account.measures[0].of, account.measures[0].churn.terms) == (None, ((28.0, -1.0),))  # type: ignore[union-attr]


WRONG = [
    ("gone: {churn: ¦actve, horizon: 90d, coefficients: {intercept: 0.5, 30d: -1}}", "unknown name 'actve'", "active"),
    ("gone: {churn: ¦members, horizon: 90d, coefficients: {intercept: 0.5, 30d: -1}}", "unknown name 'members'", None),
    ("gone: ¦{churn: active, coefficients: {intercept: 0.5, 30d: -1}}", "needs `horizon:`", None),
    ("gone: {churn: active, horizon: ¦36h, coefficients: {intercept: 0.5, 30d: -1}}", "must be whole days", "2d"),
    ("gone: ¦{churn: active, horizon: 90d}", "needs `coefficients:`", None),
    ("gone: {churn: active, horizon: 90d, coefficients: ¦{30d: -1}}", "need an `intercept`", None),
    ("gone: {churn: active, horizon: 90d, coefficients: ¦{intercept: 0.5}}", "a weight for each of 1 to 4 decays",
     "{intercept: 0.5, 30d: -0.8, 120d: -0.8}"),
    ("gone: {churn: active, horizon: 90d, coefficients: ¦{intercept: 0.5, 1d: -1, 2d: -1, 3d: -1, 4d: -1, 5d: -1}}",
     "a weight for each of 1 to 4 decays", None),
    ("gone: {churn: active, horizon: 90d, coefficients: {¦intercpt: 0.5, 30d: -1}}", "have no key 'intercpt'", "intercept"),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, ¦30: -1}}", "must be a duration", "30d"),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, ¦6h: -1}}", "must be from 1d to 1100d", "1d"),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, ¦2000d: -1}}", "must be from 1d", "1100d"),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, 28d: -1, ¦4w: -1}}", "stands here twice", None),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, 30d: ¦0.2}}",
     "must not be above 0: silence would lower the probability", "0"),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: 0.5, 30d: ¦3d}}", "must be a plain number", None),
    ("gone: {churn: active, horizon: 90d, coefficients: {intercept: ¦high, 30d: -1}}", "unknown name 'high'", None),
    ("gone: {churn: active, horizon: 90d, coefficients: ¦[0.5, -1]}", "must be a mapping", None),
    ("gone: {churn: active, horizon: 90d, after: ¦0, coefficients: {intercept: 0.5, 30d: -1}}", "from 1 to 100", None),
    ("gone: {churn: active, horizon: 90d, ¦within: 3d, coefficients: {intercept: 0.5, 30d: -1}}", "no key 'within'", None),
    ("gone: {churn: active, horizon: 90d, fitted: {date: ¦yesterday}, coefficients: {intercept: 0.5, 30d: -1}}",
     "must be like 2024-10-24", None),
    ("gone: {churn: active, horizon: 90d, fitted: {brier: ¦12}, coefficients: {intercept: 0.5, 30d: -1}}",
     "must be from 0 to 1", None),
    ("gone: {churn: active, horizon: 90d, fitted: {¦row: 12}, coefficients: {intercept: 0.5, 30d: -1}}",
     "has no key 'row'", "rows"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message", "suggestion"), WRONG)
def test_what_is_wrong_is_said_at_its_place(line: str, message: str, suggestion: str | None) -> None:
    text = with_measure(line)
    found = [p for p in problems(text) if message in p.message]
    assert found, problems(text)
    assert (found[0].line, found[0].column) == marked(text)
    assert suggestion is None or found[0].suggestion == suggestion
    assert MARK in text


def test_it_is_a_number_in_conditions_and_scores() -> None:
    assert problems(with_guard("gone >= 0.5 and gone * 2 < 1.5").replace("    weeks:", f"    {GOOD}\n    weeks:")) == []
    (problem,) = problems(with_guard("gone >= ¦3d").replace("    weeks:", f"    {GOOD}\n    weeks:"))
    assert "cannot compare gone, a plain number" in problem.message


@pytest.mark.parametrize("condition", ["gone > 1", "gone < 0", "gone >= 0.5 and gone < 0.4"])
def test_a_probability_that_cannot_be_is_warned_of(condition: str) -> None:
    text = with_guard(condition).replace("    weeks:", f"    {GOOD}\n    weeks:")
    assert any("can never fire" in problem.message for problem in check(parse(text)))


def test_what_coefficients_rest_on_is_no_part_of_the_digest_and_they_are() -> None:
    plain = parse(with_measure(GOOD)).digest
    assert parse(with_measure(GOOD[:-1] + ", fitted: {rows: 900}}")).digest == plain
    assert parse(with_measure(GOOD.replace("-0.8", "-0.7"))).digest != plain
    assert parse(with_measure(GOOD.replace("30d", "31d"))).digest != plain
    assert parse(with_measure(GOOD[:-1] + ", after: 2}")).digest != plain


def test_a_definition_without_one_is_hashed_as_if_the_language_had_none() -> None:
    """So every definition that was written before keeps its identity, and no engine stops at it."""
    assert {"churn" in plain(measure) for measure in parse(BASE).user.measures} == {False}
    assert "churn" in plain(parse(with_measure(GOOD)).user.measures[-1])
