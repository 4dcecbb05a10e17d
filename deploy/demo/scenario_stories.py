"""The stories: what each kind of account goes through, in the verbs of the diary. Dates are days of the story."""

from __future__ import annotations

from math import ceil

from deploy.demo.company_diary import Diary
from deploy.demo.company_people import Level
from deploy.demo.company_troubles import (
    a_new_champion,
    bad_survey,
    champion_away,
    executives_away,
    late_invoice,
    never_pays,
    pause,
    pays_the_debt,
    takes_it_back,
    wants_to_cancel,
)  # fmt: skip
from deploy.demo.scenario_life import ORDINARY, Kind, Life
from deploy.demo.script import LAST_DAY, during

END = LAST_DAY - 6
"""From then on no new trouble: the story must not end in the middle of a recovery."""

SEAT = 79_00
"""Price of a seat and month, minor units."""

MARGIN = 0.76
"""Share of the seats that the team of an account uses that does not need more of them: well below the 80 and 90 % of the
rules."""


def land(
    d: Diary, touch: int, team: int, *, trial: bool = True, broad: bool = True, seats: int | None = None, wait: int = 3,
    pace: float = 1.0, quota: float | None = None, plan: str = "team", term: int = 365,
) -> int:  # fmt: skip
    """From the first touch to adoption; returns the day on which the last of the team joined.

    `team`: people in all, one executive and two managers among them; `broad`: all may become champions, not the lead alone.
    """
    rng = d.rng
    d.is_touched(touch)
    d.evaluates(touch + rng.randint(3, 7))
    if trial:
        start = touch + rng.randint(9, 14)
        d.tries(start, ("user", "user"), broad=broad)
        bought = start + rng.randint(12, 17)
    else:
        d.evaluates(touch + rng.randint(9, 14), "Deal Opened")
        bought = touch + rng.randint(26, 38)
    seats = seats or ceil(team / MARGIN)
    d.buys(bought, seats, seats * SEAT, plan, term, quota)
    d.kicks_off(bought + wait)
    here = 3 if trial else 1
    d.rolls_out(bought + wait + 2, _team(team - here - 2), pace, broad=broad)
    d.is_no_longer_alone()
    return max(p.since for p in d.people)


def _team(users: int) -> list[Level]:
    """A manager, an executive and so many others, in the order in which they join."""
    others: list[Level] = ["user"] * users
    return ["manager", "executive", *others]


def showcase(d: Diary) -> None:
    """First touch on the first day, at risk in the sixth week for three reasons at once, recovered in the seventh."""
    d.is_touched(0)
    d.evaluates(2)
    d.tries(5)
    d.buys(18, 9, 9 * SEAT)
    d.joins(20, "executive")
    d.kicks_off(21)
    late_invoice(d, 26, 39)
    pause(d, 23, 40)
    bad_survey(d, 35, 5, 44, 9)
    d.rolls_out(41, ["manager", "user", "user"])
    Life(d).fill(60, 350)
    d.renews(370, 18 + 730)
    Life(d).fill(380, END)


def kept(d: Diary, touch: int, team: int, kinds: tuple[Kind, ...] = ORDINARY, *, trial: bool = True) -> None:
    """Bought, rolled out, used; renewed after a year."""
    settled = land(d, touch, team, trial=trial, quota=0.4)
    bought = d.bought_on()
    life = Life(d, kinds)
    life.fill(settled + 6, bought + 350)
    d.renews(bought + 352, bought + 730)
    life.fill(bought + 356, END)


def pays_late(d: Diary, touch: int, team: int) -> None:
    """Uses the product and pays its invoices weeks late, again and again."""
    settled = land(d, touch, team, trial=False)
    life = Life(d, ("invoice", "invoice", "invoice", "holiday", "tickets"))
    life.fill(settled + 6, settled + 150)
    d.buys_an_add_on(settled + 152)
    life.fill(settled + 154, END)


def expands(d: Diary, touch: int, team: int) -> None:
    """Every seat in use: ready to expand whenever nothing is wrong. It buys seats twice, and fills them."""
    settled = land(d, touch, team, seats=team, quota=0.5)
    d.fills_up()
    kinds: tuple[Kind, ...] = ("invoice", "holiday", "holiday", "executive", "survey", "tickets")
    for _ in range(2):
        Life(d, kinds, full=True).fill(settled + 16, settled + 150)
        seats = ceil((d.seats or team) * 1.4)
        d.upgrades(settled + 166, seats, seats * SEAT, quota=0.55)
        missing = seats - len(d.people)
        for i in range(missing):
            d.joins(settled + 175 + 2 * i)
        d.fills_up()
        settled += 175 + 2 * missing
    Life(d, kinds, full=True).fill(settled + 16, END - 16)


def advocates(d: Diary, touch: int, team: int, again: int | None = None) -> None:
    """Grows early, then speaks for us; a year without another good word, and it is an advocate no longer."""
    settled = land(d, touch, team)
    life = Life(d)
    life.fill(settled + 6, settled + 60)
    d.upgrades(settled + 62, (d.seats or team) + 3, ((d.seats or team) + 3) * SEAT)
    d.is_surveyed(settled + 64, 10)
    d.advocates(settled + 66, d.rng.choice(("Referral Made", "Review Published", "Reference Call Given")))
    if again is None:
        life.fill(settled + 68, END)
    else:
        life.fill(settled + 68, settled + again - 2)
        d.advocates(settled + again, "Testimonial Given")
        life.fill(settled + again + 2, END)


def champion_comes_and_goes(d: Diary, touch: int, team: int) -> None:
    """One person carries the product; each time they are away, so is the account's champion."""
    settled = land(d, touch, team, broad=False)
    life = Life(d, ("champion", "champion", "champion", "invoice", "tickets"))
    life.fill(settled + 6, settled + 200)
    d.buys_an_add_on(settled + 202)
    life.fill(settled + 204, END)


def champion_leaves(d: Diary, touch: int, team: int) -> None:
    """The one person who carries the product changes jobs; months later a successor has grown into it."""
    settled = land(d, touch, team, broad=False)
    life = Life(d, ("champion", "invoice", "holiday"))
    life.fill(settled + 6, settled + 150)
    champion_away(d, settled + 160, None)
    d.joins(settled + 170, "manager")
    a_new_champion(d, settled + 170)
    later = Life(d, ("invoice", "survey", "tickets", "holiday"))
    later.fill(settled + 170 + 70 + 20, END)


def executive_goes_quiet(d: Diary, touch: int, team: int, gone: bool) -> None:
    """The executive who bought it looks in ever less; `gone`: in the end never again, and the renewal is declined."""
    settled = land(d, touch, team, trial=False)
    bought = d.bought_on()
    life = Life(d, ("executive", "executive", "survey", "tickets"))
    if not gone:
        life.fill(settled + 6, bought + 350)
        d.renews(bought + 352, bought + 730)
        life.fill(bought + 356, END)
        return
    life.fill(settled + 6, bought + 240)
    executives_away(d, bought + 250, None)
    wants_to_cancel(d, bought + 320, None, "Renewal Declined")
    d.ends(bought + 365)
    pause(d, bought + 365, None)


def stalls(d: Diary, touch: int, team: int, recovers: bool) -> None:
    """Three people try, nobody else comes: onboarding does not end in 30 days. It does later, or the contract ends."""
    d.is_touched(touch)
    d.evaluates(touch + 4)
    d.tries(touch + 10)
    bought = touch + 26
    seats = ceil(team / MARGIN)
    d.buys(bought, seats, seats * SEAT, "pilot" if not recovers else "team", 365 if recovers else 180)
    d.kicks_off(bought + 4, "Implementation Started")
    if not recovers:
        late_invoice(d, bought + 20, bought + 50)
        d.stalls_for_good()
        pause(d, bought + 90, None)
        d.ends(bought + 180)
        return
    d.rolls_out(bought + 66, _team(team - 5))
    Life(d).fill(max(p.since for p in d.people) + 6, bought + 350)
    d.renews(bought + 352, bought + 730)
    Life(d).fill(bought + 356, END)


def never_starts(d: Diary, touch: int) -> None:
    """Bought for a project that is never begun; the term ends."""
    d.is_touched(touch)
    d.evaluates(touch + 6, "Deal Opened")
    d.buys(touch + 40, 20, 20 * SEAT, term=180)
    d.never_starts()
    d.ends(touch + 220)


def churns(d: Diary, touch: int, team: int, how: str) -> None:
    """A customer for most of a year, then gone: silently, over an invoice, or with notice given while all still work."""
    settled = land(d, touch, team)
    bought = d.bought_on()
    over = bought + 365
    Life(d, (*ORDINARY, "cancel")).fill(settled + 6, over - 60)
    if how == "silence":
        pause(d, over - 45, None)
        wants_to_cancel(d, over - 20, None)
    elif how == "invoice":
        never_pays(d, over - 50)
        pause(d, over - 30, None)
    else:
        wants_to_cancel(d, over - 40, None)
    d.ends(over)
    if how == "notice":
        pause(d, over, None)


def is_won_back(d: Diary, touch: int, team: int, debt: bool) -> None:
    """Leaves, over an unpaid invoice or with notice, and is back a quarter later with the same people."""
    settled = land(d, touch, team)
    over = settled + 170
    Life(d).fill(settled + 6, over - 50)
    if debt:
        never_pays(d, over - 30)
    else:
        wants_to_cancel(d, over - 30, None)
    back = over + 85
    first = [p for p in d.people if p.admin or p.level == "executive"] + [p for p in d.people if p.works][1:3]
    late = [p for p in d.people if p not in first]
    returns = {p.id: back + 10 + i for i, p in enumerate(late)}
    pause(d, over - 12, back, returns)
    d.ends(over, "unpaid" if debt else "not renewed")
    if debt:
        pays_the_debt(d, back + 5)
    else:
        takes_it_back(d, back + 5)
    d.comes_back(back + 5, d.seats or team, (d.seats or team) * SEAT)
    d.kicks_off(back + 6)
    d.expect_adoption([during(returns.get(p.id, back)) for p in d.people if p.works])
    Life(d).fill(max(returns.values()) + 6, END)


def loses(d: Diary, touch: int, trial: bool) -> None:
    """A deal that does not come off."""
    d.is_touched(touch)
    d.evaluates(touch + 5)
    if trial:
        d.tries(touch + 8)
        d.loses(touch + 30, "Trial Ended")
    else:
        d.evaluates(touch + 12, "Deal Opened")
        d.loses(touch + 45)


def loses_then_wins(d: Diary, touch: int, team: int) -> None:
    """The first deal is lost, the second one is not."""
    d.is_touched(touch)
    d.evaluates(touch + 5)
    d.evaluates(touch + 12, "Deal Opened")
    d.loses(touch + 50)
    again = touch + 160
    d.evaluates(again, "Deal Opened")
    d.tries(again + 5)
    seats = ceil(team / MARGIN)
    d.buys(again + 25, seats, seats * SEAT)
    d.kicks_off(again + 28)
    d.rolls_out(again + 30, _team(team - 5))
    Life(d).fill(max(p.since for p in d.people) + 6, END)


def looks_ready_but_is_not(d: Diary, touch: int, team: int, declined: bool) -> None:
    """Every seat in use and the score high, but at risk: a detractor from the start, or a renewal declined at once."""
    settled = land(d, touch, team, seats=team, quota=0.95 if declined else None)
    d.fills_up()
    bought = d.bought_on()
    if declined:
        wants_to_cancel(d, settled + 1, None, "Renewal Declined")
        d.ends(bought + 365)
        pause(d, bought + 365, None)
        return
    bad_survey(d, settled + 1, 4, None)
    for day in range(settled + 150, LAST_DAY, 150):
        d.is_surveyed(day, d.rng.randint(3, 6))
    d.renews(bought + 355, bought + 730)


def promotes(d: Diary, touch: int, team: int) -> None:
    """Nines and tens in every survey, renewed with pleasure, and never a word to anybody else."""
    settled = land(d, touch, team, quota=0.4)
    bought = d.bought_on()
    life = Life(d, ("holiday", "invoice", "executive", "more"), surveys=False)
    for day in range(settled + 20, LAST_DAY, 85):
        d.is_surveyed(day, d.rng.choice((9, 10)))
    life.fill(settled + 6, bought + 330)
    d.renews(bought + 345, bought + 730)
    life.fill(bought + 350, END)


def serves_itself(d: Diary, touch: int, team: int) -> None:
    """No salesperson, no seat count: people sign up, two look once and never again, the rest buys by card."""
    d.is_touched(touch)
    d.tries(touch + 3, ["user" for _ in range(team - 1)])
    for person in d.people[-2:]:
        person.away.append((person.since + 1, LAST_DAY))
    bought = touch + 3 + team + 32
    d.buys(bought, None, team * 9_00, "self-serve")
    d.expect_adoption()
    life = Life(d, ("invoice", "survey", "tickets"))
    life.fill(bought + 6, bought + 190)
    d.buys_an_add_on(bought + 192)
    life.fill(bought + 194, END)


def hangs_by_one_thread(d: Diary, touch: int, team: int) -> None:
    """Ten seats bought, one person in the product, until the rest of the team follows months later."""
    d.is_touched(touch)
    d.evaluates(touch + 7, "Deal Opened")
    bought = touch + 30
    seats = ceil(team / MARGIN)
    d.buys(bought, seats, seats * SEAT)
    d.kicks_off(bought + 5)
    d.starts_alone(bought + 6)
    d.rolls_out(bought + 120, _team(team - 3))
    d.is_no_longer_alone()
    Life(d).fill(max(p.since for p in d.people) + 6, END)
