"""What a ClickHouse server reads out of a request before it runs it: text in, values out, no engine and no network.

The engine in our process takes a query, or an INSERT with its data beside it; over HTTP both come as one text, settings
and parameters as words of the URL. Sources: ClickHouse's documentation of its HTTP interface; its own source for which
error code is which HTTP status, the numbers asked of version 26.9 by `errorCodeToName`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_SESSION_WORDS = "session_id session_timeout session_check close_session user password role quota_key"
_REQUEST_WORDS = "query query_id database default_format client_protocol_version stacktrace"
_TRANSPORT_WORDS = (
    "compress decompress buffer_size wait_end_of_query enable_http_compression http_zlib_compression_level "
    "send_progress_in_http_headers http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close"
)
NOT_SETTINGS = frozenset(f"{_SESSION_WORDS} {_REQUEST_WORDS} {_TRANSPORT_WORDS}".split())
"""Words of the URL that speak to the HTTP interface. Every other one that is not `param_…` is a setting."""

SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
CANNOT_DECOMPRESS = 271
UNNAMED = 1001
"""STD_EXCEPTION: the engine said something without a code of its own."""

_MALFORMED = (
    6,
    8,
    15,
    25,
    26,
    27,
    36,
    37,
    38,
    41,
    44,
    53,
    62,
    72,
    117,
    123,
    167,
    168,
    223,
    321,
    376,
    427,
    441,
    675,
    676,
)
_NAMES_NOBODY = (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511)
_NOT_ALLOWED = (192, 193, 497, 512, 516)
_NOT_NOW = (76, 209, 439)

STATUS_BY_CODE = {
    **dict.fromkeys(_MALFORMED, 400),
    194: 401,
    **dict.fromkeys(_NOT_ALLOWED, 403),
    **dict.fromkeys(_NAMES_NOBODY, 404),
    159: 408,
    381: 411,
    229: 413,
    NOT_IMPLEMENTED: 501,
    **dict.fromkeys(_NOT_NOW, 503),
}
"""HTTP status by error code; any other error is a 500."""

_SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_NAME = r"(?:`(?:[^`\\]|\\.)+`|\"(?:[^\"\\]|\\.)+\"|\w+)"
_INSERT_WITH_DATA = re.compile(
    rf"{_SPACE}(?P<sql>INSERT\s+INTO\s+(?:TABLE\s+)?(?:FUNCTION\s+\w+\s*\([^\n]*?\)|{_NAME}(?:\s*\.\s*{_NAME})?)"
    r"\s*(?:\((?:[^()`\"]|`[^`]*`|\"[^\"]*\")*\))?)\s*(?P<settings>SETTINGS\s[^\n]*?)?"
    r"\s*\bFORMAT\s+(?P<format>\w+)[ \t]*(?:;?[ \t]*\r?\n|;?\s*$)".encode(),
    re.IGNORECASE | re.DOTALL,
)
_LOOK_FOR_INSERT = 1 << 16
"""Bytes at the head of a request in which an INSERT's own text must end; the data behind may be a gigabyte."""

_TOKENS = re.compile(rb"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|/\*.*?\*/|;", re.DOTALL)
_FORMAT_AT_END = re.compile(rb"\bFORMAT\s+(\w+)\s*(?:;\s*)?(?:SETTINGS\s[^;]*)?;?\s*$", re.IGNORECASE)
_FIRST_WORD = re.compile(rf"{_SPACE}\(*\s*(\w+)".encode(), re.DOTALL)
_ANSWERS = frozenset(b"select with show describe desc exists explain check values from".split())
_CODE = re.compile(r"Code: (\d+)\. ")


class Insert(NamedTuple):
    """An INSERT that brings its data: `sql` up to its columns, its SETTINGS clause or "", and the data in `format`."""

    sql: str
    settings: str
    format: str
    data: memoryview


def split_insert(text: bytes) -> Insert | None:
    """Take `INSERT INTO t (…) FORMAT X⏎data` apart; None for everything else, INSERT … VALUES and … SELECT included."""
    found = _INSERT_WITH_DATA.match(text[:_LOOK_FOR_INSERT])
    if found is None:
        return None
    settings = (found["settings"] or b"").decode().strip()
    return Insert(found["sql"].decode().rstrip(), settings, found["format"].decode(), memoryview(text)[found.end() :])


def insert_from_file(insert: Insert, path: str) -> str:
    """The same INSERT with its data in a file."""
    return (
        f"{insert.sql} FROM INFILE {quoted(path, chr(39))} COMPRESSION 'none' {insert.settings} FORMAT {insert.format}"
    )


def second_statement(text: bytes) -> bool:
    """Does anything but comments follow a semicolon? A server refuses that; the engine in-process would run both."""
    ended = False
    position = 0
    for token in _TOKENS.finditer(text):
        if ended and text[position : token.start()].strip():
            return True
        position = token.end()
        if token[0] == b";":
            ended = True
        elif ended and not token[0].startswith((b"--", b"/*")):
            return True
    return ended and bool(text[position:].strip())


def answers_rows(text: bytes) -> bool:
    """Is it a statement with a result, even an empty one?"""
    word = _FIRST_WORD.match(text)
    return word is not None and word[1].lower() in _ANSWERS


def output_format(text: bytes, default: str) -> str:
    """The format its result comes in."""
    found = _FORMAT_AT_END.search(text[-512:])
    return found[1].decode() if found else default


def settings_in(words: Mapping[str, str]) -> dict[str, str]:
    """The settings among the words of a URL."""
    return {name: value for name, value in words.items() if name not in NOT_SETTINGS and not name.startswith("param_")}


def parameters_in(words: Mapping[str, str]) -> dict[str, str]:
    """The query parameters (`{name:Type}` in the text) among them."""
    return {name.removeprefix("param_"): value for name, value in words.items() if name.startswith("param_")}


def set_statement(settings: Mapping[str, str]) -> str:
    """`SET a = '1', b = '2'`. Quoted always: the engine turns '1' into a number where it wants one."""
    return "SET " + ", ".join(f"{quoted(name, '`')} = {quoted(value, chr(39))}" for name, value in settings.items())


def quoted(text: str, quote: str) -> str:
    """The text between two quotes, escaped as ClickHouse reads it."""
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def code_of(message: str) -> int:
    """The error code in `Code: 60. DB::Exception: …`."""
    found = _CODE.search(message)
    return int(found[1]) if found else UNNAMED


def without_wrapping(message: str) -> str:
    """The server's own words, without what the Python layers put before them."""
    start = message.find("Code: ")
    return (
        message[start:].strip() if start >= 0 else f"Code: {UNNAMED}. DB::Exception: {message.strip()} (STD_EXCEPTION)"
    )
