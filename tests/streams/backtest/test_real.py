"""The real community, thirteen years of it: the figures that the definition and the docs claim, counted again.

churn-anchors, the comparison these figures are held against: silence 0.764 / 0.558 / 0.172 (AUC, average precision, Brier)
for users; as alerts at 60 days of lead, silence is right in 41 % and flaps 1.21 times a user and year.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from deploy.demo import community
from schemas.definition.parse import load
from streams.backtest.report import Backtest, backtest
from streams.commands.backtest import subject_of
from tests.streams.backtest.test_rewriting import SHIPPED


@cache
def found() -> Backtest:
    return backtest(subject_of(load(SHIPPED / "community.yaml"), list(community.events()), "canonical"))


def months(kind: str, method: str) -> dict[str, Any]:
    return found().told["months"][kind]["methods"][method]  # type: ignore[no-any-return]


def test_the_rows_are_those_of_the_comparison() -> None:
    users, accounts = (found().told["months"][kind] for kind in ("user", "account"))
    counted = ("rows", "entities", "cutoffs")
    assert [users[name] for name in counted] == [7_702, 493, 115]
    assert [accounts[name] for name in ("rows", "entities")] == [718, 36]
    assert (round(users["base_rate"], 3), round(accounts["base_rate"], 3)) == (0.299, 0.287)


def test_silence_is_as_good_as_the_comparison_says() -> None:
    silence = months("user", "silence")
    assert silence["auc"] == pytest.approx(0.764, abs=5e-4)
    assert silence["average_precision"] == pytest.approx(0.558, abs=5e-4)
    assert months("user", "silence (Platt)")["brier"] == pytest.approx(0.172, abs=1e-3)
    assert months("account", "silence")["auc"] == pytest.approx(0.795, abs=5e-4)
    assert months("account", "silence")["average_precision"] == pytest.approx(0.524, abs=5e-4)


@pytest.mark.parametrize("method", ["refitted", "definition"])
def test_two_counters_know_better_whether_fitted_on_earlier_months_only_or_the_definitions(method: str) -> None:
    users, accounts = months("user", method), months("account", method)
    assert users["auc"] >= 0.845
    assert users["average_precision"] >= 0.66
    assert users["brier"] <= 0.145
    assert users["lift"] >= 2.45
    assert users["slope"] == pytest.approx(1.0, abs=0.05)
    assert (accounts["auc"], accounts["average_precision"]) >= (0.858, 0.65)


@pytest.mark.parametrize("part", ["all", "second_half"])
def test_alerts_that_come_sixty_days_ahead_are_right_more_often_than_not_and_seldom_flap(part: str) -> None:
    worth = found().told["alerts"]["user"]["rules"]["contributor_at_risk"][part]
    assert worth["lead_days"] >= 60
    assert worth["precision"] >= 0.53
    assert worth["flaps"] <= 0.5
    assert worth["recall"] >= 0.75


def test_the_report_begins_with_the_volume() -> None:
    assert next(name for name in found().told if isinstance(found().told[name], dict)) == "volume"
    volume = found().told["volume"]["user"]["rules"]["contributor_at_risk"]
    assert volume["alerts"] > 1_000
    assert 1 < volume["weekly_per_100"] < 10
    assert volume["p95_per_owner"] >= 1


def test_nothing_looked_ahead() -> None:
    assert found().leaks == []


def test_growth_adds_up_in_every_month() -> None:
    for kind in ("user", "account"):
        rows = found().told["growth"][kind]
        assert len(rows) > 150
        assert all(row["active"] - row["before"] == row["new"] + row["resurrected"] - row["dormant"] for row in rows)
        assert [row["before"] for row in rows[1:]] == [row["active"] for row in rows[:-1]]


def test_the_coefficients_shipped_are_those_that_this_data_gives() -> None:
    for one in found().found:
        entity = (
            load(SHIPPED / "community.yaml").user if one.kind == "user" else load(SHIPPED / "community.yaml").account
        )
        assert entity is not None
        (shipped,) = [m.churn for m in entity.measures if m.churn is not None]
        assert shipped == one.churn
