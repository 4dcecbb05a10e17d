"""Metrics: names, what counts turn into, and the port they are told on."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from typing import get_args
from urllib.request import urlopen

import pytest

from deploy.local.process import free_port
from streams.metrics import ABOUT, Growing, Metrics, Name, _Silent
from tests.fuzzing import Fuzzer, Request, ask, besiege


@pytest.mark.parametrize("name", get_args(Name))
def test_a_name_says_whose_it_is_and_what_it_measures(name: Name) -> None:
    assert re.fullmatch(r"journeys_[a-z]+(_[a-z]+)*", name)
    assert ABOUT[name].text


def test_counts_become_figures_and_are_emptied() -> None:
    metrics = Metrics()
    counts = Counter(
        {("ok", "events"): 5, ("dead", "not_json"): 2, ("firings", "user.stage/activated"): 1, ("late", "user"): 3}
    )
    metrics.take(counts)
    assert not counts
    value = metrics.registry.get_sample_value
    assert value("journeys_records_total", {"outcome": "ok", "topic": "events"}) == 5
    assert value("journeys_dead_letters_total", {"reason": "not_json"}) == 2
    assert value("journeys_rule_firings_total", {"rule": "user.stage/activated"}) == 1
    assert value("journeys_noticed_total", {"what": "late", "label": "user"}) == 3


def test_a_partition_that_went_away_is_not_told_any_more() -> None:
    metrics = Metrics()
    metrics.set("journeys_armed_timers", 7, "users", "0")
    metrics.forget(["journeys_armed_timers"])
    assert metrics.registry.get_sample_value("journeys_armed_timers", {"task": "users", "partition": "0"}) is None


def test_a_total_that_begins_anew_does_not_run_backwards() -> None:
    growing = Growing()
    assert list(growing.since("works", {"a": 5.0})) == [("a", 5.0)]
    assert list(growing.since("works", {"a": 7.0})) == [("a", 2.0)]
    assert list(growing.since("works", {"a": 1.0})) == [("a", 1.0)]


def test_figures_are_told_on_a_port_of_their_own_and_a_taken_port_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = Metrics(port, "127.0.0.1")
    try:
        metrics.add("journeys_outputs_total", 3, "alerts")
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b'journeys_outputs_total{topic="alerts"} 3.0' in answer.read()
        with pytest.raises(OSError, match=f"metrics_port {port} cannot be used"):
            Metrics(port, "127.0.0.1")
    finally:
        metrics.close()


PATHS = ("/metrics", "/livez", "/readyz", "/", "/favicon.ico")
SCRAPE = Request(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", True)


def test_health_and_figures_are_told_whatever_else_is_sent(capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    metrics = Metrics(port, "127.0.0.1")

    async def good() -> None:
        assert (await ask(port, SCRAPE)).status == 200

    try:
        asked = Fuzzer(
            1, PATHS, ("name[]", "format"), headers=({}, {"Accept": "application/openmetrics-text; version=x"})
        )
        statuses = asyncio.run(besiege(port, asked, 200, good))
    finally:
        metrics.close()
    assert {200, 503} <= statuses.keys(), statuses
    assert "Traceback" not in capfd.readouterr().err


def test_who_never_ends_a_request_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Silent, "timeout", 0.2)
    port = free_port()
    metrics = Metrics(port, "127.0.0.1")
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as half:
            half.sendall(b"GET /metr")
            assert half.recv(1) == b""
    finally:
        metrics.close()
