"""The volume of alerts is what the people who get them would have counted."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.time import rfc3339
from streams.volume import WEEK, volume

DAY = WEEK // 7
BEGUN = 1_704_067_200_000


def record(opens: str, day: float, status: str = "opened", owner: str | None = "o1") -> dict[str, Any]:
    return {"opens": opens, "at": rfc3339(BEGUN + round(day * DAY)), "status": status, "owner": owner}


def over(weeks: float, *records: dict[str, Any], entities: int = 200) -> Any:
    return volume(records, entities, BEGUN, BEGUN + round(weeks * WEEK))


def test_alerts_are_counted_a_week_and_per_100_accounts() -> None:
    found = over(4, record("a", 0), record("b", 1), record("c", 2), record("d", 20))
    assert (found.opened, found.weekly_per_100) == (4, 0.5)  # 4 in 4 weeks, of 200 accounts


def test_a_short_span_counts_as_a_week() -> None:
    assert over(1 / 7, record("a", 0)).weekly_per_100 == 0.5


def test_what_was_taken_back_never_was_and_what_was_opened_again_is() -> None:
    assert over(4, record("a", 0), record("a", 0, "retracted")).opened == 0
    again = over(4, record("a", 0), record("a", 3, "resolved"), record("a", 0))  # the correction's last word: open
    assert (again.opened, again.resolved_in_a_week) == (1, 0.0)


def test_only_alerts_that_had_a_week_say_how_many_resolve_within_one() -> None:
    found = over(
        4, record("a", 0), record("a", 7, "resolved"), record("b", 0), record("b", 7.1, "resolved"), record("c", 22)
    )
    assert found.resolved_in_a_week == 0.5
    assert over(4, record("c", 22)).resolved_in_a_week is None


def test_the_p95_of_an_owner_counts_quiet_weeks_too() -> None:
    twenty = [record(f"a{n}", 3, owner="o1") for n in range(9)]
    assert over(20, *twenty).per_owner_p95 == 0  # one busy week of twenty
    assert over(19, *twenty).per_owner_p95 == 9  # one of nineteen is more than five in a hundred
    assert over(2, record("a", 1), record("b", 8), record("c", 9)).per_owner_p95 == 2


@pytest.mark.parametrize("owners", [1, 3])
def test_alerts_that_name_nobody_are_counted_apart(owners: int) -> None:
    found = over(1, record("a", 0, owner=None), *(record(f"b{n}", 0, owner=f"o{n}") for n in range(owners)))
    assert (found.unowned, found.per_owner_p95) == (1, 1)


def test_nothing_is_said_where_there_is_nothing_to_divide_by() -> None:
    assert over(4, entities=0) == (0, None, None, 0, None)
