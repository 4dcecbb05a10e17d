"""The ClickHouse engine inside one process: chDB behind one method, `run`, that any number of threads may call at once.

One process may open one data folder, once. Each call works on a fresh connection to that open engine (0.2 ms), so that
neither a setting nor a database chosen by one request is ever seen by the next.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import chdb

from deploy.local import statement
from deploy.local.statement import Insert


class Call(NamedTuple):
    """One request, understood. `text` is the SQL, with the data behind it where it is an INSERT that brings data."""

    text: bytes
    database: str = "default"
    settings: Mapping[str, str] = {}
    parameters: Mapping[str, str] = {}
    format: str = "TabSeparated"
    read_only: bool = False


class Answer(NamedTuple):
    """`format` is None for a statement without a result. `summary` counts as X-ClickHouse-Summary does, as text."""

    body: bytes
    format: str | None
    summary: dict[str, str]


class Refused(Exception):
    """The engine's own error: its code, and its message as a server words it."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class Engine:
    """An open data folder. Close it last."""

    def __init__(self, path: Path):
        self._path = str(path)
        # Held open from first to last: the engine shuts down with its last connection.
        self._handle = chdb.connect(self._path)
        row = self._handle.query("SELECT version(), timezone()", "TabSeparated").bytes().decode()
        self.version, self.timezone = row.strip().split("\t")

    def close(self) -> None:
        self._handle.close()

    def run(self, call: Call) -> Answer:
        """Run one statement to its end. Raises Refused."""
        started = time.perf_counter_ns()
        connection = chdb.connect(self._path)
        try:
            self._prepare(connection, call)
            insert = statement.split_insert(call.text)
            answer = self._insert(connection, insert) if insert else self._query(connection, call)
        except Refused:
            raise
        except Exception as error:  # chDB raises its own and plain RuntimeErrors, with the server's words inside
            raise self._refusal(str(error)) from error
        finally:
            connection.close()
        return answer._replace(summary={**answer.summary, "elapsed_ns": str(time.perf_counter_ns() - started)})

    def _prepare(self, connection: Any, call: Call) -> None:
        if call.database != "default":
            connection.query(f"USE {statement.quoted(call.database, '`')}")
        settings = {**call.settings, **({"readonly": "2"} if call.read_only else {})}
        if settings:
            connection.query(statement.set_statement(settings))

    def _query(self, connection: Any, call: Call) -> Answer:
        if statement.second_statement(call.text):
            raise Refused(statement.SYNTAX_ERROR, self._words(statement.SYNTAX_ERROR, _MULTI, "SYNTAX_ERROR"))
        result = connection.query(_text(call.text), call.format, params=dict(call.parameters))
        answers = statement.answers_rows(call.text)
        read, written = result.storage_rows_read(), result.rows_written()
        summary = _summary(read, result.storage_bytes_read(), written, result.bytes_written(), result.rows_read())
        return Answer(result.bytes(), statement.output_format(call.text, call.format) if answers else None, summary)

    def _insert(self, connection: Any, insert: Insert) -> Answer:
        """Through a file: chDB's own way for data that comes in pieces (`send_insert`) says that all is stored where a
        constraint, or the limit of partitions, refused it after parsing."""
        with tempfile.NamedTemporaryFile(prefix="journeys-insert-") as data:
            data.write(insert.data)
            data.flush()
            done = connection.query(statement.insert_from_file(insert, data.name))
        rows, size = done.rows_written(), done.bytes_written()
        return Answer(b"", None, _summary(rows, size, rows, size, rows))

    def _refusal(self, raw: str) -> Refused:
        message = statement.without_wrapping(raw)
        trailer = "" if "(version " in message else f" (version {self.version})"
        return Refused(statement.code_of(message), f"{message}{trailer}")

    def _words(self, code: int, message: str, name: str) -> str:
        return f"Code: {code}. DB::Exception: {message} ({name}) (version {self.version})"


_MULTI = "Syntax error (Multi-statements are not allowed): send one statement a request"


def _text(sql: bytes) -> str | bytes:
    """Text where it is text: parameters may have been bound as raw bytes, which the engine takes as bytes."""
    try:
        return sql.decode()
    except UnicodeDecodeError:
        return sql


def _summary(read: int, read_bytes: int, written: int, written_bytes: int, result: int) -> dict[str, str]:
    counts = {
        "read_rows": read,
        "read_bytes": read_bytes,
        "written_rows": written,
        "written_bytes": written_bytes,
        "total_rows_to_read": 0,
        "result_rows": result,
    }
    return {name: str(count) for name, count in counts.items()}
