"""The local ClickHouse fails as it is told to, and the client that we use says what the sink is made for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from deploy.local.clickhouse import LocalClickHouse
from deploy.local.process import ServiceError
from sinks.clickhouse.retry import Unavailable, classify


@pytest.fixture(scope="module")
def server() -> Iterator[LocalClickHouse]:
    with LocalClickHouse(with_faults=True, say=print) as own:
        yield own


@pytest.fixture
def client(server: LocalClickHouse) -> Iterator[Client]:
    with clickhouse_connect.get_client(**server.options, send_receive_timeout=2, connect_timeout=2) as client:
        client.command("CREATE DATABASE IF NOT EXISTS faulty")
        client.database = "faulty"
        client.command("CREATE OR REPLACE TABLE facts (n UInt32) ENGINE = MergeTree ORDER BY n")
        yield client
        server.restart().faults.clear()


def put(client: Client, n: int = 1) -> None:
    client.insert("facts", [[n]], column_names=["n"], column_type_names=["UInt32"])


def held(client: Client) -> int:
    return int(client.command("SELECT count() FROM facts"))


def failure(do: Callable[[], Any]) -> Unavailable:
    """What the sink makes of what the client raises."""
    with pytest.raises(Exception) as caught:
        do()
    problem = classify(caught.value)
    assert isinstance(problem, Unavailable), repr(caught.value)
    return problem


@pytest.mark.parametrize(("when", "rows"), [("before", 1), ("after", 2)])
def test_after_one_dropped_connection_the_client_sends_an_insert_again_and_says_nothing(
    server: LocalClickHouse, client: Client, when: str, rows: int
) -> None:
    server.faults.add("drop", when=when)
    put(client)
    assert server.faults.happened() == 1
    assert held(client) == rows, "a drop after applying doubles the row: nothing but a deterministic id mends that"


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 2)])
def test_after_two_it_says_so_whatever_is_stored(server: LocalClickHouse, client: Client, when: str, rows: int) -> None:
    server.faults.add("drop", when=when, times=2)
    assert failure(lambda: put(client)).reason == "network"
    assert server.faults.happened() == 2
    assert held(client) == rows


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_an_error_has_its_code_and_comes_once(server: LocalClickHouse, client: Client, when: str, rows: int) -> None:
    server.faults.add("error", when=when, code=241)
    with pytest.raises(DatabaseError) as caught:
        put(client)
    assert caught.value.code == 241
    assert held(client) == rows
    put(client)
    assert held(client) == rows + 1


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_hang_is_ended_by_the_client_s_patience(
    server: LocalClickHouse, client: Client, when: str, rows: int
) -> None:
    server.faults.add("hang", when=when)
    began = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        put(client)
    assert 1.5 < time.monotonic() - began < 8
    assert isinstance(classify(caught.value), Unavailable)
    assert held(client) == rows


def test_a_late_answer_is_an_answer(server: LocalClickHouse, client: Client) -> None:
    server.faults.add("delay", seconds=0.5, times=2)
    began = time.monotonic()
    put(client)
    put(client)
    assert time.monotonic() - began >= 1.0
    assert held(client) == 2


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_server_that_is_killed_comes_back_with_what_it_had_applied(
    server: LocalClickHouse, client: Client, when: str, rows: int
) -> None:
    server.faults.add("kill", when=when)
    failure(lambda: put(client))
    until = time.monotonic() + 5
    while server.running and time.monotonic() < until:
        time.sleep(0.05)
    assert not server.running
    server.restart()
    assert held(client) == rows
    assert server.faults.happened() == 0, "a new process knows of no faults"


def test_queries_commands_pings_and_a_new_client_fail_too(server: LocalClickHouse, client: Client) -> None:
    for ask in (
        lambda: client.query("SELECT 1"),
        lambda: client.command("SELECT 1"),
        lambda: client.raw_query("SELECT 1"),
        lambda: list(client.query_row_block_stream("SELECT 1").__enter__()),
        lambda: clickhouse_connect.get_client(**server.options),
    ):
        server.faults.add("error", match="SELECT", times=1)
        failure(ask)
        server.faults.clear()
        ask()


def test_only_what_is_matched_fails_and_only_after_what_passes_first(server: LocalClickHouse, client: Client) -> None:
    server.faults.add("error", match="INSERT INTO `facts`", skip=1, times=2)
    put(client)
    assert held(client) == 1
    for _ in range(2):
        failure(lambda: put(client))
    put(client)
    assert held(client) == 2


def test_without_being_asked_for_there_is_no_such_door(server: LocalClickHouse) -> None:
    with pytest.raises(ServiceError, match="with_faults"):
        _ = LocalClickHouse().faults
    with pytest.raises(ValueError, match="a fault is one of"):
        server.faults.add("explode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unexpected keyword"):
        server.faults.add("drop", often=3)
