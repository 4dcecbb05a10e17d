"""Time: RFC 3339 text or epoch seconds on the wire, whole milliseconds since the epoch, UTC, inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

EARLIEST: Final = 631_152_000_000
"""1990-01-01 in ms. What claims to be older is a clock that was never set (0 is 1970), not a customer."""

LATEST: Final = 4_102_444_800_000
"""2100-01-01 in ms. Epoch milliseconds taken for seconds land far above it, so a wrong unit cannot pass."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_SECONDS: Final = [f"{ms // 1000:02}.{ms % 1000:03}Z" for ms in range(60_000)]
"""The end of every instant's text within its minute: looking one up costs a tenth of formatting it (4 MB in all)."""

_MS_OF = {text: ms for ms, text in enumerate(_SECONDS)} | {f"{s:02}Z": s * 1000 for s in range(60)}
"""And back, for the two forms that nearly every tracker writes; everything else takes the long way."""

MINUTES: Final = 8_192
"""Minutes remembered, either way: 5.7 days. Live traffic falls into a handful, a backfill moves through them in order."""

_MINUTES: dict[str, int] = {}
"""Minutes lately read, `2024-05-01T12:00:` to ms."""

_TEXTS: dict[int, str] = {}
"""Minutes lately written, since the epoch, to `2024-05-01T12:00:`."""


def rfc3339(ms: int) -> str:
    """Milliseconds as `2024-05-01T12:00:00.000Z`. Raises OverflowError outside the years 1 to 9999."""
    minute = ms // 60_000
    text = _TEXTS.get(minute)
    return (_minute(minute) if text is None else text) + _SECONDS[ms - minute * 60_000]


def _minute(minute: int) -> str:
    if len(_TEXTS) >= MINUTES:
        _TEXTS.clear()
    text = _TEXTS[minute] = (_EPOCH + timedelta(minutes=minute)).isoformat()[:17]
    return text


def parse_time(value: Any) -> int | None:
    """A time from outside as ms; None for anything that is none, or lies outside 1990 to 2100. Never raises.

    Numbers are epoch seconds, a fraction reaching to the millisecond; a bool is no time. Text is RFC 3339, with the
    forms that systems really send: a space for the T, lower case, no seconds, date alone, offsets with or without
    colon, a fraction of any length (rounded to ms), a leap second. Without an offset it is read as UTC.
    """
    if isinstance(value, str):
        minute, rest = _MINUTES.get(value[:17]), _MS_OF.get(value[17:])
        return minute + rest if minute is not None and rest is not None else _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not EARLIEST <= value * 1000 < LATEST:  # false for NaN and the infinities too
        return None
    return round(value * 1000)


def _parse_text(text: str) -> int | None:
    if text[4:5] != "-":  # not 20240501, which nobody can tell from a number, and not 1714564800
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_unusual(text)
    at = _within(moment)
    if at is not None and text[17:] in _MS_OF:
        if len(_MINUTES) >= MINUTES:
            _MINUTES.clear()
        _MINUTES[text[:17]] = at - _MS_OF[text[17:]]
    return at


def _parse_unusual(text: str) -> int | None:
    """Lower case, and the 61st second, which RFC 3339 allows and Python does not know."""
    try:
        if text[16:19] == ":60":
            at = _within(datetime.fromisoformat(text[:16].upper() + ":59" + text[19:].upper()))
            return None if at is None else at + 1000
        return _within(datetime.fromisoformat(text.upper()))
    except ValueError:
        return None


def _within(moment: datetime) -> int | None:
    if not 1989 <= moment.year <= 2100:  # a year of room for offsets; the rest cannot overflow below
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at = round(moment.timestamp() * 1000)
    return at if EARLIEST <= at < LATEST else None
