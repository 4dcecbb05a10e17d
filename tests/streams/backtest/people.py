"""Histories written by hand, as lists of active days, for tests of the backtest."""

from __future__ import annotations

import orjson

from streams.backtest.history import Activity, History
from streams.journey.calendar import DAY, Calendar

UTC = Calendar("UTC")


def active(*days: int, second: int | None = None) -> Activity:
    """Somebody with one event at noon of each of these days. `second`: the day on which an account's second person came."""
    return Activity(
        [day * DAY + DAY // 2 for day in sorted(days)], sorted(set(days)), None if second is None else second * DAY
    )


def history(
    users: dict[str, Activity], accounts: dict[str, Activity] | None = None, last: int | None = None
) -> History:
    """`last`: the day of the last event, if it is later than anybody's here."""
    end = max([a.times[-1] for a in users.values()] + ([last * DAY] if last is not None else []))
    return History(UTC, users, accounts or {}, end)


def crowd(n: int, days: int, every: int = 9) -> dict[str, Activity]:
    """n people over so many days: some come every few days, some stop for good, some pause and return."""
    found = {}
    for i in range(n):
        stop = days if i % 3 else (i * 37) % days
        step = every + i % 7
        pause = range((i * 53) % days, (i * 53) % days + (120 if i % 4 == 0 else 0))
        found[f"u{i}"] = active(*[d for d in range(i % 11, max(stop, i % 11 + 1), step) if d not in pause] or [i % 11])
    return found


def lines(users: dict[str, Activity], account: str | None = None) -> list[bytes]:
    """The same as canonical records of `tiny`, in order of time, 18,000 days later: sources take no time before 1990."""
    events = sorted((at + 18_000 * DAY, user) for user, a in users.items() for at in a.times)
    seen: set[str] = set()
    found = []
    for at, user in events:
        name = "Report Created" if user in seen else "Signed Up"
        seen.add(user)
        found.append({"id": f"{user}-{at}", "event": name, "user": user, "account": account, "at": at // 1000})
    return [orjson.dumps(event) for event in found]
