"""Reading a record's bytes: JSON with limits, and the checks that every source shares. Nothing here raises."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.sources.outcome import Failure

BIGGEST = 1 << 20
"""Bytes of a record's value at most: Kafka's own default limit."""

DEEPEST = 64
"""Levels of nesting at most. Vendors use six; thousands are an attack on whoever walks them."""


def read_json(value: bytes | None) -> Any:
    """The JSON value, or a Failure that says why not."""
    if value is None:
        return Failure("no_value", "the record has no value")
    if len(value) > BIGGEST:
        return Failure("too_big", f"{len(value)} bytes, at most {BIGGEST} are read")
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return _why_not(value, str(error))
    # A deep value has many brackets: counting them spares the walk for nearly every record.
    if value.count(b"{") + value.count(b"[") > DEEPEST and _deeper_than(found, DEEPEST):
        return Failure("too_deep", f"nested deeper than {DEEPEST} levels")
    return found


def _why_not(value: bytes, error: str) -> Failure:
    try:
        value.decode()
    except UnicodeDecodeError as bad:
        return Failure("not_utf8", f"byte {bad.start} is not UTF-8")
    return Failure("too_deep", error) if "recursion" in error or "depth" in error else Failure("not_json", error)


def _deeper_than(value: Any, levels: int) -> bool:
    rows = [value]
    for _ in range(levels):
        rows = [inner for row in rows if isinstance(row, (dict, list)) for inner in _inside(row)]
        if not rows:
            return False
    return any(isinstance(row, (dict, list)) for row in rows)


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [v for v in (value.values() if isinstance(value, dict) else value) if isinstance(v, (dict, list))]


def future(at: int, timestamp: int, max_future: int) -> Failure | None:
    """A Failure where an event claims to lie after its record came to the broker, beyond what clocks differ by.

    `timestamp`: Kafka's own, ms; 0 or less where there is none, as in a file.
    """
    if 0 < timestamp < at - max_future:
        return Failure("future", f"{at - timestamp} ms after the broker received it")
    return None
