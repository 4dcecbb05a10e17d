"""The engine on real Kafka: whatever happens to its workers, what comes out is what one careful reader would say."""

from __future__ import annotations

import random
import time

from tests.simulation.oracle import Oracle
from tests.simulation.toys import CountingUsers, FoldingAccounts
from tests.streams.cluster import Cluster, Event, history, wait_for


def check(cluster: Cluster, events: list[Event], end: int) -> None:
    """Every transition exists with one payload, none is missing, the states are right, everything is committed."""
    oracle = Oracle(events, end)
    found: set[bytes] = set()

    def complete() -> bool:
        found.update(record.value for record in cluster.read("transitions"))
        return found >= oracle.transitions

    wait_for(complete, 60, lambda: f"{len(oracle.transitions - found)} of {len(oracle.transitions)} missing")
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
        worker = cluster.worker("0.3").ready()
        time.sleep(luck.uniform(0.1, 0.8))
        assert cluster.lag() > 0, "the kill must find records in flight"
        worker.kill()
        cluster.feed(events[3_000 + turn * 900 : 3_900 + turn * 900])
    cluster.feed(events[5_700:], end=7_000)
    cluster.worker().ready()
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
