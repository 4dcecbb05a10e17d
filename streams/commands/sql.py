"""`journeys sql`: a question to ClickHouse, or, over what a replay wrote, to the engine inside this process."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from schemas import sources
from schemas.definition.parse import load
from schemas.event import Event
from schemas.time import rfc3339
from sinks.clickhouse.connect import AddressError, connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.questions import questions
from sinks.clickhouse.retry import classify
from sinks.clickhouse.rows import Row, event_row, rows_of, stage_rows
from sinks.clickhouse.writer import ClickHouseWriter
from streams.delivery.contracts import Record
from streams.replay.files import Unreadable, lines_of
from streams.settings import SettingsError, load_settings

FORMATS = ("table", "csv", "json")
DATABASE = "replay"
PIECE = 20_000
"""Rows of one insert."""

READ_ONLY = {"readonly": 1}
"""ClickHouse's own setting: a question that writes is refused."""


class Unanswered(Exception):
    """There is nobody to ask, or the question is wrong; the message says which."""


def ask(question: str | None, settings: Path | None, folder: Path | None, form: str, console: Console) -> int:
    """Answer a question, by name or as SQL; without one, list those there are. Status: 0, or 2 for what went wrong."""
    known = questions()
    if question is None:
        for one in known.values():
            console.print(f"{one.name:<12} {one.title}", highlight=False, soft_wrap=True)
        return 0
    if form not in FORMATS:
        return _wrong(f"--format {form} is none; write {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if question.isidentifier() and question not in known:
        return _wrong(f"there is no question {question!r}; there is {', '.join(known)}, or write SQL")
    sql = known[question].sql if question in known else question.strip().removesuffix(";")
    try:
        client = embedded(folder) if folder is not None else _server(settings)
        names, rows = answer(client, sql)
        client.close()
    except Unanswered as problem:
        return _wrong(str(problem))
    show(names, rows, form, console)
    return 0


def _wrong(message: str) -> int:
    print(f"journeys: {message}", file=sys.stderr)
    return 2


def answer(client: Client, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """(names, rows). Raises Unanswered with ClickHouse's own words."""
    try:
        found = client.query(sql, settings=READ_ONLY)
    except Exception as error:
        raise Unanswered(str(classify(error))) from None
    return list(found.column_names), [tuple(row) for row in found.result_rows]


def show(names: list[str], rows: list[tuple[Any, ...]], form: str, console: Console) -> None:
    """Print an answer as a table for people, as CSV, or as a JSON object a line."""
    if form == "table":
        table = Table(*names, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*[plain(value) for value in row])
        console.print(table)
    elif form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([names, *[[plain(value) for value in row] for row in rows]])
    else:
        for row in rows:
            print(orjson.dumps(dict(zip(names, row, strict=True)), default=plain).decode())


def plain(value: Any) -> str:
    """A value as text: times in RFC 3339, whole numbers without a fraction, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(round(value.timestamp() * 1000))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    return str(value)


def _server(settings: Path | None) -> Client:
    try:
        where = load_settings(settings).clickhouse
        return connect(where.url, where.database, **where.login("read"))
    except (SettingsError, AddressError) as problem:
        raise Unanswered(str(problem)) from None
    except Exception as error:
        raise Unanswered(f"no ClickHouse answers: {classify(error)}; --from FOLDER asks what a replay wrote") from None


# --- what a replay wrote ---------------------------------------------------------------------------------------------------


def embedded(folder: Path) -> Client:
    """The engine in this process over the folder's records, which are put into it the first time; kept in FOLDER/clickhouse."""
    try:
        summary = orjson.loads((folder / "summary.json").read_bytes())
    except (OSError, ValueError):
        raise Unanswered(
            f"{folder} holds no results of a replay; write the folder that `journeys replay … --out` wrote"
        ) from None
    try:
        client = connect(f"chdb://{(folder / 'clickhouse').resolve()}")
    except Exception as error:
        raise Unanswered(f"the engine could not be started: {error}; `make setup` installs it") from None
    mark = str(summary["stopped_at"]), summary["digest"]
    if _mark(client) != mark:
        client.command(f"DROP DATABASE IF EXISTS {DATABASE}")
        migrate(client, DATABASE, lambda text: None)
        pour(client, folder, summary)
        client.command("CREATE TABLE replayed (stopped_at String, digest String) ENGINE = MergeTree ORDER BY digest")
        client.command(
            "INSERT INTO replayed VALUES ({stopped:String}, {digest:String})",
            parameters={"stopped": mark[0], "digest": mark[1]},
        )
    client.database = DATABASE
    return client


def _mark(client: Client) -> tuple[str, str] | None:
    """Which replay the engine holds."""
    try:
        (found,) = client.query(f"SELECT stopped_at, digest FROM {DATABASE}.replayed").result_rows
    except Exception:  # there is none yet, or it was broken off
        return None
    return str(found[0]), str(found[1])


def pour(client: Client, folder: Path, summary: dict[str, Any]) -> None:
    """Everything that a replay wrote, and its input as far as that still lies where it was."""
    writer = ClickHouseWriter(client)
    definition = load(folder / "definition.yaml")
    rows: Iterable[Row] = stage_rows(definition, 0)
    _write(writer, rows)
    _write(writer, _published(folder))
    if Path(summary["input"]).is_file():
        _write(writer, _events(Path(summary["input"]), summary["source"]))


def _published(folder: Path) -> Iterator[Row]:
    topics = {"transitions": "transitions.{kind}", "alerts": "alerts", "entities": "state.{kind}"}
    for name, topic in topics.items():
        for offset, line in enumerate((folder / f"{name}.jsonl").read_bytes().splitlines()):
            if line != b"null":
                told = orjson.loads(line)
                record = Record(topic.format(kind=told["kind"]), 0, offset, offset, told["entity"].encode(), line)
                found = rows_of(record.topic, record)
                yield from found if isinstance(found, list) else ()


def _events(path: Path, source: str) -> Iterator[Row]:
    try:
        for line in lines_of(path):
            yield from (
                event_row(event) for event in sources.decode(source, line, None, (), 0) if isinstance(event, Event)
            )
    except Unreadable:
        return


def _write(writer: ClickHouseWriter, rows: Iterable[Row]) -> None:
    waiting = iter(rows)
    while piece := list(islice(waiting, PIECE)):
        by_table: dict[str, list[tuple[Any, ...]]] = {}
        for row in piece:
            by_table.setdefault(row.table, []).append(row.values)
        for table, values in by_table.items():
            writer.write(table, values)
