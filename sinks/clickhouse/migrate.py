"""Migrations: forward only, numbered, each applied once; a file that changed after it was applied stops everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

FOLDER = Path(__file__).parent / "migrations"

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_STATEMENT_END = re.compile(r";[ \t]*(?:\n|$)")

_APPLIED = """
CREATE TABLE IF NOT EXISTS migrations (
    number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY number
"""


class MigrationError(Exception):
    """The database and these files do not fit; the message says what to do."""


class Migration(NamedTuple):
    """One file. Its statements can be run again without harm, so a crash in the middle is mended by the next start."""

    number: int
    name: str
    checksum: str
    statements: list[str]


def migrate(client: Client, database: str, say: Callable[[str], None], folder: Path = FOLDER) -> int:
    """Create the database if missing, apply what is new, leave the client on it. Returns how many were applied.

    Raises MigrationError where an applied file has changed, is missing here or is misnumbered; nothing is applied then.
    """
    wanted = read(folder)
    use(client, database)
    client.command(_APPLIED)
    new = pending(wanted, applied(client), database)
    for migration in new:
        say(f"ClickHouse database {database}: applying migration {migration.name}")
        for statement in migration.statements:
            client.command(statement)
        client.command(
            "INSERT INTO migrations (number, name, checksum)"
            " VALUES ({number:UInt32}, {name:String}, {checksum:String})",
            parameters={"number": migration.number, "name": migration.name, "checksum": migration.checksum},
            settings={"async_insert": 0},
        )
    return len(new)


def use(client: Client, database: str) -> None:
    """Create the database if missing and make it the client's own. Not `default`: on chDB it has another engine."""
    if not _DATABASE.fullmatch(database) or database in ("default", "system", "information_schema"):
        raise MigrationError(
            f"{database!r} cannot be the database: write a name of its own, of letters, digits and _, such as journeys"
        )
    client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    client.database = database


def read(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a folder in order. Numbers start at 1 and have no holes and no twins."""
    found = [_migration(path) for path in sorted(folder.glob("*.sql"))]
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations must be numbered 0001, 0002, ... without holes or twins; found {numbers}")
    return found


def _migration(path: Path) -> Migration:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise MigrationError(f"{path.name} is no name for a migration: write NNNN_what_it_does.sql, lower case")
    text = path.read_text(encoding="utf-8")
    return Migration(int(match[1]), path.name, sha256(text.encode()).hexdigest(), statements(text))


def statements(text: str) -> list[str]:
    """SQL cut into statements: one ends with `;` at the end of a line. Lines that begin with `--` are left out."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in _STATEMENT_END.split(code) if part.strip()]


def applied(client: Client) -> dict[int, tuple[str, str]]:
    """{number: (name, checksum)} of what the client's database has."""
    rows = client.query("SELECT number, name, checksum FROM migrations FINAL ORDER BY number").result_rows
    return {number: (name, checksum) for number, name, checksum in rows}


def pending(wanted: list[Migration], had: dict[int, tuple[str, str]], database: str) -> list[Migration]:
    """What is still to be applied. Raises where what was applied is not what the files say."""
    known = {migration.number: migration for migration in wanted}
    for number, (name, checksum) in had.items():
        migration = known.get(number)
        if migration is None:
            raise MigrationError(
                f"database {database} has migration {name}, which this version does not know: "
                "run the newer version of journeys, or name another database"
            )
        if migration.checksum != checksum:
            raise MigrationError(
                f"migration {migration.name} was changed after it was applied to database {database}: "
                f"put the file back as it was and write the change as a new file {len(wanted) + 1:04d}_*.sql"
            )
    return [migration for migration in wanted if migration.number not in had]
