"""Volume: alerts a week for a hundred entities, and what one owner gets."""

from __future__ import annotations

from streams.backtest.alerts import Raised
from streams.backtest.volume import WEEK, volume


def opened(week: float, owner: str | None = None, resolved: float | None = None) -> Raised:
    return Raised("a", "user", "u", owner, round(week * WEEK), None if resolved is None else round(resolved * WEEK))


def test_alerts_a_week_are_counted_for_a_hundred_entities() -> None:
    found = volume([opened(1), opened(2), opened(3)], 50 * 10, 0, 10 * WEEK)
    assert (found.alerts, found.weekly_per_100) == (3, 0.6)


def test_what_opened_outside_is_not_counted() -> None:
    assert volume([opened(-1), opened(10)], 500, 0, 10 * WEEK).alerts == 0


def test_weeks_without_an_alert_count_for_the_owner_too() -> None:
    """One owner, ten weeks: nine of ten are empty, so 95 of 100 have at most the busiest."""
    assert volume([opened(3.1), opened(3.2), opened(3.3)], 500, 0, 10 * WEEK).p95_per_owner == 3
    assert volume([opened(3.1), opened(3.2), opened(3.3)], 500, 0, 100 * WEEK).p95_per_owner == 0


def test_each_owner_has_weeks_of_their_own() -> None:
    alerts = [opened(week + 0.5, "ann") for week in range(10)] + [opened(0.5 + n / 100, "ben") for n in range(8)]
    assert volume(alerts, 500, 0, 10 * WEEK).p95_per_owner == 1


def test_the_share_that_is_gone_in_a_week_leaves_out_what_is_too_new_to_tell() -> None:
    alerts = [opened(1, resolved=1.5), opened(1, resolved=2.5), opened(2), opened(9.5, resolved=9.6)]
    assert volume(alerts, 500, 0, 10 * WEEK).resolved_in_week == 1 / 3


def test_nothing_and_nobody_are_no_error() -> None:
    assert volume([], 0, 0, WEEK) == (0, None, 0, None)
