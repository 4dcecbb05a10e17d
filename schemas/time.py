"""Times: milliseconds since the epoch inside, RFC 3339 in UTC with milliseconds outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

EARLIEST = 631_152_000_000
"""1990-01-01, ms. Nothing that this is for is older; what claims to be is a wrong unit or an unset clock."""

LATEST = 4_102_444_800_000
"""2100-01-01, ms."""

_FORM = re.compile(r"^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?\s*(Z|z|UTC|[+-]\d\d:?\d\d)?$")

_minute = 0
_minute_text = "1970-01-01T00:00:"


def rfc3339(ms: int) -> str:
    """`2024-05-01T12:00:00.000Z`. Neighbouring calls are often in the same minute, so its text is kept."""
    global _minute, _minute_text
    minute, rest = divmod(ms, 60_000)
    if minute != _minute:
        _minute_text = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")
        _minute = minute
    return f"{_minute_text}{rest // 1000:02d}.{rest % 1000:03d}Z"


def parse_time(value: Any) -> int | None:
    """A time as ms: RFC 3339 text (no offset means UTC), or a number of epoch seconds. None if it is not a plausible time."""
    if isinstance(value, str):
        at = _from_text(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        at = round(value * 1000) if -1e11 < value < 1e11 else None
    else:
        at = None
    return at if at is not None and EARLIEST <= at < LATEST else None


def _from_text(text: str) -> int | None:
    match = _FORM.match(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone is None or zone in ("Z", "z", "UTC") else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{offset}")
    except ValueError:
        return None
    return round(moment.timestamp()) * 1000 + (int(fraction[:3].ljust(3, "0")) if fraction else 0)
