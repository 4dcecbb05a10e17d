"""The manual is run: every statement of docs/sql.md works, and every table and view is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from schemas.event import Event
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import statements
from sinks.clickhouse.rows import Row, event_row, rows_of
from sinks.clickhouse.writer import ClickHouseWriter
from tests.sinks.clickhouse.test_rows import AT, TRANSITION, record
from tests.sinks.conftest import prepared

TEXT = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
STATEMENTS = [statement for block in re.findall(r"```sql\n(.*?)```", TEXT, re.S) for statement in statements(block)]


@pytest.fixture(scope="module")
def manual(engine: Path) -> Iterator[Client]:
    """A database with one user's transition and its evidence in it."""
    client = prepared(connect(f"chdb://{engine}"))
    writer = ClickHouseWriter(client)
    writer.write("events", [event_row(Event("e1", "Feature Used", "track", AT, user="ana")).values])
    for row in rows_of("transitions.user", record("transitions.user", TRANSITION | {"entity": "ana"})):
        assert isinstance(row, Row)
        writer.write(row.table, [row.values])
    yield client
    client.close()


def test_there_are_statements_to_run() -> None:
    assert len(STATEMENTS) >= 12


@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
def test_a_statement_of_the_manual_runs(manual: Client, statement: str) -> None:
    manual.query(statement)


def test_every_table_and_view_with_its_columns_is_in_the_manual(manual: Client) -> None:
    found = manual.query(
        "SELECT name, engine FROM system.tables WHERE database = currentDatabase() AND name != 'migrations'"
    ).result_rows
    for name, engine in found:
        assert f"| `{name}` |" in TEXT
        if engine != "View":
            continue
        line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
        if ", " in line.split(":")[0]:
            columns = [row[0] for row in manual.query(f"DESCRIBE TABLE {name}").result_rows]
            told = [word.strip() for word in line.split("|")[2].split(":")[0].split(",")]
            assert set(told) == set(columns) or name in ("valid_transitions", "alerts_now"), name


def test_the_manual_shows_why_a_user_moved_and_what_moved_it(manual: Client) -> None:
    why = next(statement for statement in STATEMENTS if "arrayJoin(JSONExtract(because" in statement)
    found = manual.query(why)
    assert [row[-4:] for row in found.result_rows] == [("n", "1", ">=", "1")]
    evidence = next(statement for statement in STATEMENTS if "arrayJoin(evidence)" in statement)
    assert [row[1] for row in manual.query(evidence).result_rows] == ["Feature Used"]
