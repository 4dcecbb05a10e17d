"""Retry: what a failed insert means, decided from the error alone. Pure.

SinkError
├── Unavailable   nothing is wrong with the rows: wait and write them again, without end
├── BadData       some row cannot be stored: split the batch, set the bad rows aside, go on
└── Refused       no row can be stored until somebody changes a setting: stop and say so
"""

from __future__ import annotations

import re
import struct

from clickhouse_connect.driver.exceptions import DatabaseError, DataError, NotSupportedError, ProgrammingError


class SinkError(Exception):
    """A write that did not succeed. Its message is for people."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        """A short word of few distinct values, for a metric's label."""


class Unavailable(SinkError):
    """The rows are fine; the same write can succeed later."""


class BadData(SinkError):
    """At least one row of the batch cannot be stored."""


class Refused(SinkError):
    """No row can be stored as things are set."""


_REFUSED: dict[int, str] = {
    16: "the table lacks a column: run `journeys migrate`",
    20: "the table has other columns: run `journeys migrate`",
    36: "a setting is not accepted",
    46: "the server is too old for a function that is used",
    47: "the table lacks a column: run `journeys migrate`",
    60: "the table is missing: run `journeys migrate`, and check the name of the database",
    62: "the server does not understand the statement: it may be too old",
    81: "the database is missing: run `journeys migrate`, and check its name",
    115: "the server does not know a setting: it may be too old",
    164: "the user may only read: grant INSERT",
    192: "the user is unknown: check CLICKHOUSE_USER",
    193: "the password is wrong",
    194: "the password is missing",
    291: "the user may not use the database",
    497: "the user lacks a right: grant SELECT and INSERT on the database",
    516: "the user or the password is wrong",
}
"""Server codes that no waiting mends, and what to do."""

_BAD_DATA: frozenset[int] = frozenset(
    (6, 25, 26, 27, 38, 41, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 432, 441, 469, 675)
)
"""Server codes about the rows: cannot parse, cannot convert, out of range, null where none may be, constraint.

33 (CANNOT_READ_ALL_DATA) is not among them: it is what a connection that breaks in the middle of a body looks like.
"""

_HTTP_STATUS = re.compile(r"HTTP status (\d{3})")
_HTTP_REFUSED = frozenset((400, 401, 403, 404, 405))
_TOO_LARGE = 413
_CLIENT_SIDE = (ValueError, TypeError, AttributeError, OverflowError, struct.error, IndexError, KeyError)
"""What clickhouse-connect lets through when a Python value does not fit its column (a UnicodeError is a ValueError)."""


def classify(error: BaseException) -> SinkError:
    """What to do about an error of clickhouse-connect. What is unknown counts as Unavailable: never lose rows."""
    if isinstance(error, SinkError):
        return error
    if isinstance(error, DatabaseError) and error.code is not None:
        return _by_code(error.code, error)
    if isinstance(error, DataError) or (isinstance(error, _CLIENT_SIDE) and not isinstance(error, OSError)):
        return BadData(_short(error), "bad_value")
    if isinstance(error, (ProgrammingError, NotSupportedError)):
        return Refused(f"the client cannot do this: {_short(error)}", "client")
    return _by_status(error)


def _by_code(code: int, error: DatabaseError) -> SinkError:
    name = (error.name or f"code_{code}").lower()
    if code in _REFUSED:
        return Refused(f"ClickHouse refuses: {_REFUSED[code]} ({_short(error)})", name)
    if code in _BAD_DATA:
        return BadData(_short(error), name)
    return Unavailable(_short(error), name)


def _by_status(error: BaseException) -> SinkError:
    found = _HTTP_STATUS.search(str(error))
    if found is None:
        return Unavailable(_short(error), "network")
    status = int(found[1])
    if status == _TOO_LARGE:
        return BadData("the batch is larger than a proxy lets through", "http_413")
    if status in _HTTP_REFUSED:
        return Refused(f"what answers is no ClickHouse, or a proxy refuses: HTTP status {status}", f"http_{status}")
    return Unavailable(_short(error), f"http_{status}")


def _short(error: BaseException) -> str:
    """One line, without the address and whatever an address may carry."""
    text = re.sub(r"\(for url [^)]*\)|\(?https?://\S+", "", " ".join(str(error).split())) or type(error).__name__
    return text[:400].strip()


FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds. A restart takes under a second, so the first retries come fast; 30 s is what an outage of hours deserves."""


def backoff(attempt: int, luck: float) -> float:
    """Seconds to wait after attempt number `attempt` (from 0): doubled each time, half of it jitter. 0 <= luck < 1."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))
    return whole * (0.5 + luck / 2)
