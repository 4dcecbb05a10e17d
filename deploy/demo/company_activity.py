"""What people do in the product on the days on which they come."""

from __future__ import annotations

from typing import Any

from deploy.demo.company_diary import Diary
from deploy.demo.company_journal import Fact
from deploy.demo.company_people import Person
from deploy.demo.script import LAST_DAY, MINUTE, SECOND, on

STEPS = ("profile", "data source", "first report", "invite", "alerts")
"""Steps of the set-up."""

SCREENS = ("Home", "Report", "Dashboard", "Settings")


def lives(d: Diary) -> None:
    """Write everybody's days in the product, and each month's invoice."""
    for person in d.people:
        for day in range(person.since, LAST_DAY + 1):
            if person.comes_on(day, d.rng):
                _comes(d, person, day)
    _invoices(d)


def _comes(d: Diary, person: Person, day: int) -> None:
    at = d.at(day, 7, 16.5)
    if day == person.since:
        at = _signs_up(d, person, at)
    if not person.works:
        _looks(d, person, at)
        return
    first = day == person.since
    for i in range(3 if first else d.rng.choice((1, 1, 2, 2, 3))):
        _does(d, person, at, person.features[i % len(person.features)] if first else d.rng.choice(person.features))
        at += d.rng.randint(60, 900) * SECOND
    if d.rng.random() < 0.25:
        _looks(d, person, at)


def _signs_up(d: Diary, person: Person, at: int) -> int:
    """Joining comes first, so that an executive is known to be here from the moment they are known to be one."""
    d.say(at, "Signed Up" if person is d.people[0] else "Invite Accepted", person.id)
    traits: dict[str, Any] = {
        "name": person.name, "email": person.email, "title": person.title, "role": "admin" if person.admin else "member",
    }  # fmt: skip
    known: Fact = {"event": "Identified", "type": "identify", "user": person.id, "account": d.id, "traits": traits}
    d.write(at + 20 * SECOND, known)
    if person.works:
        for i in range(d.rng.randint(2, len(STEPS))):
            d.say(at + (i + 1) * MINUTE, "Setup Step Completed", person.id, step=STEPS[i])
    return at + 8 * MINUTE


def _does(d: Diary, person: Person, at: int, feature: str) -> None:
    event = {"reports": "Report Created", "exports": "Data Exported"}.get(feature, "Feature Used")
    d.say(at, event, person.id, feature=feature)


def _looks(d: Diary, person: Person, at: int) -> None:
    fact: Fact = {"event": "Screen Viewed", "type": "screen", "user": person.id, "account": d.id}
    d.write(at, {**fact, "properties": {"name": d.rng.choice(SCREENS)}})


def _invoices(d: Diary) -> None:
    """One a month while there is a contract, on time, except where the story says otherwise."""
    for span in d.customer:
        last = on(LAST_DAY) if span.ends is None else span.ends.earliest
        for at in range(span.begins.earliest + 60 * MINUTE, last, 30 * 24 * 60 * MINUTE):
            open_ = any(cap.begins.earliest <= at and (cap.ends is None or at <= cap.ends.latest) for cap in d.capped)
            if not open_:
                d.say(at, "Invoice Paid", invoice=f"in-{d.id}-{at // 1000}", amount=d.price(), currency=d.currency)
