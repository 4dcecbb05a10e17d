"""Migrations: each once, in order, and never a changed one."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.migrate import FOLDER, MigrationError, migrate, pending, read, statements
from sinks.clickhouse.tables import TABLES

NEXT = len(read()) + 1
"""Number of the next migration."""


def quiet(line: str) -> None:
    """Say nothing."""


def test_a_fresh_database_gets_every_migration_once(bare: Client) -> None:
    said: list[str] = []
    assert migrate(bare, "fresh", said.append) == len(read())
    assert [line.split()[-1] for line in said] == [migration.name for migration in read()]
    assert migrate(bare, "fresh", said.append) == 0
    assert bare.command("SELECT currentDatabase()") == "fresh"


def test_the_tables_are_what_the_rows_are_made_for(client: Client) -> None:
    for table in TABLES.values():
        described = client.query(f"DESCRIBE TABLE {table.name}").result_rows
        filled = [(name, kind) for name, kind, made, *_ in described if not made]  # the others ClickHouse makes itself
        assert sorted(filled) == sorted(table.columns)
        engine, key = client.query(
            "SELECT engine_full, sorting_key FROM system.tables"
            " WHERE database = currentDatabase() AND name = {name:String}",
            parameters={"name": table.name},
        ).result_rows[0]
        assert engine.startswith(f"ReplacingMergeTree({table.version})" if table.version else "ReplacingMergeTree ")
        assert tuple(key.split(", ")) == table.key


def test_a_changed_migration_stops_and_says_where_the_change_belongs(bare: Client, tmp_path: Path) -> None:
    folder = copytree(FOLDER, tmp_path / "migrations")
    migrate(bare, "changed", quiet, folder)
    (folder / "0001_tables.sql").write_text("SELECT 1;")
    (folder / f"{NEXT:04}_more.sql").write_text("CREATE TABLE more (n UInt8) ENGINE = MergeTree ORDER BY n;")
    with pytest.raises(MigrationError, match=rf"0001_tables.sql was changed .* as a new file {NEXT + 1:04}_"):
        migrate(bare, "changed", quiet, folder)
    assert bare.command("EXISTS TABLE more") == 0


def test_a_new_migration_is_added_to_what_is_there(bare: Client, tmp_path: Path) -> None:
    folder = copytree(FOLDER, tmp_path / "migrations")
    migrate(bare, "grown", quiet, folder)
    (folder / f"{NEXT:04}_more.sql").write_text("CREATE TABLE more (n UInt8) ENGINE = MergeTree ORDER BY n;")
    assert migrate(bare, "grown", quiet, folder) == 1
    assert bare.command("EXISTS TABLE more") == 1


def test_what_was_stored_before_a_column_was_added_has_nothing_in_it(bare: Client, tmp_path: Path) -> None:
    folder = copytree(FOLDER, tmp_path / "migrations")
    for later in folder.glob("000[4-9]_*.sql"):
        later.unlink()
    migrate(bare, "merged", quiet, folder)
    bare.command("INSERT INTO transitions (entity, at, seq, valid) VALUES ('old', '2024-01-01', 1, true)")
    assert migrate(bare, "merged", quiet) == len(read()) - 3
    bare.command("INSERT INTO transitions (entity, at, seq, valid, `into`) VALUES ('new', '2024-01-01', 1, true, 'u1')")
    rows = bare.query("SELECT entity, `into` FROM valid_transitions ORDER BY entity").result_rows
    assert [tuple(row) for row in rows] == [("new", "u1"), ("old", None)]


def test_a_database_newer_than_this_version_is_left_alone(bare: Client, tmp_path: Path) -> None:
    folder = copytree(FOLDER, tmp_path / "migrations")
    (folder / f"{NEXT:04}_more.sql").write_text("SELECT 1;")
    migrate(bare, "newer", quiet, folder)
    with pytest.raises(
        MigrationError, match=rf"{NEXT:04}_more.sql, which this version does not know: run the newer version"
    ):
        migrate(bare, "newer", quiet)


def test_a_migration_that_broke_in_the_middle_is_finished_by_the_next_start(bare: Client, tmp_path: Path) -> None:
    folder = copytree(FOLDER, tmp_path / "migrations")
    half = "CREATE TABLE IF NOT EXISTS half (n UInt8) ENGINE = MergeTree ORDER BY n;\n"
    (folder / f"{NEXT:04}_half.sql").write_text(half + "NONSENSE;")
    with pytest.raises(Exception, match="NONSENSE"):
        migrate(bare, "broken", quiet, folder)
    (folder / f"{NEXT:04}_half.sql").write_text(
        half + "CREATE TABLE IF NOT EXISTS rest (n UInt8) ENGINE = MergeTree ORDER BY n;"
    )
    assert migrate(bare, "broken", quiet, folder) == 1
    assert bare.command("EXISTS TABLE rest") == 1


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0001_b.sql"], ["0001_a.sql", "0003_b.sql"]])
def test_holes_and_twins_in_the_numbers_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="without holes or twins"):
        read(tmp_path)


def test_a_badly_named_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_A.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"1_A\.sql is no name for a migration"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["default", "system", "a b", "", "a`; DROP DATABASE b", "1st"])
def test_a_name_that_cannot_be_the_database_is_refused(bare: Client, name: str) -> None:
    with pytest.raises(MigrationError, match="cannot be the database"):
        migrate(bare, name, quiet)


def test_statements_end_at_the_end_of_a_line_and_comments_are_left_out() -> None:
    text = "-- one; two;\nSELECT ';' AS a;\n  -- more\nSELECT\n  2\n;\n"
    assert statements(text) == ["SELECT ';' AS a", "SELECT\n  2"]


def test_nothing_is_pending_where_all_is_applied() -> None:
    wanted = read()
    assert pending(wanted, {m.number: (m.name, m.checksum) for m in wanted}, "x") == []
