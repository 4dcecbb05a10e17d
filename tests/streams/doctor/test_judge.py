"""What the doctor makes of figures: each thing that is wrong is one finding, with what to do."""

from __future__ import annotations

import pytest

from streams.batch.topic_ids import Topic
from streams.doctor import judge
from streams.doctor.finding import Finding
from streams.settings import Settings, SourceTopic
from streams.topics import plan

SETTINGS = Settings(prefix="acme.", partitions=2, sources=(SourceTopic("clicks"), SourceTopic("crm", keyed_by="user")))
PLANNED = plan(SETTINGS)
MAY = 1 << judge.READ | 1 << judge.WRITE


def there(rights: int = MAY) -> dict[str, Topic]:
    return {topic.name: Topic("id", topic.partitions or 2, rights) for topic in PLANNED}


def levels(found: list[Finding]) -> list[str]:
    return [one.level for one in found]


def test_all_is_well_where_nothing_is_wrong() -> None:
    well = [
        *judge.topics(PLANNED, there()), *judge.rights(PLANNED, there()),
        *judge.groups([judge.GroupFigures("g", "engine", "journeys worker", 1, 50, True)]),
        *judge.dead(judge.Rate(0, 10), SETTINGS), judge.clock("it", 3.0),
        *judge.state([judge.State("c", 0, "d", 5, 7, 0)], "d", {}),
        *judge.selections({"a": 5_000}, {"a": 1}, 9, 9),
    ]  # fmt: skip
    assert {one.level for one in well} == {"ok"}
    assert not any(one.do for one in well)


def test_missing_and_uneven_topics_are_found_one_by_one() -> None:
    found = there()
    del found["acme.alerts"]
    found["crm"] = Topic("id", 3)
    told = judge.topics(PLANNED, found)
    assert levels(told) == ["error", "error"]
    assert (told[0].what, told[0].do) == ("topic acme.alerts is missing", "make ours with `journeys topics --apply`")
    assert told[1].what == "acme.events has 2 partitions and crm has 3"
    assert "need the same number" in told[1].do


@pytest.mark.parametrize(
    ("topic", "has", "says"),
    [
        ("acme.users-changelog", {"cleanup.policy": "delete"}, "state would be deleted"),
        ("acme.users-changelog", {"min.compaction.lag.ms": "0"}, "min.compaction.lag.ms 0"),
        ("acme.alerts", {"cleanup.policy": "compact"}, "records without a key would be lost"),
        ("acme.alerts", {"max.message.bytes": "1048576"}, "takes records of 1048576 bytes"),
    ],
)
def test_a_configuration_that_loses_something_is_an_error(topic: str, has: dict[str, str], says: str) -> None:
    (found,) = judge.configs(PLANNED, {topic: has})
    assert found.level == "error"
    assert says in found.what
    assert judge.configs(PLANNED, {one.name: one.configs for one in PLANNED if one.ours}) == []


def test_a_source_need_not_be_written_to_and_what_is_ours_must() -> None:
    told = judge.rights(PLANNED, there(1 << judge.READ))
    assert levels(told) == ["error"] * sum(topic.ours for topic in PLANNED)
    assert "may not WRITE acme.events" in told[0].what
    assert levels(judge.rights(PLANNED, there(judge.NO_RIGHTS))) == ["note"]


def test_a_group_that_nobody_is_in_and_one_that_stands_still_are_errors() -> None:
    nobody, still, slow = (
        judge.GroupFigures("g", "sink", "journeys sink", *rest) for rest in ((0, 0, False), (2, 9, False), (2, 9, True))
    )
    assert levels(judge.groups([nobody, still, slow])) == ["error", "error", "ok"]
    assert "start `journeys sink`" in judge.groups([nobody])[0].do


def test_dead_letters_are_an_error_from_half_of_the_limit_on() -> None:
    assert levels(judge.dead(judge.Rate(25, 100), SETTINGS)) == ["note"]
    assert levels(judge.dead(judge.Rate(26, 100), SETTINGS)) == ["error"]


def test_a_clock_is_told_by_how_much_and_which_way() -> None:
    assert judge.clock("ClickHouse", 2_500).what == "ClickHouse is 2.5 s ahead of this machine"
    assert judge.clock("ClickHouse", -2_500).what == "ClickHouse is 2.5 s behind this machine"


def test_a_definition_that_is_taken_over_is_a_note_and_another_one_an_error() -> None:
    states = [
        judge.State("acme.users-changelog", n, digest, 0, 1, 0)
        for n, digest in enumerate(["now", "old", "other", None])
    ]
    told = judge.state(states, "now", {"old": None, "other": "kept under another name"})
    assert levels(told) == ["note", "error"]
    assert "acme.users-changelog/2" in told[1].what
    assert "kept under another name" in told[1].what


def test_overdue_timers_are_told_with_the_worst_partition() -> None:
    states = [judge.State("c", 0, "d", 0, 5, 1), judge.State("c", 1, "d", 0, 5, 3)]
    (found,) = judge.state(states, "d", {})
    assert found.what == "4 timers are overdue, most in c/1"


def test_a_selection_that_matched_thousands_and_now_nothing_is_found_and_a_rare_one_is_not() -> None:
    (found,) = judge.selections({"often": 4_000, "rare": 3, "fine": 9_000}, {"fine": 1}, 100, 90_000)
    assert found.level == "error"
    assert found.what == "often matched nothing in 24 h, and 4,000 events a day before"


def test_silence_of_everything_is_one_finding_and_not_one_of_each_selection() -> None:
    assert levels(judge.selections({"often": 4_000}, {}, 0, 70_000)) == ["error"]
    assert levels(judge.selections({}, {}, 0, 0)) == ["note"]
