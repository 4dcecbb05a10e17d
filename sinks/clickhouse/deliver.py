"""Deliver: a batch brought to its end, whatever it takes. Retries what can succeed, cuts out the rows that cannot."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sinks.clickhouse.retry import BadData, Refused, SinkError, Unavailable, backoff
from sinks.clickhouse.writer import Writer

MOST_BAD = 100
"""Bad rows of one batch. More means that the table and this version do not fit: a stop beats a drained topic."""


class Stopped(Exception):
    """Told to stop while waiting. Nothing is lost: what was not delivered is read again."""


class Bad(NamedTuple):
    """A row that ClickHouse cannot store: its place in the batch and why."""

    row: int
    detail: str


def deliver(
    writer: Writer,
    table: str,
    rows: Sequence[tuple[Any, ...]],
    pause: Callable[[float], bool],
    tell: Callable[[SinkError, int], None] = lambda error, attempt: None,
    luck: Callable[[], float] = random.random,
) -> list[Bad]:
    """Write rows, however long ClickHouse is away. Returns the rows that cannot be stored; all others are.

    `pause(seconds)` waits and says whether to go on (False raises Stopped); `tell(error, attempt)` hears of each
    failure. Raises Refused where waiting is useless.
    """
    bad: list[Bad] = []
    pieces = [(0, len(rows))]
    while pieces:
        start, end = pieces.pop()
        if start == end:
            continue
        problem = _write(writer, table, rows[start:end], pause, tell, luck)
        if problem is None:
            continue
        if end - start > 1:
            middle = (start + end) // 2
            pieces += [(middle, end), (start, middle)]
            continue
        bad.append(Bad(start, str(problem)))
        if len(bad) > MOST_BAD:
            raise Refused(
                f"more than {MOST_BAD} rows of one batch do not fit table {table}: {problem}", "too_many_bad_rows"
            )
    return bad


def _write(
    writer: Writer,
    table: str,
    rows: Sequence[tuple[Any, ...]],
    pause: Callable[[float], bool],
    tell: Callable[[SinkError, int], None],
    luck: Callable[[], float],
) -> BadData | None:
    """Write until it is stored (None) or known to hold a bad row."""
    attempt = 0
    while True:
        try:
            writer.write(table, rows)
            return None
        except BadData as problem:
            tell(problem, attempt)
            return problem
        except Unavailable as problem:
            tell(problem, attempt)
        if not pause(backoff(attempt, luck())):
            raise Stopped
        attempt += 1
