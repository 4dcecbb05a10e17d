"""Measures: what an entity remembers of its events, one small cell each, bounded and right under disorder.

A cell is a JSON value (or None before the first event), so a state is bytes without translation. An event counts in the
day it happened, whenever it arrives. Windows are whole days: with `within` of n days, today and the n - 1 days before.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.definition.model import Measure
from schemas.time import LATEST, parse_time
from streams.journey.calendar import DAY
from streams.journey.churn import ChurnProbability
from streams.journey.gauge import Cell, Gauge, Value


class First(Gauge):
    """The time of the earliest event."""

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        return at if cell is None or at < cell else cell

    def value(self, cell: Cell, today: int) -> Value:
        found: Value = cell
        return found

    def changes(self, cell: Cell, today: int) -> int | None:
        return None

    def merge(self, a: Cell, b: Cell) -> Cell:
        return min(a, b)


LARGEST: Final = 2**53
"""No sum goes further from 0. Above it a double is no longer exact, and somewhere above that JSON loses the number:
one absurd amount would make a state that cannot be written, or not read back the same."""


def added(total: Any, value: Any) -> Any:  # not float: compiled, whole numbers would come back as fractions
    """A sum that stays a number that JSON holds, whatever is added."""
    found = total + value
    return found if -LARGEST <= found <= LARGEST else LARGEST if found > 0 else -LARGEST


class Total(Gauge):
    """A count or sum without a window."""

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        return added(cell or 0, value)

    def value(self, cell: Cell, today: int) -> Value:
        return cell or 0

    def changes(self, cell: Cell, today: int) -> int | None:
        return None

    def merge(self, a: Cell, b: Cell) -> Cell:
        return added(a, b)


class Windowed(Gauge):
    """A count or sum over the last days. Cell: [day, amount, day, amount, ...], oldest first, no more days than the window."""

    def __init__(self, days: int) -> None:
        self._days = days

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        if cell is None:
            return [day, added(0, value)]
        if cell[-2] == day:
            return [*cell[:-1], added(cell[-1], value)]
        if cell[-2] > day:
            return self._earlier(cell, day, value)
        first, floor = 0, day - self._days
        while first < len(cell) and cell[first] <= floor:
            first += 2
        return [*cell[first:], day, added(0, value)]

    def _earlier(self, cell: list[Any], day: int, value: Any) -> Cell:
        if day <= cell[-2] - self._days:
            return cell
        i = 0
        while cell[i] < day:
            i += 2
        if cell[i] == day:
            return [*cell[: i + 1], added(cell[i + 1], value), *cell[i + 2 :]]
        return [*cell[:i], day, added(0, value), *cell[i:]]

    def value(self, cell: Cell, today: int) -> Value:
        if cell is None:
            return 0
        floor = today - self._days
        inside = cell[0] > floor
        amounts = cell[1::2] if inside else [cell[i + 1] for i in range(0, len(cell), 2) if cell[i] > floor]
        found: Value = added(sum(amounts), 0)
        return found

    def changes(self, cell: Cell, today: int) -> int | None:
        floor = today - self._days
        return next((d + self._days for d in (cell or ())[::2] if d > floor), None)

    def merge(self, a: Cell, b: Cell) -> Cell:
        days = dict(zip(a[::2], a[1::2], strict=True))
        for day, amount in zip(b[::2], b[1::2], strict=True):
            days[day] = added(days.get(day, 0), amount)
        floor = max(days) - self._days
        return [part for day in sorted(days) if day > floor for part in (day, days[day])]


class ActiveDays(Gauge):
    """Days with an event among the last days. Cell: [newest day, bits]; bit k set = active k days before the newest."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._mask = (1 << days) - 1

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        if cell is None:
            return [day, 1]
        newest: int = cell[0]
        bits: int = cell[1]
        if day == newest:
            return cell if bits & 1 else [day, bits | 1]
        if day > newest:
            ahead = day - newest
            return [day, ((bits << ahead) | 1) & self._mask if ahead < self._days else 1]
        ago = newest - day
        return cell if ago >= self._days or bits >> ago & 1 else [newest, bits | 1 << ago]

    def _bits(self, cell: Cell, today: int) -> int:
        ago = today - cell[0]
        return (cell[1] << ago) & self._mask if ago < self._days else 0

    def value(self, cell: Cell, today: int) -> Value:
        return int(self._bits(cell, today).bit_count()) if cell else 0

    def changes(self, cell: Cell, today: int) -> int | None:
        bits = self._bits(cell, today) if cell else 0
        return today + self._days - (bits.bit_length() - 1) if bits else None

    def merge(self, a: Cell, b: Cell) -> Cell:
        newest = max(a[0], b[0])
        return [newest, self._bits(a, newest) | self._bits(b, newest)]


class ActiveWeeks(ActiveDays):
    """Blocks of 7 days, counted back from today, with an event. The cell is that of ActiveDays."""

    def value(self, cell: Cell, today: int) -> Value:
        bits = self._bits(cell, today) if cell else 0
        weeks = 0
        while bits:
            weeks += bits & 127 != 0
            bits >>= 7
        return weeks

    def changes(self, cell: Cell, today: int) -> int | None:
        """The blocks move with today, so any day may change the number, up as well as down."""
        return today + 1 if cell and self._bits(cell, today) else None


class Wide(Gauge):
    """An ActiveDays or ActiveWeeks over more than 62 days, whose bits outgrow a JSON integer: kept as hexadecimal text."""

    def __init__(self, inner: ActiveDays) -> None:
        self._inner = inner

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        opened = self._open(cell)
        found = self._inner.hit(opened, day, at, value)
        return cell if found is opened else [found[0], f"{found[1]:x}"]

    def value(self, cell: Cell, today: int) -> Value:
        return self._inner.value(self._open(cell), today)

    def changes(self, cell: Cell, today: int) -> int | None:
        return self._inner.changes(self._open(cell), today)

    def _open(self, cell: Cell) -> Cell:
        return cell and [cell[0], int(cell[1], 16)]

    def merge(self, a: Cell, b: Cell) -> Cell:
        newest, bits = self._inner.merge(self._open(a), self._open(b))
        return [newest, f"{bits:x}"]


class Distinct(Gauge):
    """Different values, each with the newest day it was seen on: {value: day}. Above `cap` it says "at least"."""

    def __init__(self, days: int | None, cap: int) -> None:
        self._days = days
        self._cap = cap

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        if type(value) is str:
            return self._see(cell or {}, value, day)
        for name in value if isinstance(value, list) else (value,):
            cell = self._see(cell or {}, name if isinstance(name, str) else str(name), day)
        return cell

    def _see(self, cell: dict[str, int], name: str, day: int) -> dict[str, int]:
        seen = cell.get(name)
        if seen is not None:
            return {**cell, name: day} if day > seen else cell
        if len(cell) < self._cap:
            return {**cell, name: day}
        oldest = min(cell, key=lambda n: (cell[n], n))
        if self._days is None or cell[oldest] >= day:
            return cell
        return {**{n: d for n, d in cell.items() if n != oldest}, name: day}

    def value(self, cell: Cell, today: int) -> Value:
        if not cell:
            return 0
        if self._days is None:
            return len(cell)
        floor = today - self._days
        return len([day for day in cell.values() if day > floor])

    def changes(self, cell: Cell, today: int) -> int | None:
        if not cell or self._days is None:
            return None
        floor = today - self._days
        return min((d + self._days for d in cell.values() if d > floor), default=None)

    def merge(self, a: Cell, b: Cell) -> Cell:
        days = {name: max(a.get(name, day), b.get(name, day)) for name, day in (b | a).items()}
        kept = sorted(days, key=lambda name: (days[name], name))[-self._cap :]
        return {name: days[name] for name in kept}


class Latest(Gauge):
    """The newest value and when it was said: [at, day, value]; unknown when older than the window."""

    def __init__(self, days: int | None, as_time: bool) -> None:
        self._days = days
        self._as_time = as_time

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        if self._as_time:
            value = as_time(value)
        if value is None or isinstance(value, (dict, list)):
            return cell
        return [at, day, value] if cell is None or at >= cell[0] else cell

    def value(self, cell: Cell, today: int) -> Value:
        if cell is None or (self._days is not None and cell[1] <= today - self._days):
            return None
        found: Value = cell[2]
        return found

    def changes(self, cell: Cell, today: int) -> int | None:
        if cell is None or self._days is None or cell[1] <= today - self._days:
            return None
        return int(cell[1] + self._days)

    def merge(self, a: Cell, b: Cell) -> Cell:
        return a if a[0] >= b[0] else b


class Flag(Gauge):
    """True from an event that sets it to one that clears it. Its `value` of a hit is a bool.

    Cell: [at of the last change, set since | None, how often it was set while it was not].
    """

    def hit(self, cell: Cell, day: int, at: int, value: Any) -> Cell:
        if cell is None:
            return [at, at, 1] if value else [at, None, 0]
        changed, since, times = cell
        if at < changed:
            return cell
        if value and since is None:
            return [at, at, times + 1]
        if not value and since is not None:
            return [at, None, times]
        cell[0] = at  # nothing that anybody asks for
        return cell

    def value(self, cell: Cell, today: int) -> Value:
        return cell is not None and cell[1] is not None

    def changes(self, cell: Cell, today: int) -> int | None:
        return None

    def merge(self, a: Cell, b: Cell) -> Cell:
        """The newest word counts; where both say it is up, it has been since the earlier of the two."""
        newer, older = (a, b) if a[0] >= b[0] else (b, a)
        since = newer[1]
        if since is not None and older[1] is not None:
            since = min(since, older[1])
        return [newer[0], since, a[2] + b[2]]


def as_time(value: Any) -> int | None:
    """A property that is a time, as ms: RFC 3339, epoch seconds, or epoch ms (above 10^11, which in seconds is the year 5138)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 1e11 < value < LATEST:
        return int(value)
    return parse_time(value)


def gauge(measure: Measure) -> Gauge:
    """The gauge of an event measure (not of `members` or `score`, which have no cell of their own)."""
    days = None if measure.within is None else max(1, measure.within // DAY)
    match measure.kind:
        case "first":
            return First()
        case "count" | "sum":
            return Total() if days is None else Windowed(days)
        case "distinct":
            return Distinct(days, measure.cap)
        case "latest":
            return Latest(days, measure.as_time)
        case "active_days":
            return _bits(ActiveDays(days or 28), days)
        case "active_weeks":
            return _bits(ActiveWeeks(days or 28), days)
        case "flag":
            return Flag()
        case "churn":
            assert measure.churn is not None, f"{measure.name} has coefficients"
            return ChurnProbability(measure.churn)
    raise ValueError(f"{measure.name}: a {measure.kind} measure has no gauge")


def _bits(inner: ActiveDays, days: int | None) -> Gauge:
    return Wide(inner) if days and days > 62 else inner


__all__ = ["Cell", "Gauge", "Value", "added", "as_time", "gauge"]
