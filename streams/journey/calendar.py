"""Days of the definition's time zone: which day an instant lies in, and when a day begins. Daylight saving included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400_000
"""Milliseconds of a day in UTC, and the unit in which windows are written."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_QUARTER: Final = 900_000
"""Every offset in use since 1970 changes on a quarter of an hour, so one look-up serves a quarter."""


class Calendar:
    """Day numbers (days since 1970-01-01 on the zone's own calendar) for instants in ms, and back."""

    def __init__(self, timezone: str = "UTC") -> None:
        self._zone = ZoneInfo(timezone)
        self._utc = timezone in ("UTC", "Etc/UTC", "GMT")
        self._offsets: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def day(self, at: int) -> int:
        """The day that instant `at` lies in."""
        if self._utc:
            return at // DAY
        quarter = at // _QUARTER
        offset = self._offsets.get(quarter)
        if offset is None:
            moment = datetime.fromtimestamp(quarter * _QUARTER / 1000, UTC).astimezone(self._zone)
            shift = moment.utcoffset()
            offset = self._offsets[quarter] = int(shift.total_seconds() * 1000) if shift else 0
        return (at + offset) // DAY

    def start(self, day: int) -> int:
        """The first instant of a day, in ms."""
        if self._utc:
            return day * DAY
        found = self._starts.get(day)
        if found is None:
            midnight = datetime.combine(date.fromordinal(day + _EPOCH), time(0), tzinfo=self._zone)
            found = self._starts[day] = int(midnight.timestamp() * 1000)
        return found
