"""An account's journal: writing events, being found, evaluating, and the people who join; what the diary builds upon."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, Literal

from deploy.demo.company_people import Level, Names, Person, hired
from deploy.demo.script import (
    DAY,
    LAST_DAY,
    MINUTE,
    SECOND,
    Expected,
    Moment,
    ScriptError,
    both,
    during,
    exactly,
    expect,
    on,
)
from deploy.demo.script_paths import Full, Span, Terms, Trouble
from schemas.event import Actor, Place
from schemas.vocabulary import PLACE_OF

ROLLOUT = 0.6
"""Share of the seats that must be in real use before onboarding is over."""

_ACTORS: dict[Place, Actor] = {"billing": "system", "crm": "staff"}

Fact = dict[str, Any]


class Journal:
    """One account and its people, from the first touch on."""

    def __init__(self, rng: Random, names: Names, id: str, name: str, owner: str, segment: str, currency: str) -> None:
        self.rng, self.names = rng, names
        self.id, self.name, self.owner, self.segment, self.currency = id, name, owner, segment, currency
        self.events: list[tuple[int, Fact]] = []
        self.people: list[Person] = []
        self.contacts: list[str] = []
        self.stages: list[Expected] = []
        self.troubles: list[Trouble] = []
        self.terms: list[Terms] = []
        self.customer: list[Span] = []  # while there is a contract
        self.adopted: list[Span] = []  # from adoption to churn
        self.full: list[Full] = []
        self.blocked: list[Full] = []
        self.capped: list[Span] = []
        self.pauses: list[tuple[int, int]] = []
        self.free: dict[str, int] = {}  # from which day on a kind of trouble may begin again
        self.seats: int | None = None
        self.lead = self._hire("manager", LAST_DAY + 1, broad=True, admin=True)
        self._terms: Fact = {}
        self._alone_since: Moment | None = None
        self._advocated: int | None = None

    # --- writing -----------------------------------------------------------------------------------------------------

    def at(self, day: int, first: float = 8.0, last: float = 17.0) -> int:
        """An instant within a day's working hours, to the second."""
        return on(day) + int(self.rng.uniform(first, last) * 3600) * SECOND

    def say(self, at: int, event: str, user: str | None = None, **properties: Any) -> int:
        """An event of this account, by a user or by one of our own systems; returns its instant."""
        place = PLACE_OF.get(event, "product")
        fact: Fact = {"event": event, "user": user, "account": self.id, "properties": properties, "place": place}
        fact["actor"] = "user" if user is not None else _ACTORS.get(place, "user")
        self.write(at, fact)
        return at

    def write(self, at: int, fact: Fact) -> None:
        self.events.append((at, fact))

    def moves(self, to: str, rule: str, when: Moment) -> None:
        """The account must enter this stage now."""
        if self.stages and when.latest < self.stages[-1].at_earliest:
            raise ScriptError(f"{self.id}: {to} comes before {self.stages[-1].to}")
        self.stages.append(expect("stage", to, rule, when))

    @property
    def stage(self) -> str:
        return self.stages[-1].to if self.stages else "awareness"

    def entered(self, stage: str) -> Moment:
        """When the account last entered a stage."""
        found = next(step for step in reversed(self.stages) if step.to == stage)
        return Moment(found.at_earliest, found.at_latest)

    # --- marketing and sales -----------------------------------------------------------------------------------------

    def is_touched(self, day: int) -> None:
        """Somebody finds the website; marketing makes a lead of them and the CRM an account."""
        found = self.at(day, 8, 11)
        self._page(found, self.lead.id, "/")
        self._known(found + 5 * SECOND)
        self._page(found + 2 * MINUTE, self.lead.id, "/pricing")
        self.say(found + 4 * MINUTE, "Form Submitted", self.lead.id, form="demo")
        self.say(found + 40 * MINUTE, "Lead Created", origin="website")

    def _known(self, at: int) -> None:
        traits = {"name": self.name, "owner": self.owner, "segment": self.segment}
        self.write(at, {"event": "Account Identified", "type": "group", "account": self.id, "traits": traits,
                        "actor": "staff", "place": "crm"})  # fmt: skip

    def _page(self, at: int, user: str, path: str) -> None:
        self.write(at, {"event": "Page Viewed", "type": "page", "user": user, "account": self.id, "place": "website",
                        "properties": {"path": path}})  # fmt: skip

    def interests(self, contact: str, days: Iterable[int]) -> None:
        """A further contact reads along, without ever using the product."""
        self.contacts.append(contact)
        for day in days:
            at = self.at(day)
            self._page(at, contact, self.rng.choice(["/blog", "/pricing", "/customers", "/docs"]))
            if self.rng.random() < 0.3:
                self.say(at + 3 * MINUTE, "Campaign Touched", contact, campaign=self.rng.choice(["webinar", "guide"]))

    def evaluates(self, day: int, how: Literal["Demo Booked", "Deal Opened"] = "Demo Booked") -> None:
        deal = {"deal": f"d-{self.id}"} if how == "Deal Opened" else {}
        at = self.say(self.at(day), how, **deal)
        if self.stage == "awareness":
            self.moves("consideration", "evaluates", exactly(at))

    def tries(self, day: int, levels: Iterable[Level] = ("user", "user"), *, broad: bool = True) -> None:
        """A trial: the lead signs up that day, colleagues on the days after."""
        self._joins(self.lead, day)
        self._also_evaluates(self.say(on(day, 18), "Trial Started", plan="trial"))
        for i, level in enumerate(levels):
            self.joins(day + 1 + i, level, broad=broad)

    def _also_evaluates(self, at: int) -> None:
        if self.stage == "awareness":
            self.moves("consideration", "evaluates", exactly(at))

    def loses(self, day: int, how: Literal["Deal Lost", "Trial Ended"] = "Deal Lost") -> None:
        """The deal falls through; those who tried the product leave it."""
        properties = {"deal": f"d-{self.id}", "reason": "budget"} if how == "Deal Lost" else {"plan": "trial"}
        self.moves("awareness", "lost", exactly(self.say(self.at(day), how, **properties)))
        for person in self.people:
            person.away.append((day + 1, LAST_DAY))

    # --- people ------------------------------------------------------------------------------------------------------

    def _hire(self, level: Level, since: int, *, broad: bool, admin: bool) -> Person:
        return hired(self.names, self.rng, self.id, level, since, broad=broad, admin=admin)

    def _joins(self, person: Person, day: int) -> Person:
        if any(last < day < back for last, back in self.pauses):
            raise ScriptError(f"{self.id}: somebody joins while everybody is away")
        person.since = day
        self.people.append(person)
        return person

    def joins(self, day: int, level: Level = "user", *, broad: bool = True) -> Person:
        """A new person comes to the product and does something of value on the first day; an executive looks around."""
        return self._joins(self._hire(level, day, broad=broad, admin=False), day)

    def rolls_out(self, day: int, levels: Iterable[Level], pace: float = 1.0, *, broad: bool = True) -> None:
        """The rest of the team joins, one every `pace` days; the lead first where there was no trial."""
        joined = 0
        if self.lead not in self.people:
            self._joins(self.lead, day)
            joined = 1
        for i, level in enumerate(levels, joined):
            self.joins(day + int(i * pace), level, broad=broad)
        self.expect_adoption()

    def expect_adoption(self, working: Iterable[Moment] | None = None) -> None:
        """Onboarding ends with the person who makes it 60 % of the seats. `working`: since when each one does (again)."""
        found = sorted(working or [during(p.since) for p in self.people if p.works])
        members = len(self.people)
        needed = next(n for n in range(1, 10_000) if n / (self.seats or members) >= ROLLOUT)
        if needed > len(found):
            return
        entered = self.entered("onboarding")
        when = both(found[needed - 1], entered)
        if when.latest >= entered.earliest + 30 * DAY > when.earliest:
            raise ScriptError(f"{self.id}: onboarding ends on the very day on which it would count as stalled")
        if when.latest >= entered.earliest + 30 * DAY:
            self.troubles.append(Trouble("stalled", entered.later(30 * DAY), when))
        self.moves("adoption", "onboarded", when)
        self.adopted.append(Span(when, None))

    def champions_since(self) -> int | None:
        """The day on which the first person may have become a champion: two weeks to a habit, eight weeks to stay."""
        broad = [p.since for p in self.people if len(p.features) >= 3]
        return min(broad) + 70 if broad else None

    def has_champion(self, day: int) -> bool:
        """Whether somebody is a champion by then; refuses to guess where a holiday may have delayed it."""
        first = self.champions_since()
        if first is None or day < first:
            return False
        if day < first + 30:
            raise ScriptError(f"{self.id}: whether day {day} sees a champion is left open")
        return True
