"""Writer: rows into ClickHouse, one insert a table and batch, column by column. Errors say what to do (retry.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.retry import Refused, classify
from sinks.clickhouse.tables import TABLES, Table

MOST_ROWS = 1_000_000
"""Rows of one insert: beyond it the server cuts blocks by itself, and a failed insert may be there in part."""

SETTINGS: dict[str, Any] = {
    "async_insert": 0,  # on by default now: the acknowledgement must mean that the rows are stored
    "max_partitions_per_insert_block": 300,  # tables are partitioned by year, event times are within 1990 to 2100
}


class Writer(Protocol):
    """Where rows go. One thread at a time."""

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Blocks until all rows are stored, or raises Unavailable, BadData or Refused.

        After an error some of the rows may be stored all the same, so writing them again must be harmless; it is.
        """
        ...

    def ping(self) -> None:
        """Raises the same errors where a write cannot succeed now."""
        ...

    def close(self) -> None: ...


class ClickHouseWriter:
    """A Writer over clickhouse-connect's client, be it over HTTP or of the engine in this process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._closed = False

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        into = known(table)
        self._must_be_open()
        for start in range(0, len(rows), MOST_ROWS):
            self._insert(into, rows[start : start + MOST_ROWS])

    def _insert(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        try:
            self._client.insert(
                table.name,
                columns,
                column_names=table.names,
                column_type_names=table.types,  # without them each insert costs a DESCRIBE
                column_oriented=True,
                settings=SETTINGS,
            )
        except Exception as error:
            raise classify(error) from error
        finally:
            # The client's context of an insert refers to itself and to these: every row would stay in memory until the
            # garbage collector has come.
            columns.clear()

    def ping(self) -> None:
        self._must_be_open()
        try:
            self._client.command("SELECT 1")
        except Exception as error:
            raise classify(error) from error

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _must_be_open(self) -> None:
        if self._closed:  # over HTTP the client itself would just open another connection
            raise Refused("the writer is closed", "client")


def known(name: str) -> Table:
    """The table of that name; Refused for any other."""
    table = TABLES.get(name)
    if table is None:
        raise Refused(f"there is no table {name!r}; the tables are {', '.join(TABLES)}", "unknown_table")
    return table
