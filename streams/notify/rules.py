"""Rules of `journeys notify` as values: which alert is told on which channel, with whom together, and when not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal
from zoneinfo import ZoneInfo

Record = Mapping[str, Any]
"""An alert as it is on the topic."""

By = Literal["owner", "account", "channel"]


@dataclass(frozen=True)
class Channel:
    """One way to reach somebody. `url`: of apprise, `{to}` in it is the owner's address. `webhook`: our own signed JSON."""

    name: str
    url: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Quiet:
    """Hours in which a route waits. `begins` after `ends` goes over midnight; `days` (0 is Monday) are those it begins on."""

    name: str
    zone: str
    begins: time
    ends: time
    days: frozenset[int]
    never: frozenset[str]
    """Severities that do not wait."""

    def until(self, now: int) -> int | None:
        """When the quiet that holds at `now` ends; None where none does. Both ms."""
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
        for back in (0, 1):  # a night that began yesterday may still hold
            day = local.date() - timedelta(days=back)
            ends_on = day + timedelta(days=int(self.ends <= self.begins))
            begins, ends = datetime.combine(day, self.begins, zone), datetime.combine(ends_on, self.ends, zone)
            if day.weekday() in self.days and begins <= local < ends:
                return round(ends.timestamp() * 1000)
        return None


@dataclass(frozen=True)
class Group:
    """Alerts of one owner, account or channel that are found within so long (ms) go as one message."""

    by: By
    within: int


@dataclass(frozen=True)
class Route:
    """The first route that an alert fits decides. Empty conditions fit everything; patterns are those of file names."""

    send: tuple[str, ...]
    severity: frozenset[str] = frozenset()
    alert: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    kind: str | None = None
    segment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: Group | None = None
    quiet: str | None = None
    resolved: bool = True

    def fits(self, record: Record) -> bool:
        carry = record["carry"]
        return (
            (not self.severity or record["severity"] in self.severity)
            and self.kind in (None, record["kind"])
            and _matches(self.alert, record["name"])
            and _matches(self.owner, record["owner"] or "")
            and all(_matches(wanted, _text(carry.get(name))) for name, wanted in self.segment.items())
        )


def _matches(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Digest:
    """What is not live: once nothing of it has come for `after` ms, the alerts still open go out, one message an owner."""

    send: tuple[str, ...]
    after: int


@dataclass(frozen=True)
class Retry:
    """A send that fails is tried again after `first` ms, then twice as long each time up to `most`; given up after `stop`."""

    first: int = 1_000
    most: int = 300_000
    stop: int = 86_400_000

    def wait(self, attempt: int) -> int:
        """ms before attempt `attempt` + 1; attempts count from 1."""
        return int(min(self.most, self.first * 2 ** min(attempt - 1, 40)))


@dataclass(frozen=True)
class Rules:
    """The whole file. `link`: address of the explanation, filled in from the alert. `owners`: address by owner."""

    channels: Mapping[str, Channel]
    routes: tuple[Route, ...]
    quiet: Mapping[str, Quiet] = field(default_factory=dict)
    digest: Digest | None = None
    retry: Retry = field(default_factory=Retry)
    link: str = ""
    owners: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    """Address for an owner that `owners` does not name."""

    def route(self, record: Record) -> Route | None:
        """The first that fits; None where nobody is told."""
        return next((route for route in self.routes if route.fits(record)), None)

    def address(self, owner: str | None) -> str:
        return self.owners.get(owner or "", self.otherwise)

    def quiet_until(self, route: Route, severity: str, now: int) -> int | None:
        """When this route may speak of an alert of this severity; None for now."""
        quiet = self.quiet.get(route.quiet or "")
        return None if quiet is None or severity in quiet.never else quiet.until(now)
