"""The guarantee under thousands of seeded schedules; and that the simulation sees each rule when it is missing."""

from __future__ import annotations

import pytest

from tests.simulation.play import noticed
from tests.simulation.rules import OFF
from tests.simulation.schedule import Schedule, run
from tests.simulation.toy_play import ToyPlay
from tests.simulation.worker import Rules

SCHEDULES = 2_000
"""About 6 ms each. `make simulate` runs more."""

PATIENCE = 2_000
"""Within this many schedules a missing rule must show; most show within ten, the rarest within five hundred."""


@pytest.mark.parametrize("first", range(0, SCHEDULES, 250))
def test_every_output_is_published_with_one_payload_and_none_is_lost(first: int) -> None:
    for seed in range(first, first + 250):
        run(seed)


def test_nor_where_partitions_hear_each_other_out() -> None:
    for seed in range(150):
        run(seed, play=ToyPlay(exact=True))


@pytest.mark.parametrize("rule", OFF)
def test_a_missing_rule_is_noticed(rule: str) -> None:
    noticed(rule, lambda seed: run(seed, OFF[rule], ToyPlay(exact=seed % 2 == 1)), PATIENCE)


def test_a_schedule_is_a_function_of_its_seed() -> None:
    first, second = (Schedule(7, Rules(), ToyPlay()) for _ in range(2))
    first.run()
    second.run()
    for place, log in first.kafka.logs.items():
        assert log.entries == second.kafka.logs[place].entries


def test_the_schedules_contain_what_they_are_meant_to_contain() -> None:
    """Faults that never happen prove nothing."""
    seen: dict[str, int] = {}
    for seed in range(60):
        schedule = Schedule(seed, Rules(), ToyPlay())
        schedule.run()
        for what, count in schedule.happened.items():
            seen[what] = seen.get(what, 0) + count
    print(seen)
    for what in (
        "crash",
        "stall",
        "rebalance",
        "handover",
        "renewal",
        "compaction",
        "fenced",
        "stale commit",
        "resent",
        "gap",
        "offsets set back",
        "clock jump",
        "copy",
        "copy read",
    ):
        assert seen.get(what, 0) >= 10, (what, seen)
