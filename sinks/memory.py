"""Memory: the sink's writer without ClickHouse. The same contract and refusals; one suite of tests holds both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sinks.clickhouse.retry import BadData, Refused, SinkError
from sinks.clickhouse.tables import Table
from sinks.clickhouse.writer import known


class MemoryWriter:
    """A Writer that keeps every row it was given, and reads them the way FINAL does.

    `fail` is asked before each write with (table, number of rows): an error it returns is raised and nothing is stored;
    with `after` set everything is: the answer that got lost on the way.
    """

    def __init__(self, fail: Callable[[str, int], SinkError | None] | None = None, after: bool = False) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._fail = fail
        self._after = after
        self._closed = False

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        into = known(table)
        self.ping()
        problem = self._fail(table, len(rows)) if self._fail is not None else None
        if problem is not None and not self._after:
            raise problem
        for row in rows:
            check(into, row)
        self._rows.setdefault(table, []).extend(rows)
        if problem is not None:
            raise problem

    def ping(self) -> None:
        if self._closed:
            raise Refused("the writer is closed", "client")

    def close(self) -> None:
        self._closed = True

    def raw(self, table: str) -> list[tuple[Any, ...]]:
        """Every row as inserted, in order."""
        return list(self._rows.get(known(table).name, ()))

    def final(self, table: str) -> list[tuple[Any, ...]]:
        """One row a key, that of the highest version; the later one where versions are equal or there are none."""
        into = known(table)
        at = [into.names.index(name) for name in into.key]
        version = into.names.index(into.version) if into.version is not None else None
        kept: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for row in self._rows.get(table, ()):
            key = tuple(row[i] for i in at)
            held = kept.get(key)
            if held is None or version is None or row[version] >= held[version]:
                kept[key] = row
        return list(kept.values())


def check(table: Table, row: tuple[Any, ...]) -> None:
    """Raises BadData where ClickHouse's client would: another number of values, or a value its column cannot hold."""
    if len(row) != len(table.columns):
        raise BadData(f"{table.name} takes {len(table.columns)} values, not {len(row)}", "bad_value")
    for (name, kind), value in zip(table.columns, row, strict=True):
        if not fits(kind, value):
            raise BadData(f"{value!r:.80} does not fit column {name} {kind}", "bad_value")


def fits(kind: str, value: Any) -> bool:
    """Whether a Python value can be stored as this ClickHouse type."""
    inner = _WRAPPED.fullmatch(kind)
    if inner is not None:
        wrapper, of = inner[1], inner[2]
        return (value is None) if wrapper == "Nullable" and value is None else fits(of, value)
    if kind.startswith("Array("):
        return isinstance(value, list) and all(fits(kind[6:-1], item) for item in value)
    if kind.startswith("Map("):
        key, of = kind[4:-1].split(", ", 1)
        return isinstance(value, dict) and all(fits(key, k) and fits(of, v) for k, v in value.items())
    return _PLAIN[kind.split("(")[0]](value)


_WRAPPED = re.compile(r"(Nullable|LowCardinality)\((.*)\)")


def _whole(below: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and 0 <= value < below


def _text(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, str) and _encodes(value))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "String": _text,
    "FixedString": lambda value: isinstance(value, bytes) and len(value) == 16,
    "Bool": lambda value: isinstance(value, bool),
    "Date": _whole(2**16),
    "DateTime64": lambda value: isinstance(value, int),
    "Float64": lambda value: isinstance(value, (int, float)),
    "UInt16": _whole(2**16),
    "UInt32": _whole(2**32),
    "UInt64": _whole(2**64),
    "UInt128": _whole(2**128),
}
