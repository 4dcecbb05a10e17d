"""The engine on real Kafka: whatever happens to its workers, what comes out is what one careful reader would say."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from types import SimpleNamespace
from typing import Any, cast

from streams.batch.consumer import AT_ONCE, Fetching
from streams.delivery.contracts import NEVER
from streams.delivery.record import encode_entity, entity_key
from streams.engine import AHEAD, AHEAD_IN_ALL, FAR_AHEAD, Engine, is_enough
from tests.simulation.oracle import Oracle
from tests.simulation.toys import CountingUsers, FoldingAccounts
from tests.streams.cluster import Cluster, Event, history, wait_for
from tests.streams.toy_worker import graph


def check(cluster: Cluster, events: list[Event], end: int) -> None:
    """Every transition exists with one payload, none is missing, the states are right, everything is committed."""
    oracle = Oracle(events, end)
    found: set[bytes] = set()

    def complete() -> bool:
        found.update(record.value for record in cluster.read("transitions"))
        return found >= oracle.transitions

    def told() -> str:
        missing, wrong = sorted(oracle.transitions - found), sorted(found - oracle.transitions)
        return f"{len(missing)} of {len(oracle.transitions)} missing {missing[:5]}, {len(wrong)} wrong {wrong[:5]}"

    wait_for(complete, 60, told)
    assert found == oracle.transitions
    wait_for(lambda: cluster.lag() == 0, 15, cluster.lag)
    assert cluster.states("users", CountingUsers()) == oracle.states["users"]
    assert cluster.states("accounts", FoldingAccounts()) == oracle.states["accounts"]
    letters = {dict(record.headers)["id"] for record in cluster.read("dead-letters")}
    assert len(letters) == oracle.dead


def test_what_comes_out_is_what_the_oracle_says(cluster: Cluster) -> None:
    events = history(1, 6_000)
    cluster.feed(events, end=7_000)
    worker = cluster.worker().ready()
    check(cluster, events, 7_000)
    values = [record.value for record in cluster.read("transitions")]
    assert len(values) == len(set(values)), "without a crash nothing is published twice"
    assert worker.terminate() < 10
    assert worker.process.returncode == 0, worker.text()[-3000:]


def test_kill_9_at_any_moment_loses_and_repeats_nothing(cluster: Cluster) -> None:
    events = history(2, 6_000)
    cluster.feed(events[:3_000])
    luck = random.Random(5)
    for turn in range(3):
        worker = cluster.worker("1", "one").ready()  # slow enough that a starved machine still finds it at work
        time.sleep(luck.uniform(0.1, 0.8))
        assert cluster.lag() > 0, "the kill must find records in flight"
        worker.kill()
        cluster.feed(events[3_000 + turn * 900 : 3_900 + turn * 900])
    cluster.feed(events[5_700:], end=7_000)
    cluster.worker("0", "one").ready()
    check(cluster, events, 7_000)


def test_sigterm_in_the_middle_of_a_batch_and_a_worker_that_joins_and_leaves(cluster: Cluster) -> None:
    events = history(3, 6_000)
    cluster.feed(events[:2_500])
    first = cluster.worker("0.3").ready()
    time.sleep(0.3)
    assert cluster.lag() > 0
    assert first.terminate() < 10
    assert first.process.returncode == 0, first.text()[-3000:]
    second = cluster.worker("0.2").ready()
    cluster.feed(events[2_500:4_500])
    third = cluster.worker("0.2").ready()
    cluster.feed(events[4_500:])
    assert third.terminate() < 10
    assert third.process.returncode == 0, third.text()[-3000:]
    cluster.feed([], end=7_000)
    check(cluster, events, 7_000)
    assert second.process.poll() is None


def test_a_worker_that_slept_through_its_own_replacement_does_no_harm(cluster: Cluster) -> None:
    events = history(4, 5_000)
    cluster.feed(events[:2_000])
    sleeper = cluster.worker("0.5").ready()
    time.sleep(0.5)
    assert cluster.lag() > 0
    sleeper.process.send_signal(signal.SIGSTOP)
    successor = cluster.worker("0.2").ready()
    cluster.feed(events[2_000:4_000])
    time.sleep(1)
    sleeper.process.send_signal(signal.SIGCONT)
    cluster.feed(events[4_000:], end=6_000)
    check(cluster, events, 6_000)
    assert "somebody else writes to the changelog" in sleeper.text() + successor.text()
    assert (sleeper.process.poll(), successor.process.poll()) == (None, None)


def test_a_foreign_record_in_a_changelog_is_undone_by_taking_the_partition_again(cluster: Cluster) -> None:
    events = history(8, 3_000)
    cluster.feed(events[:2_000])
    worker = cluster.worker("0.3").ready()
    time.sleep(0.5)
    zombie = [(entity_key(b"u%d" % n), encode_entity(0, 1, NEVER, [], b"a0|1|1|1|1|1")) for n in range(100)]
    cluster.append("users-changelog", zombie)
    cluster.feed(events[2_000:], end=4_000)
    check(cluster, events, 4_000)
    assert worker.text().count("partition_retaken") >= 1
    assert worker.process.poll() is None


def test_an_engine_without_the_state_that_it_made_refuses_to_start(cluster: Cluster) -> None:
    cluster.feed(history(5, 500), end=1_000)
    worker = cluster.worker().ready()
    wait_for(lambda: cluster.lag() == 0, 30, worker.text)
    worker.terminate()
    cluster.delete("users-changelog")
    again = cluster.worker()
    wait_for(lambda: again.process.poll() is not None, 30, again.text)
    assert again.process.returncode != 0
    assert "the changelog was deleted. To build the state again, reset the offsets" in again.text()


def test_a_source_topic_made_anew_under_its_old_name_is_read_from_its_beginning(cluster: Cluster) -> None:
    before, after = history(6, 500), history(7, 500, start=2_000)
    cluster.feed(before, end=1_000)
    worker = cluster.worker().ready()
    wait_for(lambda: cluster.lag() == 0, 30, worker.text)
    worker.terminate()
    cluster.delete("raw")
    cluster.feed(after, end=4_000)  # before the worker starts: nobody waits for a partition that is known to be empty
    cluster.worker().ready()
    check(cluster, before + after, 4_000)


def test_a_commit_beyond_the_end_of_a_source_is_refused(cluster: Cluster) -> None:
    cluster.commit("raw", 10_000)
    worker = cluster.worker()
    wait_for(lambda: worker.process.poll() is not None, 30, worker.text)
    assert worker.process.returncode != 0
    assert "it was deleted and created again" in worker.text()


def test_a_partition_has_enough_waiting_for_a_long_slice_or_for_the_next_one_where_much_waits_in_all() -> None:
    assert not is_enough(FAR_AHEAD - 1, [FAR_AHEAD] * 7), "seven others leave room"
    assert is_enough(FAR_AHEAD, [FAR_AHEAD])
    assert is_enough(AHEAD, [AHEAD] * (AHEAD_IN_ALL // AHEAD))
    assert not is_enough(AHEAD - 1, [FAR_AHEAD] * AHEAD_IN_ALL), "each goes on, however many there are"


def test_an_engine_that_computes_all_the_time_lets_the_broker_gather() -> None:
    asked: list[Fetching] = []

    async def computes() -> None:
        engine = Engine(cast(Any, SimpleNamespace(batch_consumer=SimpleNamespace(ask=asked.append))), graph("busy."))
        ticker = asyncio.create_task(engine._tick())
        async with asyncio.timeout(30):
            while not asked or asked[-1] == AT_ONCE:
                sum(range(100_000))
                await asyncio.sleep(0)
        ticker.cancel()

    asyncio.run(computes())
    assert asked[0] == AT_ONCE
