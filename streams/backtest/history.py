"""A history as the backtest sees it: when each user and each account was active, and nothing else.

An active day is a day of the definition's time zone with at least one event of the activity that the definition's churn
measure counts (without one: that `idle` counts). An account's activity is its members': that of their events which name
it, and of those which name none while it was the last one named.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

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
    """Instants by entity, gathered in any order. `said`: the accounts that each user's events named, and when.

    `own`: those of accounts whose churn measure counts events of its own, not its members'.
    """

    users: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    said: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    own: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def take(self, event: Event, active: bool, own: bool) -> None:
        if own and event.account is not None:
            self.own.setdefault(event.account, []).append((event.at, event.entity or ""))
        if event.entity is None:
            return
        if event.account is not None:
            self.said.setdefault(event.entity, []).append((event.at, event.account))
        if active:
            self.users.setdefault(event.entity, []).append((event.at, event.account))

    def members(self) -> dict[str, list[tuple[int, str]]]:
        """{account: (instant, user) of its members' events}: the account on the event, else the one named last."""
        found: dict[str, list[tuple[int, str]]] = {}
        for user, events in self.users.items():
            said = sorted(self.said.get(user, ()))
            for at, account in events:
                n = bisect_right(said, at, key=itemgetter(0))
                home = account if account is not None else said[n - 1][1] if n else None
                if home is not None:
                    found.setdefault(home, []).append((at, user))
        return found


def read(definition: Definition, lines: Iterable[bytes], source: str) -> History:
    """The activity in records of a source; what the definition excludes is left out. An event given twice counts once."""
    router, selections, calendar = Router(definition), Selections(definition), Calendar(definition.clock.timezone)
    bit, measure = selections.bit(activity(definition)), churn_measure(definition, "account")
    own = selections.bit(measure.of) if measure is not None and measure.of is not None else 0
    seen, ids = _Seen(), set[str]()
    for line in lines:
        for event in sources.decode(source, line, None, (), 0):
            if not isinstance(event, Event) or event.id in ids:
                continue
            bits = selections.match(event)
            if router.excluded(bits) is None:
                ids.add(event.id)
                seen.take(event, bool(bits & bit), bool(bits & own))
    return _history(seen, seen.own if own else seen.members(), calendar)


def activity(definition: Definition) -> str:
    """The selection whose events make a user's day an active one."""
    measure = churn_measure(definition, "user")
    return measure.of if measure is not None and measure.of is not None else definition.user.activity


def _history(seen: _Seen, members: dict[str, list[tuple[int, str]]], calendar: Calendar) -> History:
    users = {key: _active([at for at, _ in events], calendar) for key, events in seen.users.items()}
    accounts = {}
    for key, events in members.items():
        joined: dict[str, int] = {}
        for at, user in sorted(events):
            joined.setdefault(user, at)
        accounts[key] = _active([at for at, _ in events], calendar, sorted(joined.values())[1:2])
    return History(calendar, users, accounts, max((a.times[-1] for a in users.values()), default=0))


def _active(times: list[int], calendar: Calendar, second: list[int] | None = None) -> Activity:
    times = sorted(times)
    return Activity(times, sorted({calendar.day(at) for at in times}), second[0] if second else None)
