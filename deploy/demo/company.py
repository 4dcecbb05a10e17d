"""A generated company: 40 accounts, 600 people, 18 months of events, and the path each account must take. Seeded, no clock."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson

from deploy.demo.company_diary import Diary
from deploy.demo.company_people import Names
from deploy.demo.scenario import OWNERS, SCENES, SHOWCASE, play, script_of
from deploy.demo.script import DAY, LAST_DAY, SECOND, UNTIL, AccountScript, on

PEOPLE = 600

_DEFAULTS: dict[str, Any] = {
    "type": "track",
    "actor": "user",
    "place": "product",
    "user": None,
    "account": None,
    "properties": {},
}
"""Fields left out of an event where they say what our canonical form assumes anyway."""


class Company:
    """The whole company for one seed. The same seed gives the same events, byte for byte.

    accounts   each account's script, in order of the scenario
    diaries    what was written into each account's diary, in the same order: who its people are
    showcase   the account whose path from first touch to recovery the demo tells
    opening    how many events it takes to tell that path: worth playing slowly
    opened     ms: the last of those
    until      ms: end of the story; timers that are due before it fire
    """

    def __init__(self, seed: int = 7) -> None:
        self.seed = seed
        self.until = UNTIL
        self.showcase = SHOWCASE
        rng = Random(f"{seed}/company")
        names = Names(rng)
        diaries = [play(scene, OWNERS[i % len(OWNERS)], seed, names) for i, scene in enumerate(SCENES)]
        self.accounts: list[AccountScript] = [script_of(scene, d) for scene, d in zip(SCENES, diaries, strict=True)]
        self.diaries = diaries
        self.people = _people(diaries, rng)
        self._timeline = _in_order([*(event for d in diaries for event in d.events), *_noise(diaries, rng)])
        self.opening = self._until_recovered()
        self.opened = self._timeline[self.opening - 1][0]

    def _until_recovered(self) -> int:
        """The events up to a few days after the showcase account has recovered from its first risk."""
        risk = next(account for account in self.accounts if account.id == self.showcase).machine("risk")
        recovered = next(step.at_latest for step in risk if step.to == "healthy")
        return bisect(self._timeline, recovered + 3 * DAY, key=lambda event: event[0])

    def events(self) -> Iterator[dict[str, Any]]:
        """All events in our canonical JSON form, in order of event time; ids are their place in that order."""
        for number, (at, fact) in enumerate(self._timeline):
            yield {"id": f"e-{number:06}", "at": at / 1000, **fact}

    @staticmethod
    def line(event: dict[str, Any]) -> bytes:
        """An event as one line of JSON."""
        return orjson.dumps(event)

    def lines(self) -> Iterator[bytes]:
        """All events as lines of JSON."""
        return map(self.line, self.events())

    def __len__(self) -> int:
        return len(self._timeline)


def _in_order(events: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    kept = [(at, _plain(fact)) for at, fact in events if at < UNTIL]
    return sorted(kept, key=lambda event: event[0])  # stable: what was said first stays first


def _plain(fact: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fact.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}


def _people(diaries: list[Diary], rng: Random) -> int:
    """Fill up to 600 with people who read along and never use the product, in the accounts that a salesperson keeps."""
    known = sum(len(d.people) + (d.lead not in d.people) for d in diaries)
    sold = [d for d in diaries if d.seats is not None or not d.people]
    for number in range(PEOPLE - known):
        d = sold[number % len(sold)]
        first = rng.randrange(0, LAST_DAY - 60)
        days = sorted(first + rng.randrange(0, 60) for _ in range(rng.randint(1, 5)))
        d.interests(f"c-{d.id.removeprefix('a-')}-{number:03}", days)
    return max(PEOPLE, known)


def _noise(diaries: list[Diary], rng: Random) -> list[tuple[int, dict[str, Any]]]:
    """What must not count: our own staff looking around, a crawler, and test traffic."""
    found: list[tuple[int, dict[str, Any]]] = []
    for day in range(LAST_DAY + 1):
        d = rng.choice(diaries)
        at = on(day) + rng.randrange(6 * 3600, 20 * 3600) * SECOND
        look, page = {"properties": {"name": "Report"}}, {"properties": {"path": "/"}}
        staff = {"event": "Screen Viewed", "type": "screen", "account": d.id, "actor": "staff", **look}
        crawler = {"event": "Page Viewed", "type": "page", "actor": "system", "place": "website", **page}
        test = {"event": "Report Created", "account": d.id, "properties": {"feature": "reports", "test": True}}
        owner = "s-" + d.owner.split()[0].lower()
        noise = ({**staff, "user": owner}, {**crawler, "user": "b-crawler"}, {**test, "user": "t-robot"})
        found.append((at, rng.choice(noise)))
    return found
