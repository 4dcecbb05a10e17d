"""A history as the backtest sees it: when each user and each account was active, and nothing else.

An active day is a day of the definition's time zone with at least one event of the activity that the definition's churn
measure counts (without one: that `idle` counts). An account's activity is its members', by the account on their events.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas import sources
from schemas.definition.model import Definition, Kind, Measure
from schemas.event import Event
from streams.journey.calendar import Calendar
from streams.journey.selections import Selections
from streams.journey.users import Router


@dataclass(frozen=True, slots=True)
class Activity:
    """One entity's: instants of its events (ms, sorted), its active days (sorted), when its second person came (accounts)."""

    times: list[int]
    days: list[int]
    second: int | None = None

    def before(self, at: int, day: int) -> Activity:
        """What was known before an instant, the beginning of a day."""
        second = self.second if self.second is not None and self.second < at else None
        return Activity(self.times[: bisect_left(self.times, at)], self.days[: bisect_left(self.days, day)], second)


@dataclass(frozen=True, slots=True)
class History:
    """Everybody's activity. `end`: the instant of the last event, ms."""

    calendar: Calendar
    users: dict[str, Activity]
    accounts: dict[str, Activity]
    end: int

    def of(self, kind: Kind) -> dict[str, Activity]:
        return self.users if kind == "user" else self.accounts

    def before(self, day: int) -> History:
        """The same history as it was known when a day began."""
        at = self.calendar.start(day)
        users = {key: found for key, a in self.users.items() if (found := a.before(at, day)).times}
        accounts = {key: found for key, a in self.accounts.items() if (found := a.before(at, day)).times}
        return History(self.calendar, users, accounts, max((a.times[-1] for a in users.values()), default=at - 1))


def churn_measure(definition: Definition, kind: Kind) -> Measure | None:
    """The churn measure of a kind of entity; the first where there are several."""
    entity = definition.user if kind == "user" else definition.account
    return next((m for m in entity.measures if m.churn is not None), None) if entity is not None else None


@dataclass
class _Seen:
    """Instants by entity, gathered in any order. `joined`: {account: {user: its first event}}."""

    users: dict[str, list[int]] = field(default_factory=dict)
    accounts: dict[str, list[int]] = field(default_factory=dict)
    joined: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        if event.entity is None:
            return
        self.users.setdefault(event.entity, []).append(event.at)
        if event.account is not None:
            self.accounts.setdefault(event.account, []).append(event.at)
            joined = self.joined.setdefault(event.account, {})
            joined[event.entity] = min(event.at, joined.get(event.entity, event.at))


def read(definition: Definition, lines: Iterable[bytes], source: str) -> History:
    """The activity in records of a source; what the definition excludes is left out. An event given twice counts once."""
    router, selections, calendar = Router(definition), Selections(definition), Calendar(definition.clock.timezone)
    bit = selections.bit(activity(definition))
    seen, ids = _Seen(), set[str]()
    for line in lines:
        for event in sources.decode(source, line, None, (), 0):
            if not isinstance(event, Event) or event.id in ids:
                continue
            bits = selections.match(event)
            if bits & bit and router.excluded(bits) is None:
                ids.add(event.id)
                seen.take(event)
    return _history(seen, calendar)


def activity(definition: Definition) -> str:
    """The selection whose events make a user's day an active one."""
    measure = churn_measure(definition, "user")
    return measure.of if measure is not None and measure.of is not None else definition.user.activity


def _history(seen: _Seen, calendar: Calendar) -> History:
    users = {key: _active(times, calendar) for key, times in seen.users.items()}
    accounts = {
        key: _active(times, calendar, sorted(seen.joined[key].values())[1:2]) for key, times in seen.accounts.items()
    }
    return History(calendar, users, accounts, max((a.times[-1] for a in users.values()), default=0))


def _active(times: list[int], calendar: Calendar, second: list[int] | None = None) -> Activity:
    times = sorted(times)
    return Activity(times, sorted({calendar.day(at) for at in times}), second[0] if second else None)
