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
