"""The month-end task: who is asked about, and what counts as gone, to the day."""

from __future__ import annotations

import pytest

from streams.backtest.months import Row, asked, cutoffs, months, rows
from streams.journey.calendar import DAY
from tests.streams.backtest.people import active, crowd, history

FIRST = 19_723
"""2024-01-01."""


def of(*days: int, second: int | None = None, kind: str = "user") -> bool:
    return asked(kind, active(*days, second=second), FIRST, FIRST * DAY, 90)  # type: ignore[arg-type]


def test_a_user_is_asked_about_from_three_active_days_on() -> None:
    assert not of(FIRST - 3, FIRST - 2)
    assert of(FIRST - 3, FIRST - 2, FIRST - 1)
    assert not of(FIRST - 2, FIRST - 1, FIRST)  # the third day is not before the cut-off


@pytest.mark.parametrize(("ago", "is_asked"), [(89, True), (90, True), (91, False)])
def test_a_user_whose_silence_is_the_horizon_already_is_not(ago: int, is_asked: bool) -> None:
    assert of(FIRST - ago - 5, FIRST - ago - 1, FIRST - ago) is is_asked


def test_an_account_is_two_people_or_twenty_events() -> None:
    days = (FIRST - 9, FIRST - 8, FIRST - 7)
    assert not of(*days, kind="account")
    assert of(*days, second=FIRST - 8, kind="account")
    assert not of(*days, second=FIRST, kind="account")
    assert of(*(days[0], days[1], *[days[2]] * 18), kind="account")
    assert not of(*(days[0], days[1], *[days[2]] * 17), kind="account")


@pytest.mark.parametrize(("ahead", "churned"), [(0, False), (89, False), (90, True), (91, True)])
def test_gone_is_no_active_day_in_the_horizon_from_the_cut_off_on(ahead: int, churned: bool) -> None:
    found = history({"ann": active(FIRST - 3, FIRST - 2, FIRST - 1, FIRST + ahead)}, last=FIRST + 400)
    assert rows(found, "user", [FIRST], 90) == [Row(FIRST, "ann", churned)]


def test_cut_offs_are_firsts_of_months_with_fifty_users_in_the_year_before() -> None:
    people = {f"u{n}": active(FIRST - 40 + n) for n in range(80)}  # the fiftieth comes on 2024-01-09
    found = cutoffs(history(people, last=FIRST + 300), 90)
    assert found[0] == FIRST + 31


def test_the_last_cut_off_is_two_horizons_before_the_last_event() -> None:
    people = {f"u{n}": active(FIRST - 20) for n in range(60)}
    assert cutoffs(history(people, last=FIRST + 180), 90) == [FIRST]
    assert cutoffs(history(people, last=FIRST + 179), 90) == []


def test_months_begin_after_the_first_event_and_end_with_the_last() -> None:
    assert months(history({"ann": active(FIRST - 40)}, last=FIRST + 31)) == [FIRST - 31, FIRST, FIRST + 31]


def test_what_was_known_before_a_day_gives_the_same_rows_but_for_their_outcome() -> None:
    whole = history(crowd(70, 700))
    for cut in cutoffs(whole, 90):
        known = whole.before(cut)
        assert max(a.days[-1] for a in known.users.values()) < cut
        assert [row[:2] for row in rows(known, "user", [cut], 90)] == [
            row[:2] for row in rows(whole, "user", [cut], 90)
        ]
