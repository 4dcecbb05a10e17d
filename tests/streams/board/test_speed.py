"""The benchmark's own rows, a fiftieth of them: every query answers, adds up, and is far from its limit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from sinks.clickhouse import queries
from sinks.clickhouse.board import operations
from sinks.clickhouse.connect import connect
from tests.bench.board import LIMIT_MS, USERS, asked, make, timed

ACCOUNTS = 2_000


@pytest.fixture(scope="module")
def many(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    client = connect(clickhouse.url)
    make(client, f"board_many_{os.getpid()}", ACCOUNTS)
    yield client
    client.command(f"DROP DATABASE `{client.database}` SYNC")
    client.close()


def test_the_benchmarks_rows_are_a_company_that_adds_up(many: Client) -> None:
    for row in operations.stock(many):
        assert row["stock"] == row["snapshots"] == (ACCOUNTS if row["kind"] == "account" else ACCOUNTS * USERS)
    assert all(row["broken"] == 0 for row in queries.stock_check(many))


def test_every_query_of_the_board_is_below_its_limit(many: Client) -> None:
    slow = {}
    for one in asked(many):
        for _ in range(
            5
        ):  # a busy machine may be slow once, and five times in a row at two percent of the size is the query
            best = timed(one, 1).best
            if best < LIMIT_MS:
                break
        else:
            slow[one.name] = best
    assert slow == {}
