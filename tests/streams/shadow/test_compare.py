"""A shadow lists exactly the entities that stand elsewhere, the step at which each journey parts, and why."""

from __future__ import annotations

import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.shadow.compare import Compared, shadow
from tests.streams.commands import tiny

DAYS = 50
"""Where the story ends."""

LAST_SEEN = {"ann": 49, "bea": 36.5, "cid": 33, "dan": 29, "eve": 21, "fay": 5}
"""Everyone signs up the day before and comes a second time on this day; so at the end they are silent for 1 to 45 days."""


def people() -> list[bytes]:
    events = [tiny.event(2 * n, "Signed Up", who, day - 1, "acme") for n, (who, day) in enumerate(LAST_SEEN.items())]
    events += [
        tiny.event(2 * n + 1, "Report Created", who, day, "acme") for n, (who, day) in enumerate(LAST_SEEN.items())
    ]
    return tiny.lines(sorted(events, key=lambda e: e["at"]))


def changed(*changes: tuple[str, str]) -> Definition:
    text = tiny.TEXT.replace("version: 1\n", "version: 2\n")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text)


def compared(candidate: Definition, lines: list[bytes] | None = None) -> Compared:
    records = people() if lines is None else lines
    end = 1000 * (tiny.START + DAYS * tiny.DAY)
    return shadow(tiny.definition(), candidate, lambda: records, "canonical", end)


def why(found: Compared) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(one.entity, one.machine): one.why for one in found.partings}


def test_two_definitions_that_differ_in_one_threshold_list_exactly_these_entities() -> None:
    """Silent for 13.5, 17, 21 and 29 days at the end; `quiet` at 14 or at 20 days: one of them lies between.

    fay was at risk under both, and left after 30 days.
    """
    found = compared(changed(("when: idle >= 14d", "when: idle >= 20d")))
    assert [tuple(one) for one in found.elsewhere] == [("user", "cid", "risk", "at_risk", "healthy")]


def test_a_journey_parts_at_the_first_step_that_only_one_of_them_took() -> None:
    found = compared(changed(("when: idle >= 14d", "when: idle >= 20d")))
    parted = {one.entity: one for one in found.partings}
    assert set(parted) == {"cid", "dan", "eve", "fay"}  # those who were silent for 14 days at any time
    dan = parted["dan"]
    assert dan.live is not None
    assert dan.candidate is not None
    assert (dan.live.name, dan.live.at) == ("quiet", 1000 * (tiny.START + (29 + 14) * tiny.DAY))
    assert (dan.candidate.name, dan.candidate.at) == ("quiet", 1000 * (tiny.START + (29 + 20) * tiny.DAY))
    assert parted["cid"].candidate is None
    assert dan.why == ("idle >= 14d (live), idle >= 20d (candidate); idle was 14 d",)


def test_the_same_definition_under_another_version_differs_in_nothing() -> None:
    found = compared(changed())
    assert (found.elsewhere, found.partings) == ([], [])
    assert found.live.volume == found.candidate.volume


def test_a_measure_that_counts_otherwise_is_the_reason() -> None:
    found = compared(changed(("days_28: {active_days: any, within: 28d", "days_28: {active_days: any, within: 1d")))
    assert why(found)["eve", "stage"] == (
        "measure days_28: active_days of any within 28d (live), active_days of any within 1d (candidate)",
    )


def test_a_selection_that_means_other_events_is_the_reason() -> None:
    found = compared(changed(("any: {name: [Signed Up, Report Created]}", "any: {name: Report Created}")))
    assert why(found)["eve", "stage"] == (
        "events.any: name Signed Up, Report Created (live), name Report Created (candidate)",
    )


def test_a_later_machine_that_follows_an_earlier_one_says_so() -> None:
    found = compared(changed(("and days_28 >= 2", "and days_28 >= 3")))
    assert why(found)["dan", "stage"] == ("days_28 >= 2 (live), days_28 >= 3 (candidate); days_28 was 2",)
    assert why(found)["dan", "risk"] == ("follows stage, which has parted before",)
    assert why(found)["acme", "stage"] == ("follows what its members or measures became before",)


def test_a_rule_that_only_one_of_them_has_is_the_reason() -> None:
    gone = "      - {name: quiet, from: healthy, to: at_risk, when: idle >= 14d}\n"
    found = compared(changed((gone, "      - {name: hushed, from: healthy, to: at_risk, when: idle >= 14d}\n")))
    assert found.elsewhere == []
    assert found.partings == []  # the same moves under another name
    found = compared(changed((gone, "      - {name: hushed, from: healthy, to: at_risk, when: idle >= 9d}\n")))
    assert why(found)["dan", "risk"] == ("only the candidate has 'hushed': healthy -> at_risk when idle >= 9d",)


def test_a_hold_that_differs_is_the_reason() -> None:
    found = compared(changed(("when: idle >= 14d}", "when: idle >= 14d, hold: 2d}")))
    assert why(found)["dan", "risk"] == ("held for 0d (live), 2d (candidate)",)


def test_a_machine_that_only_one_of_them_has_is_the_reason() -> None:
    more = "  mood:\n    states: [good, bad]\n    transitions:\n      - {name: sours, from: good, to: bad, when: idle >= 3d}\n"
    found = compared(changed(("account:\n", more + "account:\n")))
    assert {one.machine for one in found.partings} == {"mood"}
    assert found.partings[0].why == ("only the candidate has a machine 'mood'",)
    assert {(one.live, one.candidate) for one in found.elsewhere} <= {(None, "bad"), (None, "good")}
    assert len(found.elsewhere) == len(LAST_SEEN)


@pytest.mark.parametrize(("threshold", "opened"), [(13, 5), (15, 4), (21, 3), (29, 2), (30, 0)])
def test_the_volume_is_that_of_each_definition(threshold: int, opened: int) -> None:
    """Silences of 1, 13.5, 17, 21, 29 and 45 days; who is silent for 30 has left, and is at risk no more."""
    found = compared(changed(("when: idle >= 14d", f"when: idle >= {threshold}d")))
    assert (found.live.volume.opened, found.candidate.volume.opened) == (4, opened)
