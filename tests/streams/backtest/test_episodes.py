"""Alerts judged against what came after: right, early enough, caught, flapping; each counted by hand."""

from __future__ import annotations

import pytest

from streams.backtest.alerts import Left, Raised
from streams.backtest.episodes import Ended, Span, Worth, ended, exposure, scored_span, worth
from streams.backtest.history import Activity
from streams.journey.calendar import DAY
from tests.streams.backtest.people import UTC, active

LAST = 1_000
SPAN = scored_span(0, LAST, 90)


def judged(alerts: list[tuple[int, int | None]], a: Activity, span: Span = SPAN) -> Worth:
    """Alerts of one entity: (day opened, day resolved or None), both at midnight."""
    raised = [
        Raised("gone", "user", "ann", None, day * DAY, None if resolved is None else resolved * DAY)
        for day, resolved in alerts
    ]
    people = {"ann": a}
    return worth(raised, people, exposure(people, span, 90), span, 90, UTC)


def test_an_entity_is_at_risk_from_its_third_active_day_until_its_silence_is_the_horizon() -> None:
    found = exposure({"ann": active(0, 10, 20, 50, 300)}, Span(0, 911, LAST), 90)
    assert found.days == 30 + 90 + 90
    assert found.episodes == [("ann", 50, 140), ("ann", 300, 390)]


def test_the_base_rate_is_that_of_any_day_at_risk() -> None:
    """After day 50 comes day 300: on each of the 90 days at risk there, 90 silent days follow; on those before, never."""
    found = exposure({"ann": active(0, 10, 20, 50, 300)}, Span(0, 300, LAST), 90)
    assert (found.days, found.silent) == (120, 90)
    assert found.base_rate == 0.75


@pytest.mark.parametrize(("following", "right"), [(190, 0.0), (191, 1.0)])
def test_an_alert_is_right_when_the_horizon_after_its_day_is_silent(following: int, right: float) -> None:
    assert judged([(100, None)], active(0, 10, 60, following)).precision == right


def test_lead_is_what_was_left_of_the_horizon() -> None:
    assert judged([(80, None)], active(0, 10, 50)).lead_days == 60
    assert judged([(80, 100)], active(0, 10, 50, 100)).lead_days is None


@pytest.mark.parametrize(("back", "flaps"), [(108, 1), (109, 0)])
def test_an_alert_flaps_when_activity_ends_it_within_four_weeks(back: int, flaps: int) -> None:
    found = judged([(81, back + 1)], active(0, 10, 50, back, 900))
    assert round((found.flaps or 0) * found.years) == flaps


def test_an_alert_that_churn_ends_does_not_flap() -> None:
    assert judged([(120, 140)], active(0, 10, 50)).flaps == 0


@pytest.mark.parametrize(
    ("alerts", "recall"),
    [
        ([(80, 140)], 1.0), ([(30, None)], 1.0), ([(139, 140)], 1.0), ([(140, None)], 0.0), ([(30, 50)], 0.0), ([], 0.0),
    ],
)  # fmt: skip
def test_an_episode_is_caught_by_an_alert_that_is_open_before_its_silence_is_the_horizon(
    alerts: list[tuple[int, int | None]], recall: float
) -> None:
    assert judged(alerts, active(0, 10, 50)).recall == recall


def test_what_cannot_be_known_yet_is_not_judged() -> None:
    assert judged([(LAST - 90, None)], active(0, 10, 890)).alerts == 1
    assert judged([(LAST - 89, None)], active(0, 10, 890)).alerts == 0


def test_lift_is_over_the_base_rate() -> None:
    found = judged([(30, None), (80, None)], active(0, 10, 20, 50, 300), Span(0, 300, LAST))
    assert (found.precision, found.lift) == (0.5, pytest.approx(0.5 / 0.75))


def test_nobody_at_risk_is_nothing_to_divide_by() -> None:
    found = judged([], active(0, 1))
    assert (found.precision, found.recall, found.flaps, found.false_alerts, found.lift) == (None,) * 5


# --- the stage `churn` ---


def foretold(alerts: list[int], left: list[int]) -> Ended:
    raised = [Raised("gone", "account", "acme", None, day * DAY, None) for day in alerts]
    return ended(raised, [Left("account", "acme", day * DAY) for day in left], SPAN, 90, UTC)


def test_an_alert_foretells_the_stage_churn_when_it_follows_within_the_horizon() -> None:
    assert foretold([100], [190]) == (1.0, 1.0, 1, 90.0)
    assert foretold([100], [191]) == (0.0, 0.0, 1, None)
    assert foretold([100], [100]) == (0.0, 0.0, 1, None)  # at the instant itself it is no warning
    assert foretold([100, 150], [180]) == (1.0, 1.0, 1, 55.0)


def test_another_entitys_leaving_is_not_foretold() -> None:
    raised = [Raised("gone", "account", "acme", None, 100 * DAY, None)]
    assert ended(raised, [Left("account", "other", 120 * DAY)], SPAN, 90, UTC) == (0.0, 0.0, 1, None)


def test_without_alerts_or_leaving_there_is_nothing_to_divide_by() -> None:
    assert foretold([], []) == (None, None, 0, None)
