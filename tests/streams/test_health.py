"""Health: what lives, what has hung, what only waits; and how it is asked."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from deploy.local.process import free_port
from streams.health import BLIND_S, Health, Stalled, Standing
from streams.metrics import Metrics


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def health(patience: float = 300) -> tuple[Health, Time]:
    time = Time()
    return Health(patience, time), time


def looks(of: Health, time: Time, seconds: float, *standing: Standing, waits: str = "") -> None:
    """A look a second for so long, at the same picture."""
    for _ in range(int(seconds)):
        time.now += 1
        of.look(standing, True, waits)


def test_a_partition_with_something_to_do_whose_commit_stands_still_has_hung() -> None:
    found, time = health()
    looks(found, time, 299, ("events", 3, 17, 5))
    assert found.why_not_alive() == ""
    found.must_live()
    looks(found, time, 3, ("events", 3, 17, 5))
    assert "events, partition 3, stands at 17 for 30" in found.why_not_alive()
    with pytest.raises(Stalled, match="the worker ends, so that it is started again"):
        found.must_live()
    looks(found, time, 1, ("events", 3, 18, 4))
    assert found.why_not_alive() == ""


def test_one_that_stands_still_is_seen_beside_others_that_move() -> None:
    found, time = health()
    for second in range(400):
        looks(found, time, 1, ("events", 0, second, 9), ("events", 1, 5, 9), ("members", 0, 7, 0))
    assert "events, partition 1" in found.why_not_alive()


@pytest.mark.parametrize("standing", [(), (("events", 0, 17, 0),)])
def test_who_has_nothing_to_do_lives(standing: tuple[Standing, ...]) -> None:
    found, time = health()
    looks(found, time, 1_000, *standing)
    assert (found.why_not_alive(), found.why_not_ready()) == ("", "")


def test_who_waits_on_purpose_lives_and_is_not_ready() -> None:
    found, time = health()
    looks(found, time, 1_000, ("events", 0, 17, 99), waits="ClickHouse is away")
    assert (found.why_not_alive(), found.why_not_ready()) == ("", "ClickHouse is away")
    looks(found, time, 200, ("events", 0, 17, 99))
    assert found.why_not_alive() == "", "its time counts from when it could go on"
    looks(found, time, 200, ("events", 0, 17, 99))
    assert found.why_not_alive()


def test_a_partition_that_went_and_came_back_begins_anew() -> None:
    found, time = health()
    looks(found, time, 250, ("events", 0, 17, 99))
    looks(found, time, 1)
    looks(found, time, 250, ("events", 0, 17, 99))
    assert found.why_not_alive() == ""


def test_a_loop_that_does_not_turn_does_not_live() -> None:
    found, time = health()
    looks(found, time, 1)
    time.now += BLIND_S + 1
    assert "the event loop hangs" in found.why_not_alive()
    assert "the event loop hangs" in found.why_not_ready()


def test_before_it_has_partitions_it_lives_and_is_not_ready() -> None:
    found, time = health()
    assert (found.why_not_alive(), found.why_not_ready()) == ("", "it has not been given partitions yet")
    time.now += 1
    found.look((), False)
    assert "joining its group" in found.why_not_ready()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def test_probes_are_answered_beside_the_figures() -> None:
    port = free_port()
    metrics = Metrics(port, "127.0.0.1")
    try:
        assert ask(port, "/livez") == (200, "ok\n")
        assert ask(port, "/readyz") == (503, "it has not been given partitions yet\n")
        metrics.health.look((), True)
        assert ask(port, "/readyz") == (200, "ok\n")
        assert "journeys_recovery_seconds" in ask(port, "/metrics")[1]
    finally:
        metrics.close()
