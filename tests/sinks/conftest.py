"""Fixtures of the sink's tests: the real engine in this process, a database of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from tests.fixtures.services import clickhouse

__all__ = ["clickhouse"]

_numbers = count(1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the engine open, a module at a time: the engine takes one folder a process, others want it too."""
    folder = tmp_path_factory.mktemp("clickhouse")
    holder = connect(f"chdb://{folder}")
    try:
        yield folder
    finally:
        holder.close()


@pytest.fixture
def bare(engine: Path) -> Iterator[Client]:
    """A client without a database of its own yet."""
    client = connect(f"chdb://{engine}")
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(bare: Client) -> Client:
    """A client on a fresh, migrated database."""
    return prepared(bare)


@pytest.fixture
def remote(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    """The same as `client`, of a ClickHouse in a process of its own, over HTTP."""
    client = connect(clickhouse.url)
    try:
        yield prepared(client)
        client.command(f"DROP DATABASE `{client.database}` SYNC")
    finally:
        client.close()


def prepared(client: Client) -> Client:
    """Give a client a fresh, migrated database in which nothing is ever merged: views must not need it."""
    migrate(client, f"sinks_{os.getpid()}_{next(_numbers)}", lambda line: None)
    client.command("SYSTEM STOP MERGES")
    return client
