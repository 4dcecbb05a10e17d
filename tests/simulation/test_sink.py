"""The sink under thousands of seeded schedules; and that the simulation sees each of its rules when it is missing."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.play import noticed
from tests.simulation.sink import run
from tests.simulation.sink_rules import OFF

SCHEDULES = 600
"""About 8 ms each. `make simulate` runs more."""

PATIENCE = 600
"""Within this many schedules a missing rule must show; most show within ten."""


@pytest.mark.parametrize("first", range(0, SCHEDULES, 200))
def test_what_was_published_is_shown_once_and_as_it_was_said_last(first: int) -> None:
    for seed in range(first, first + 200):
        run(seed)


@pytest.mark.parametrize("rule", OFF)
def test_a_missing_rule_of_the_sink_is_noticed(rule: str) -> None:
    noticed(rule, lambda seed: run(seed, OFF[rule]), PATIENCE)


def test_the_schedules_contain_what_they_are_meant_to_contain() -> None:
    """Faults that never happen prove nothing."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        seen += run(seed).happened
    for what in (
        "crash", "stall", "rebalance", "gap", "batch lost", "stale commit", "failed after storing", "failed before storing",
        "given up in the middle",
    ):  # fmt: skip
        assert seen[what] >= 10, (what, seen)
