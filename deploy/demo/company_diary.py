"""An account's diary: what happens in its business, each entry as an event and as what the rules promise for it.

The methods are the verbs of a story and are called in the order of time. Each writes the events that the company's own
systems would send, and notes the stage, the trouble or the end of one that follows by the meaning of the rules.
"""

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
    START,
    Expected,
    Moment,
    ScriptError,
    during,
    exactly,
    expect,
    on,
)
from deploy.demo.script_paths import Full, Span, Terms, Trouble
from schemas.event import Actor, Place
from schemas.time import rfc3339
from schemas.vocabulary import PLACE_OF

ROLLOUT = 0.6
"""Share of the seats that must be in real use before onboarding is over."""

FULL = 0.9
"""Share of the seats used within a month from which an account needs more of them."""

_ACTORS: dict[Place, Actor] = {"billing": "system", "crm": "staff"}

Fact = dict[str, Any]


class Diary:
    """One account from its first touch to the end of the story."""

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
        when = max(found[needed - 1], entered)
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

    # --- contract ----------------------------------------------------------------------------------------------------

    def buys(
        self, day: int, seats: int | None, price: int, plan: str = "team", term: int = 365, quota: float | None = None
    ) -> int:
        """A paid term begins. `price`: a month, minor units; `quota`: share of the plan's allowance in use."""
        at = self.at(day, 11, 15)
        self._contract(at, "Subscription Created", seats, price, plan, day + term, quota)
        if seats is not None:
            self.say(at + MINUTE, "Deal Won", deal=f"d-{self.id}")
        self.moves("conversion", "buys", exactly(at))
        self._starts(at, day)
        return at

    def _contract(
        self, at: int, event: str, seats: int | None, price: int, plan: str, renews: int, quota: float | None
    ) -> None:
        self.seats = seats
        self._terms = {"mrr": price, "currency": self.currency, "plan": plan, "renews_at": rfc3339(on(renews))}
        if seats is not None:
            self._terms["seats"] = seats
        if quota is not None:
            self._terms["quota_used"] = quota
        self.say(at, event, **self._terms)
        self.terms.append(Terms(exactly(at), on(renews)))
        self.customer.append(Span(exactly(at), None))

    def _starts(self, at: int, day: int) -> None:
        """Where the team is in the product already, onboarding begins at once; else nobody is there yet."""
        here = [p for p in self.people if _came_lately(p, day)]
        if here:
            self.moves("onboarding", "starts", exactly(at))
        if len(here) <= 1 and self.seats is not None and self.seats >= 5:
            self._alone_since = exactly(at)
        else:
            self._alone_since = None

    def kicks_off(
        self, day: int, how: Literal["Onboarding Kickoff", "Implementation Started"] = "Onboarding Kickoff"
    ) -> None:
        at = self.say(self.at(day, 9, 12), how)
        if self.stage == "conversion":
            bought = self.entered("conversion")
            if at - bought.earliest >= 14 * DAY:
                self.troubles.append(Trouble("never_started", bought.later(14 * DAY), exactly(at)))
            self.moves("onboarding", "starts", exactly(at))

    def starts_alone(self, day: int) -> None:
        """The lead comes to the product, and nobody else yet."""
        self._joins(self.lead, day)

    def never_starts(self) -> None:
        """Nobody ever comes: there is no thread to the account at all."""
        bought = self.entered("conversion")
        self.troubles.append(Trouble("single_threaded", bought, None))
        self.troubles.append(Trouble("never_started", bought.later(14 * DAY), None))

    def stalls_for_good(self) -> None:
        """Onboarding will not end."""
        self.troubles.append(Trouble("stalled", self.entered("onboarding").later(30 * DAY), None))

    def is_no_longer_alone(self) -> None:
        """To be said once the team is known: from the purchase to the second person, one thread holds the account."""
        if self._alone_since is None:
            return
        since = sorted(during(p.since) for p in self.people)
        self.troubles.append(Trouble("single_threaded", self._alone_since, since[1] if len(since) > 1 else None))

    def renews(self, day: int, until: int, price: int | None = None) -> None:
        """Another term, to day `until`; billing updates the subscription a second before."""
        at = self.at(day)
        self._updated(at, price=price, renews=until)
        self._grows(self.say(at + SECOND, "Subscription Renewed", **self._terms))

    def upgrades(self, day: int, seats: int, price: int, quota: float | None = None) -> None:
        """More seats. An account that was ready to expand is so no longer."""
        at = self.at(day)
        self._updated(at, seats=seats, price=price, quota=quota)
        if self.full and self.full[-1].ends is None:
            self.full[-1] = Full(self.full[-1].begins, exactly(at))
        self._grows(self.say(at + SECOND, "Subscription Upgraded", **self._terms))

    def _updated(
        self, at: int, seats: int | None = None, price: int | None = None, quota: float | None = None,
        renews: int | None = None,
    ) -> None:  # fmt: skip
        told = {"seats": seats, "mrr": price, "quota_used": quota}
        if renews is not None:
            self._terms["renews_at"] = rfc3339(on(renews))
        self._terms = {**self._terms, **{key: value for key, value in told.items() if value is not None}}
        self.seats = self._terms.get("seats")
        self.say(at, "Subscription Updated", **self._terms)
        if renews is not None:
            self.terms.append(Terms(exactly(at), on(renews)))

    def buys_an_add_on(self, day: int) -> None:
        self._grows(self.say(self.at(day), "Add-on Purchased", addon="forecasts", currency=self.currency, amount=49_00))

    def _grows(self, at: int) -> None:
        if self.stage == "adoption":
            self.moves("retention", "renews or grows", exactly(at))
            if self._advocated is not None:
                self.moves("advocacy", "advocates", exactly(at))

    def bought_on(self) -> int:
        """The day on which the present contract began."""
        return (self.customer[-1].begins.earliest - START) // DAY

    def advocates_until(self) -> int | None:
        """The day at whose beginning advocacy ends, if nothing is said before."""
        return None if self._advocated is None or self.stage != "advocacy" else self._advocated + 365

    def price(self) -> int:
        """What a month costs, minor units."""
        found: int = self._terms["mrr"]
        return found

    def fills_up(self) -> None:
        """From the person on who makes it 90 % of the seats, the account needs more of them."""
        seats = self.seats or len(self.people)
        needed = next(n for n in range(1, 10_000) if n / seats >= FULL)
        self.full.append(Full(sorted(during(p.since) for p in self.people)[needed - 1], None))

    def advocates(
        self, day: int,
        how: Literal["Referral Made", "Review Published", "Reference Call Given", "Testimonial Given"] = "Referral Made",
    ) -> None:  # fmt: skip
        self.falls_silent_by(day)
        at = self.say(self.at(day), how)
        self._advocated = day
        if self.stage == "retention":
            self.moves("advocacy", "advocates", exactly(at))

    def falls_silent_by(self, day: int) -> None:
        """A year without a good word ends advocacy, at midnight."""
        if self._advocated is not None and self._advocated + 365 <= day:
            if self.stage == "advocacy":
                self.moves("retention", "falls silent", exactly(on(self._advocated + 365)))
            self._advocated = None

    def ends(self, day: int, reason: str = "not renewed") -> None:
        """The paid term is over: the account is lost, whatever its people do."""
        self.falls_silent_by(day)
        at = exactly(self.say(self.at(day, 18, 20), "Subscription Ended", reason=reason))
        self.moves("churn", "leaves", at)
        self.customer[-1] = Span(self.customer[-1].begins, at)
        if self.adopted and self.adopted[-1].ends is None:
            self.adopted[-1] = Span(self.adopted[-1].begins, at)

    def comes_back(self, day: int, seats: int, price: int, plan: str = "team", term: int = 365) -> None:
        at = self.at(day, 11, 15)
        self._contract(at, "Subscription Reactivated", seats, price, plan, day + term, None)
        self.moves("conversion", "won back", exactly(at))
        self._starts(at, day)

    def is_surveyed(self, day: int, score: int) -> int:
        return self.say(self.at(day), "NPS Answered", score=score)


def _came_lately(person: Person, day: int) -> bool:
    """Whether somebody was in the product for certain in the week before a day."""
    week = range(day - 6, day)
    certain = any(person.here_on(x) and (x == person.since or x in person.must) for x in week)
    return certain or all(person.here_on(x) for x in range(day - 7, day))
