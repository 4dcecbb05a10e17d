"""The script's own words: days of the story, moments, and what an account is expected to go through. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
SECOND = 1_000

FIRST_DAY = datetime(2023, 1, 2, tzinfo=UTC)
"""Day 0 of the story, a Monday."""

START = int(FIRST_DAY.timestamp()) * 1000
LAST_DAY = 545
"""2024-06-30, the last day on which something happens."""

UNTIL = START + (LAST_DAY + 1) * DAY
"""The end of the story, ms: 2024-07-01 00:00 UTC. Timers that are due before it fire."""


class ScriptError(ValueError):
    """The story contradicts itself, or leaves open which of two things comes first: the scenario must be rewritten."""


def on(day: int, hour: float = 0.0) -> int:
    """Instant in ms: `hour` o'clock UTC on a day of the story."""
    return START + day * DAY + round(hour * HOUR)


def day_of(year: int, month: int, day: int) -> int:
    """A calendar date as a day of the story."""
    return (datetime(year, month, day, tzinfo=UTC) - FIRST_DAY).days


def date_of(day: int) -> datetime:
    """A day of the story as a calendar date."""
    return FIRST_DAY + timedelta(days=day)


class Moment(NamedTuple):
    """When something happens, ms, both ends included: exact where the script computes it, a day where people decide."""

    earliest: int
    latest: int

    def later(self, ms: int) -> Moment:
        return Moment(self.earliest + ms, self.latest + ms)

    def after(self, other: Moment) -> bool:
        """Certainly not before the other."""
        return self.earliest >= other.latest


def both(a: Moment, b: Moment) -> Moment:
    """When both have happened."""
    return Moment(max(a.earliest, b.earliest), max(a.latest, b.latest))


def exactly(instant: int) -> Moment:
    return Moment(instant, instant)


def during(day: int) -> Moment:
    """Some time on that day."""
    return Moment(on(day), on(day + 1) - 1)


class Expected(NamedTuple):
    """One transition that an account must take. `name` is the rule; None where leaving `only_in` causes it."""

    machine: str
    to: str
    name: str | None
    at_earliest: int
    at_latest: int

    def holds(self, to: str, at: int) -> bool:
        """Whether a transition to this state at this instant is the one meant."""
        return to == self.to and self.at_earliest <= at <= self.at_latest


def expect(machine: str, to: str, name: str | None, when: Moment) -> Expected:
    return Expected(machine, to, name, when.earliest, when.latest)


@dataclass(frozen=True)
class AccountScript:
    """One account's story and the path that it must take.

    path        every transition of stage, risk and expansion after the initial states, oldest first
    stage_path  the exact list of stages, the first included
    alerts      alerts that must appear: machine `alerts`, to `opened` or `resolved`, name the alert's
    never       (machine, state) pairs that must not appear
    """

    id: str
    name: str
    story: str
    path: list[Expected]
    stage_path: list[str]
    alerts: list[Expected] = field(default_factory=list)
    never: list[tuple[str, str]] = field(default_factory=list)

    def machine(self, name: str) -> list[Expected]:
        """The path of one machine."""
        return [expected for expected in self.path if expected.machine == name]
