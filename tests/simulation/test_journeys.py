"""The real logics under the same faults: what they publish is what a replay of the same records publishes."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from tests.simulation.erased_play import ErasedPlay
from tests.simulation.journey_play import CountedPlay, JourneyPlay, LinkedPlay
from tests.simulation.play import noticed
from tests.simulation.rules import NOT_HEARD, OFF
from tests.simulation.schedule import Schedule, run
from tests.simulation.worker import Rules


@pytest.fixture(scope="module")
def play() -> JourneyPlay:
    return JourneyPlay()


@pytest.fixture(scope="module")
def linked() -> LinkedPlay:
    return LinkedPlay()


@pytest.mark.parametrize("seed", range(12))
def test_a_live_run_with_crashes_is_equal_to_a_replay(seed: int, play: JourneyPlay) -> None:
    run(seed, play=play)


@pytest.mark.parametrize("seed", range(12))
def test_so_is_one_in_which_people_and_accounts_turn_out_to_be_the_same(seed: int, linked: LinkedPlay) -> None:
    run(seed, play=linked)


@pytest.fixture(scope="module")
def exact() -> LinkedPlay:
    return LinkedPlay(exact=True)


@pytest.mark.parametrize("seed", range(16))
def test_so_it_is_with_an_hour_of_grace_where_partitions_hear_each_other_out(seed: int, exact: LinkedPlay) -> None:
    run(seed, play=exact)


@pytest.mark.parametrize("rule", NOT_HEARD)
def test_it_is_not_where_somebody_settles_what_another_may_still_change(rule: str, exact: LinkedPlay) -> None:
    noticed(rule, lambda seed: run(seed, NOT_HEARD[rule], exact), 60)


def test_whoever_turns_out_to_be_whom_and_however_late_every_event_counts_once() -> None:
    """Seeds 9 and 14 count one twice where a survivor does not wait for what is handed over to be settled."""
    play = CountedPlay()
    for seed in range(40):
        run(seed, play=play)


@pytest.mark.parametrize("rule", ["no_outbox_resend", "commit_early"])
def test_a_missing_rule_shows_in_the_journeys_too(rule: str, play: JourneyPlay) -> None:
    """Some do not: real entities know repeated events by their ids, and correct what came late. Toys do neither."""
    noticed(rule, lambda seed: run(seed, OFF[rule], play), 40)


@pytest.fixture(scope="module")
def erased() -> ErasedPlay:
    return ErasedPlay()


@pytest.mark.parametrize("seed", range(10))
def test_whoever_asked_to_be_forgotten_is_and_everybody_else_is_as_without_a_fault(
    seed: int, erased: ErasedPlay
) -> None:
    run(seed, play=erased)


@pytest.mark.parametrize("rule", ["no_outbox_resend", "commit_early"])
def test_a_missing_rule_shows_in_erasures_too(rule: str, erased: ErasedPlay) -> None:
    noticed(rule, lambda seed: run(seed, OFF[rule], erased), 20)


def test_the_stories_contain_erasures_that_come_to_something(erased: ErasedPlay) -> None:
    labels: Counter[str] = Counter()
    for seed in range(4):
        schedule = Schedule(seed, Rules(), erased)
        schedule.run()
        labels.update(
            str(orjson.loads(r.value or b"{}").get("label")) for r in schedule.kafka.records("transitions.user")
        )
    assert labels["erased"] >= 4, labels
