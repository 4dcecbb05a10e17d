"""A look at a sample of source records: which source they are, what they name, whom they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas import sources
from schemas.event import Event
from schemas.sources.guess import guesses
from schemas.sources.outcome import Failure


@dataclass
class Sample:
    """Counts over a sample. `traits` are those of identify events, `account_traits` those of group events."""

    records: int = 0
    events: int = 0
    names: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    traits: Counter[str] = field(default_factory=Counter)
    account_traits: Counter[str] = field(default_factory=Counter)
    properties: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    users_with_account: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    first: int | None = None
    last: int | None = None

    def take(self, event: Event) -> None:
        self.events += 1
        self.names[event.name] += 1
        self.places[event.place] += 1
        self.properties.update(f"{event.name}.{key}" for key in event.properties)
        (self.account_traits if event.type == "group" else self.traits).update(event.traits.keys())
        self.first = event.at if self.first is None else min(self.first, event.at)
        self.last = event.at if self.last is None else max(self.last, event.at)
        if event.account is not None:
            self.accounts.add(event.account)
        if event.entity is not None:
            self.users.add(event.entity)
            if event.account is not None:
                self.users_with_account.add(event.entity)

    @property
    def weeks(self) -> float:
        """The span of the sample in weeks, one at least."""
        return 1.0 if self.first is None or self.last is None else max(1.0, (self.last - self.first) / 604_800_000)


def look(lines: Iterable[bytes], source: str) -> Sample:
    """Decode a sample as one source and count what it holds."""
    sample = Sample()
    for line in lines:
        sample.records += 1
        for found in sources.decode(source, line, None, (), 0):
            if isinstance(found, Event):
                sample.take(found)
            elif isinstance(found, Failure):
                sample.failures[found.reason] += 1
    return sample


def guess(lines: list[bytes]) -> str:
    """The source that most of the lines look like; our own form where they look like none."""
    found = guesses(lines)
    return found[0].source if found else "canonical"
