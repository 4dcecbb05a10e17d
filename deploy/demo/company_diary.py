"""An account's diary: what happens in its business, each entry as an event and as what the rules promise for it.

The methods are the verbs of a story and are called in the order of time. Each writes the events that the company's own
systems would send, and notes the stage, the trouble or the end of one that follows by the meaning of the rules.
"""

from __future__ import annotations

from typing import Literal

from deploy.demo.company_journal import Journal
from deploy.demo.company_people import Person
from deploy.demo.script import DAY, MINUTE, SECOND, START, during, exactly, on
from deploy.demo.script_paths import Full, Span, Terms, Trouble
from schemas.time import rfc3339

FULL = 0.9
"""Share of the seats used within a month from which an account needs more of them."""


class Diary(Journal):
    """One account's contract, from the purchase to the end of the story."""

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
