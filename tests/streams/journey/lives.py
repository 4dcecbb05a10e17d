"""Lives in which each signal and alert of a shipped definition comes about, with an alert on every signal, to read how each clears.

`python -m tests.streams.journey.lives` writes what they say anew, into data/clearing.txt: read it before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from tests.streams.journey.harness import Customer, Followed, Person

SHIPPED = Path(__file__).parents[3] / "schemas" / "definitions"


@cache
def alarmed(name: str) -> Definition:
    """A shipped definition with one more alert for each of its signals."""
    text = (SHIPPED / f"{name}.yaml").read_text()
    found = parse(text)
    signals = [
        (entity.kind, signal.name) for entity in (found.user, found.account) if entity for signal in entity.signals
    ]
    more = (f"  - {{name: on_{name}, {kind}: signals, enters: {name}, severity: low}}\n" for kind, name in signals)
    return parse(text.rstrip() + "\n" + "".join(more))


def _bought(seats: int, active: int) -> Customer:
    """A customer with members in adoption on day 1, all of them administrators."""
    found = Customer(alarmed("saas"))
    found.event("Subscription Created", 0, mrr=100_000, currency="EUR", seats=seats, quota_used=0.95)
    found.members(active, 1, admin=True)
    return found


def unstarted() -> Customer:
    """Bought two weeks ago, and nobody came."""
    found = _bought(10, 0)
    found.wait(14)
    return found


def unfinished() -> Customer:
    """Two of ten seats came, and no administrator among them, a month long."""
    found = _bought(10, 0)
    found.event("Onboarding Kickoff", 1)
    for day in (10, 20, 29):
        found.members(2, day)
    found.wait(31)
    return found


def deserted() -> Customer:
    """A champion, an executive and eight others, all of them gone after day 2."""
    found = _bought(10, 10)
    found.member("m0", 2, stage="retention", reached=("engagement", "retention"), admin=True)
    found.member("m1", 2, level="executive", admin=True)
    found.wait(45)
    return found


def unhappy() -> Customer:
    """Active, with four tickets, a bad score, an invoice unpaid, and about to leave."""
    found = _bought(4, 4)
    for day in range(2, 14):
        found.members(4, day, admin=True)
    found.event("Invoice Overdue", 2.5)
    for n in range(4):
        found.event("Ticket Opened", 9 + n / 10)
    found.event("NPS Answered", 10, score=4)
    found.event("Cancellation Requested", 12.8)
    return found


def full() -> Customer:
    """Everybody there for a week, nearly all of the quota used."""
    found = Customer(alarmed("saas"))
    found.event("Subscription Created", 0, mrr=100_000, currency="EUR", seats=4, quota_used=0.95)
    for day in range(1, 10):
        for n, level in enumerate(("executive", "manager", "user", "user")):
            found.member(f"m{n}", day + n / 100, level=level, admin=True)
    return found


def newcomer() -> Person:
    """Signed up, and did one thing of three."""
    found = Person(alarmed("saas"))
    found.event("Signed Up", 0)
    found.use(10)
    found.wait(14)
    return found


def silent() -> Person:
    """Engaged, and not seen for a month."""
    found = Person(alarmed("saas"))
    found.event("Signed Up", 0)
    for n in range(3):
        found.use(0.1 + n / 100)
    found.wait(31)
    return found


def committer() -> Person:
    """Merged changes on three days, and was silent until it became likely that this is the end."""
    found = Person(alarmed("community"))
    for day in (0, 7, 14):
        found.event("change_authored", day, areas=["core"])
        found.event("change_merged", day + 0.1)
    found.wait(70)
    return found


def organisation() -> Customer:
    """One of its members had stayed; none was seen for three months."""
    found = Customer(alarmed("community"))
    found.member("vera", 0.5, stage="retention", reached=("engagement", "retention"))
    found.member("ben", 1.5)
    found.wait(89)
    return found


LIVES: dict[str, list[Callable[[], Followed]]] = {
    "saas": [newcomer, silent, unstarted, unfinished, deserted, unhappy, full],
    "community": [committer, organisation],
}

TEXT = Path(__file__).parent / "data" / "clearing.txt"
"""What each of these alerts says of how it clears, read by a person and found good."""


def read() -> str:
    """The same of the code as it is: a line for each alert that opened and each text, under the life that it opened in."""
    lines = []
    for name, lives in LIVES.items():
        for live in lives:
            lines += [f"{name}, {live.__name__}: {live.__doc__}", *_told(live()), ""]
    return "\n".join(lines)


def _told(found: Followed) -> list[str]:
    opened = [alert for alert in found.alerts if alert["status"] == "opened"]
    return list(dict.fromkeys(f"  {alert['name']}: {alert['clears_when']}" for alert in opened))


if __name__ == "__main__":
    TEXT.write_text(read())
