"""What can go wrong in an account, each kind with the signals it raises, from when to when, by the meaning of the rules."""

from __future__ import annotations

from deploy.demo.company_diary import Diary
from deploy.demo.company_journal import Fact
from deploy.demo.company_people import Person
from deploy.demo.script import DAY, LAST_DAY, ScriptError, during, exactly, on
from deploy.demo.script_paths import Full, Span, Trouble

UNCLEAR = {14, 15, 30, 31}
"""Lengths of a silence, days, at whose end it is open whether the fourteen or thirty days were full."""


def pause(d: Diary, last: int, back: int | None, late: dict[str, int] | None = None) -> None:
    """Nobody comes after day `last` until day `back` (None: never again). `late`: who comes back only on a later day.

    A week on, use is thin; two weeks on, the champions are quiet and so is the account; a month on it is grave.
    """
    length = LAST_DAY + 1 - last if back is None else back - last
    if back is not None and length in UNCLEAR:
        raise ScriptError(f"{d.id}: a silence of {length} days is too close to a threshold")
    _stay_away(d, last, back, late or {})
    ends = None if back is None else during(back)

    def holds(signal: str, days: int, *, vague: bool = False, grave: bool = False, counts: bool = True) -> None:
        if length >= days:
            since = during(last).later(days * DAY) if vague else exactly(on(last + days))
            d.troubles.append(Trouble(signal, since, ends, grave, counts))

    if d.stage in ("adoption", "retention"):
        holds("thin_use", 7)
    if length >= 14 and d.has_champion(last + 14):
        holds("champion_quiet", 14)
    holds("silent_14d", 14, vague=True)
    if d.seats is not None and d.seats >= 5:
        holds("single_threaded", 28)
    if any(p.level == "executive" and p.since <= last for p in d.people):
        holds("no_executive_30d", 30)
    holds("silence", 30, vague=True, grave=True, counts=False)


def _stay_away(d: Diary, last: int, back: int | None, late: dict[str, int]) -> None:
    d.pauses.append((last, back if back is not None else LAST_DAY + 1))
    for person in d.people:
        if person.since > last:
            raise ScriptError(f"{d.id}: {person.id} has not joined before the pause")
        if back is None:
            person.away.append((last + 1, LAST_DAY))
            person.must.add(last)
        else:
            returns = late.get(person.id, back)
            person.away.append((last + 1, returns - 1))
            person.must |= {last, returns}


def late_invoice(d: Diary, due: int, paid: int) -> None:
    """An invoice is reported overdue on day `due` and paid on day `paid`; after ten days it is a signal."""
    invoice: Fact = {"invoice": f"in-{d.id}-{due}", "amount": d.price(), "currency": d.currency}
    since = d.say(d.at(due), "Invoice Overdue", **invoice)
    until = d.say(d.at(paid), "Invoice Paid", **invoice)
    d.capped.append(Span(exactly(since), exactly(until)))
    if until - since > 10 * DAY:
        d.troubles.append(Trouble("overdue_10d", exactly(since + 10 * DAY), exactly(until)))


def never_pays(d: Diary, due: int) -> None:
    """An invoice that stays open: the contract will end over it. It is paid when the account comes back, if it does."""
    since = d.say(
        d.at(due), "Invoice Payment Failed", invoice=f"in-{d.id}-{due}", amount=d.price(), currency=d.currency
    )
    d.capped.append(Span(exactly(since), None))
    d.troubles.append(Trouble("overdue_10d", exactly(since + 10 * DAY), None))


def pays_the_debt(d: Diary, day: int) -> None:
    """The invoice that was left open is paid after all."""
    at = d.say(d.at(day, 8, 10), "Invoice Paid", invoice=f"in-{d.id}-debt", amount=d.price(), currency=d.currency)
    d.capped[-1] = Span(d.capped[-1].begins, exactly(at))
    _end(d, "overdue_10d", at)


def _end(d: Diary, signal: str, at: int) -> None:
    """The trouble of this name that has no end yet ends now."""
    for i, trouble in enumerate(d.troubles):
        if trouble.signal == signal and trouble.ends is None:
            d.troubles[i] = trouble._replace(ends=exactly(at))


def tickets(d: Diary, days: list[int]) -> None:
    """Requests for help. The fourth within 30 days is a signal until the first is 30 days old, at midnight."""
    moments = [d.say(d.at(day), "Ticket Opened", ticket=f"t-{d.id}-{day}-{i}") for i, day in enumerate(days)]
    for i, at in enumerate(moments):
        d.say(at + d.rng.randint(2, 20) * 3_600_000, "Ticket Solved", ticket=f"t-{d.id}-{days[i]}-{i}")
    if len(days) >= 4:
        d.troubles.append(Trouble("many_tickets", exactly(moments[3]), exactly(on(days[-4] + 30))))


def executives_away(d: Diary, last: int, back: int | None) -> None:
    """No executive looks in after day `last` until day `back`."""
    _some_away([p for p in d.people if p.level == "executive"], last, back)
    d.troubles.append(Trouble("no_executive_30d", exactly(on(last + 30)), None if back is None else during(back)))


def champion_away(d: Diary, last: int, back: int | None) -> None:
    """The one champion does not come after day `last` until day `back`. The account must have one, and only one."""
    champions = [p for p in d.people if len(p.features) >= 3]
    if len(champions) != 1 or not d.has_champion(last):
        raise ScriptError(f"{d.id}: {len(champions)} people may be champions on day {last}")
    _some_away(champions, last, back)
    d.troubles.append(Trouble("champion_quiet", exactly(on(last + 14)), None if back is None else during(back)))


def _some_away(people: list[Person], last: int, back: int | None) -> None:
    for person in people:
        person.away.append((last + 1, LAST_DAY if back is None else back - 1))
        person.must.add(last)
        if back is not None:
            person.must.add(back)


def a_new_champion(d: Diary, joined: int) -> None:
    """Somebody who joined that day will have stayed long enough ten to twelve weeks later; the trouble is over then."""
    since = during(joined + 70)
    arrives = since._replace(latest=since.latest + 12 * DAY)
    for i, trouble in enumerate(d.troubles):
        if trouble.signal == "champion_quiet" and trouble.ends is None:
            d.troubles[i] = trouble._replace(ends=arrives)


def bad_survey(d: Diary, day: int, score: int, better: int | None, then: int = 8) -> None:
    """A detractor answers on a day; on day `better` somebody answers `then` (7 or more) instead."""
    since = d.is_surveyed(day, score)
    ends = None if better is None else exactly(d.is_surveyed(better, then))
    d.troubles.append(Trouble("detractor", exactly(since), ends))


def wants_to_cancel(d: Diary, day: int, stays: int | None, how: str = "Cancellation Requested") -> None:
    """They ask to leave, and take it back on day `stays` (None: they do not)."""
    since = d.say(d.at(day), how, reason="price")
    ends = None if stays is None else exactly(d.say(d.at(stays), "Renewal Declined Undone"))
    d.troubles.append(Trouble("leaving", exactly(since), ends, grave=True))


def takes_it_back(d: Diary, day: int) -> None:
    """A former customer undoes the cancellation before coming back."""
    _end(d, "leaving", d.say(d.at(day, 8, 10), "Renewal Declined Undone"))


def wants_more(d: Diary, day: int) -> None:
    """Three tries of locked features: ready to expand at once; cooled when the last try is 30 days old, at midnight."""
    user = next(p.id for p in d.people if p.admin)
    moments = [d.at(day, 9 + i, 10 + i) for i in range(3)]
    for at in moments:
        d.write(at, {"event": "Feature Blocked", "user": user, "account": d.id, "properties": {"feature": "forecasts"}})
    d.blocked.append(Full(exactly(moments[2]), exactly(on(day + 30))))
