"""Ordinary life between the turns of a story: small troubles one after the other, each over before the next begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from deploy.demo.company_diary import Diary
from deploy.demo.company_troubles import (
    bad_survey,
    champion_away,
    executives_away,
    late_invoice,
    pause,
    tickets,
    wants_more,
    wants_to_cancel,
)  # fmt: skip
from deploy.demo.script import date_of

Kind = Literal["invoice", "holiday", "executive", "champion", "survey", "tickets", "cancel", "more"]

ORDINARY: tuple[Kind, ...] = ("invoice", "holiday", "holiday", "executive", "survey", "tickets")

CALM = 4
"""Days from the end of a trouble until the account is healthy for certain."""


class Life:
    """Fills an account's calendar with troubles of some kinds, drawn from the account's own random source.

    `gap`: days of peace between two troubles, least and most. `full`: the account is full, so peace ends in expansion.
    """

    def __init__(
        self, d: Diary, kinds: tuple[Kind, ...] = ORDINARY, gap: tuple[int, int] = (8, 17), *, full: bool = False,
        surveys: bool = True,
    ) -> None:  # fmt: skip
        self._d, self._kinds, self._full, self._surveys = d, kinds, full, surveys
        self._gap = (max(gap[0], 9), max(gap[1], 16)) if full else gap
        self._ways: dict[Kind, Callable[[int, int, int], int | None]] = {
            "invoice": self._invoice, "holiday": self._holiday, "executive": self._executive, "champion": self._champion,
            "survey": self._survey, "tickets": self._tickets, "cancel": self._cancel, "more": self._more,
        }  # fmt: skip

    def fill(self, first: int, last: int) -> int:
        """Let troubles happen between two days, all of them over by `last`. The account must be calm on `first`."""
        day, rng = first, self._d.rng
        while day < last:
            if self._surveys and rng.random() < 0.15:
                self._d.is_surveyed(day, rng.choice((8, 9, 9, 10)))
            begins = day + rng.randint(*self._gap)
            ended = self._one(begins, day, last - CALM)
            day = begins if ended is None else ended + CALM
        return last

    def _one(self, begins: int, calm: int, last: int) -> int | None:
        kinds = list(self._kinds)
        self._d.rng.shuffle(kinds)
        if _holidays(begins) and "holiday" in kinds:
            kinds.insert(0, "holiday")
        for kind in kinds:
            ended = self._ways[kind](begins, calm, last)
            if ended is not None:
                return ended
        return None

    def _length(self, least: int, most: int) -> int:
        return self._d.rng.randint(least, most)

    def _invoice(self, begins: int, calm: int, last: int) -> int | None:
        if self._full:
            begins = calm + 24 + self._length(0, 4)  # overdue only once the account is ready again
        due, paid = begins - 10, begins + self._length(1, 6)
        if paid > last or due <= self._d.free.get("invoice", self._d.bought_on()):
            return None
        late_invoice(self._d, due, paid)
        self._d.free["invoice"] = paid
        return paid

    def _holiday(self, begins: int, calm: int, last: int) -> int | None:
        d = self._d
        d.falls_silent_by(begins - 14)
        silent = d.advocates_until()
        if silent is not None:
            late = silent <= begins + 7
            return None if self._full or late else self._long_holiday(begins, last)
        if begins % 7 > 4:
            begins += 2
        gone, back = begins - 7, begins + self._length(1, 6)
        if begins % 7 + (back - begins) in (5, 6, 12):
            back += 2 if back - begins < 5 else -2
        if gone < calm - 2 or back > last or gone < max(p.since for p in d.people):
            return None
        pause(d, gone, back)
        return back

    def _long_holiday(self, begins: int, last: int) -> int | None:
        d = self._d
        gone, back = begins - 14, begins + self._length(2, 5)
        first = d.champions_since()
        if first is None or begins < first + 30 or back > last or gone < self._last_back():
            return None
        pause(d, gone, back)
        return back

    def _last_back(self) -> int:
        d = self._d
        back = [back for _, back in d.pauses] + [last + 1 for p in d.people for _, last in p.away]
        return max([*back, *(p.since for p in d.people)])

    def _executive(self, begins: int, calm: int, last: int) -> int | None:
        d = self._d
        gone, back = begins - 30, begins + self._length(1, 5)
        known = [p for p in d.people if p.level == "executive"]
        if not known or back > last or gone <= max(self._d.free.get("executive", 0), *(p.since for p in known)):
            return None
        if any(first - 1 < gone < end for first, end in d.pauses):
            return None
        executives_away(d, gone, back)
        self._d.free["executive"] = back
        return back

    def _champion(self, begins: int, calm: int, last: int) -> int | None:
        d = self._d
        gone, back = begins - 14, begins + self._length(1, 6)
        first = d.champions_since()
        if first is None or gone < first + 30 or back > last or gone < self._last_back():
            return None
        champion_away(d, gone, back)
        return back

    def _survey(self, begins: int, calm: int, last: int) -> int | None:
        better = begins + self._length(2, 9)
        if better > last:
            return None
        bad_survey(self._d, begins, self._length(2, 6), better, self._length(7, 10))
        return better

    def _tickets(self, begins: int, calm: int, last: int) -> int | None:
        days = [begins - 26, begins - 17, begins - 6, begins]
        over = days[0] + 30
        if over > last or days[0] <= self._d.free.get("tickets", self._d.bought_on() - 30) + 30:
            return None
        tickets(self._d, days)
        self._d.free["tickets"] = begins
        return over

    def _cancel(self, begins: int, calm: int, last: int) -> int | None:
        stays = begins + self._length(2, 6)
        if stays > last:
            return None
        wants_to_cancel(self._d, begins, stays)
        return stays

    def _more(self, begins: int, calm: int, last: int) -> int | None:
        if begins + 30 > last or begins < self._d.free.get("more", 0):
            return None
        wants_more(self._d, begins)
        self._d.free["more"] = begins + 90
        return begins + 30 - CALM


def _holidays(day: int) -> bool:
    """Whether the turn of the year or the middle of summer."""
    date = date_of(day)
    return (date.month, date.day // 16) in {(12, 1), (1, 0), (8, 0), (8, 1)}
