"""How values look: money in its own currency, durations in one unit, unknown as unknown."""

from __future__ import annotations

from datetime import datetime

import pytest

from streams.board import show


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(173_800, "EUR", "€1,738"), (99, "USD", "$1"), (5_000, "JPY", "¥5,000"), (120_000, "SEK", "1,200 SEK"), (None, "EUR", "–"),
     (1_000, None, "10")],
)  # fmt: skip
def test_money_is_in_units_of_its_currency(minor: float | None, currency: str | None, text: str) -> None:
    assert show.money(minor, currency) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (0.05, "50 ms"), (59, "59 s"), (600, "10 min"), (86_400 * 14, "14 d")],
)
def test_a_duration_has_one_unit(seconds: float | None, text: str) -> None:
    assert show.duration(seconds) == text


def test_what_is_to_come_is_not_ago() -> None:
    now = datetime(2024, 2, 1)  # noqa: DTZ001  (as ClickHouse's times come)
    assert show.ago(datetime(2024, 2, 4), now) == "in 3 d"  # noqa: DTZ001
    assert show.ago(datetime(2024, 1, 31), now) == "1 d ago"  # noqa: DTZ001
    assert show.ago(None, now) == "–"


@pytest.mark.parametrize(
    ("found", "text"), [(None, "unknown"), (True, "yes"), (3.0, "3"), (0.6667, "0.6667"), (12345, "12,345"), ("x", "x")]
)
def test_an_unknown_value_is_said_to_be_unknown(found: object, text: str) -> None:
    assert show.value(found) == text


@pytest.mark.parametrize(
    ("published", "text"),
    [
        (
            "idle < 1 d (now 30 d) and days_7 >= 2 (now 0)",
            "idle < 1 d (30 d at its opening) and days_7 >= 2 (0 at its opening)",
        ),
        (
            "stage not in ['adoption', 'retention'] (now adoption)",
            "stage other than adoption or retention (adoption at its opening)",
        ),
        ("risk in [healthy] (now at_risk), for 3 d", "risk healthy (at risk at its opening), for 3 d"),
        (
            "stage becomes in_use (now not_begun): kicked_off is true (now false)",
            "stage becomes in use (not begun at its opening): kicked_off is true (false at its opening)",
        ),
        (
            "champions_14 >= 1 (now 0): 1 more member (reached retention, active within 14d)",
            "champions_14 >= 1 (0 at its opening): 1 more member (reached retention, active within 14d)",
        ),
        (
            "count(signals) == 0 (now 2) and silent_14d: idle < 14 d (now 14 d), for 3 d",
            "no signal left (2 at its opening) and silent_14d: idle < 14 d (14 d at its opening), for 3 d",
        ),
    ],
)
def test_what_would_end_an_alert_has_no_lists_of_the_language_and_the_values_of_its_opening(
    published: str, text: str
) -> None:
    assert show.clears(published) == text


@pytest.mark.parametrize(
    ("told", "text"), [("2024-02-08T00:00:00.000Z", "8 Feb 2024"), ("2024-02-08", "8 Feb 2024"), ("soon", "soon")]
)
def test_a_day_that_a_source_wrote_is_written_as_ours(told: str, text: str) -> None:
    assert show.told_day(told) == text
