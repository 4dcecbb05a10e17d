"""Which alert goes where and when: the first route that fits, patterns of owners and segments, hours of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.notify.parse import parse
from streams.notify.rules import Quiet, Retry
from tests.streams.notify.samples import ENV, NOON, TEXT, alert

RULES = parse(TEXT, ENV)


@pytest.mark.parametrize(
    ("told", "channels"),
    [
        ({"severity": "critical"}, ("oncall", "owners")),
        ({"severity": "high", "carry": {"plan": "enterprise"}}, ("owners",)),
        ({"severity": "high", "carry": {"plan": "Pro-2024"}}, ("owners",)),
        ({"severity": "high", "carry": {"plan": "free"}}, ("owners", "feed")),
        ({"severity": "low", "kind": "user"}, ("feed",)),
        ({"severity": "low", "owner": "KIM"}, ("owners", "feed")),
    ],
)
def test_the_first_route_that_fits_decides(told: dict[str, Any], channels: tuple[str, ...]) -> None:
    route = RULES.route(alert(**told))
    assert route is not None
    assert route.send == channels


def test_an_alert_that_no_route_fits_is_told_to_nobody() -> None:
    assert RULES.route(alert(severity="low", owner="joe")) is None
    assert RULES.route(alert(severity="low", owner=None)) is None


def naive(quiet: Quiet, now: int) -> int | None:
    """Minute by minute: the first moment from now on that is not within any day's quiet."""
    zone, moment = ZoneInfo(quiet.zone), datetime.fromtimestamp(now / 1000, UTC)

    def holds(at: datetime) -> bool:
        local, clock = at.astimezone(zone), at.astimezone(zone).timetz().replace(tzinfo=None)
        yesterday = (local.date() - timedelta(days=1)).weekday()
        if quiet.begins < quiet.ends:
            return local.weekday() in quiet.days and quiet.begins <= clock < quiet.ends
        return (local.weekday() in quiet.days and clock >= quiet.begins) or (
            yesterday in quiet.days and clock < quiet.ends
        )

    if not holds(moment):
        return None
    while holds(moment):
        moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return round(moment.timestamp() * 1000)


clock = st.times().map(lambda t: t.replace(second=0, microsecond=0))
hours = st.builds(
    Quiet, st.just("q"), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]), clock, clock,
    st.frozensets(st.integers(0, 6), min_size=1, max_size=6), st.just(frozenset()),
).filter(lambda quiet: quiet.begins != quiet.ends)  # fmt: skip


@given(hours, st.integers(0, 14 * 1440))
def test_quiet_hours_are_those_of_a_clock_on_the_wall(quiet: Quiet, minutes: int) -> None:
    now = NOON + minutes * 60_000
    until = quiet.until(now)
    wanted = naive(quiet, now)
    assert (until is None) == (wanted is None)
    if until is not None and wanted is not None:
        assert until <= wanted  # two nights may touch; then the second one is asked when the first has ended
        assert wanted == until or quiet.until(until) is not None


def test_quiet_hours_follow_daylight_saving() -> None:
    nights = RULES.quiet["nights"]
    summer, winter = 1_719_856_800_000, 1_704_132_000_000  # 18:00 UTC on 2024-07-01 and on 2024-01-01
    assert (
        nights.until(summer) == 1_719_810_000_000 + 24 * 3_600_000
    )  # it is 20:00 in Berlin; until 07:00 there, 05:00 UTC
    assert nights.until(winter) is None  # it is 19:00


def test_waits_grow_and_stay_below_the_most() -> None:
    waits = [Retry(1_000, 60_000, 0).wait(attempt) for attempt in range(1, 60)]
    assert waits[:7] == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]
    assert max(waits) == 60_000
