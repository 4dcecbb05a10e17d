"""The benchmark's own rows, a fiftieth of them: every query answers, adds up, and is far from its limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from aiohttp import web
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from sinks.clickhouse import queries
from sinks.clickhouse.board import operations, people
from sinks.clickhouse.connect import connect
from tests.bench.board import USERS, Asked, asked, forgotten, make, timed, unvisited

ACCOUNTS, LARGE = 2_000, 100


@pytest.fixture(scope="module")
def many(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    client = connect(clickhouse.url)
    make(client, f"board_many_{os.getpid()}", ACCOUNTS, LARGE)
    yield client
    client.command(f"DROP DATABASE `{client.database}` SYNC")
    client.close()


@pytest.fixture(scope="module")
def found(many: Client) -> list[Asked]:
    """What the board asks while all its pages are visited."""
    return asked(many)


def test_the_benchmarks_rows_are_a_company_that_adds_up(many: Client) -> None:
    expected = {"account": ACCOUNTS, "user": ACCOUNTS * USERS + LARGE}
    for row in operations.stock(many):
        assert row["stock"] == row["snapshots"] == expected[row["kind"]]
    assert all(row["broken"] == 0 for row in queries.stock_check(many))
    assert many.query("SELECT account, count() AS n FROM entities WHERE kind = 'user' GROUP BY account ORDER BY n DESC LIMIT 1"
    ).result_rows == [("a-0000000", LARGE + USERS)]  # fmt: skip


def test_no_query_of_the_board_is_forgotten(found: list[Asked]) -> None:
    assert forgotten(found) == []
    assert forgotten([one for one in found if one.query is not people.member_counts]) == [
        "sinks.clickhouse.board.people.member_counts"
    ]


def test_a_page_that_is_not_visited_is_said() -> None:
    app = web.Application()
    for path in ("/visited/{id}", "/new", "/new/{id}", "/static/board.css"):
        app.router.add_get(path, unanswered)
    assert unvisited(app, ["/visited/42?people=all"]) == ["/new", "/new/{id}"]


async def unanswered(_request: web.Request) -> web.Response:
    raise AssertionError


@pytest.fixture(scope="module")
def engine(clickhouse: LocalClickHouse | ClickHouseAddress) -> psutil.Process | None:
    """The process that answers, where it is one of this machine's: on a busy machine its CPU time says what a query takes."""
    port = urlsplit(clickhouse.url).port
    listening = (
        at for at in psutil.net_connections("tcp") if at.status == "LISTEN" and at.laddr.port == port and at.pid
    )
    return next((psutil.Process(at.pid) for at in listening), None)


def test_every_query_of_the_board_is_below_its_limit(found: list[Asked], engine: psutil.Process | None) -> None:
    slow = {}
    for one in found:
        began = time.perf_counter()
        one.ask()
        if 1000 * (time.perf_counter() - began) < one.limit_ms:
            continue
        told = timed(
            one, 4, engine
        )  # once may be the neighbours; again and again at two percent of the size is the query
        if told.slow(one.limit_ms):
            slow[one.page, one.query.__name__] = told
    assert slow == {}
