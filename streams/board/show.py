"""How values look on a page: money, times, shares, words. Pure; what is unknown is a dash."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import orjson

from streams.board.address import ATTRIBUTE

NOTHING = "–"
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF "}
_WHOLE = ("JPY", "KRW", "VND", "CLP", "ISK")
"""Currencies without a minor unit (ISO 4217)."""


def money(minor: float | None, currency: str | None) -> str:
    """Minor units as `€1,738`; a currency that has no sign here as `1,738 SEK`."""
    if minor is None:
        return NOTHING
    units = minor if currency in _WHOLE else minor / 100
    sign = _SIGNS.get(currency or "")
    return f"{sign}{units:,.0f}" if sign else f"{units:,.0f} {currency or ''}".rstrip()


def number(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def share(value: float | None, digits: int = 0) -> str:
    """0.42 as `42 %`."""
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def day(moment: date | datetime | None) -> str:
    """`5 Feb 2024`."""
    return NOTHING if moment is None else f"{moment.day} {moment:%b %Y}"


def told_day(text: Any) -> str:
    """A time as a source wrote it, as `day` writes it; what is none as it stands."""
    try:
        return day(datetime.fromisoformat(str(text)))
    except ValueError:
        return str(text)


def clock(moment: datetime | None) -> str:
    """`5 Feb 2024 14:03`."""
    return NOTHING if moment is None else f"{day(moment)} {moment:%H:%M}"


def duration(seconds: float | None) -> str:
    """The two largest units at most: `3 d`, `5 h`, `12 min`, `40 s`."""
    if seconds is None:
        return NOTHING
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:,.0f} {unit}"
    return "0 s" if seconds == 0 else f"{1000 * seconds:.0f} ms"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long before `now`; what is ahead of it is `in 3 d`."""
    if moment is None:
        return NOTHING
    seconds = (now - moment).total_seconds()
    return f"in {duration(-seconds)}" if seconds < 0 else f"{duration(seconds)} ago"


def words(name: Any) -> str:
    """A name as words: `at_risk` is `at risk`."""
    return NOTHING if name in (None, "") else str(name).replace("_", " ")


def label(name: str) -> str:
    """The name of a filter as a label: `attr.renewal_team` is `Renewal team`."""
    return words(name.removeprefix(ATTRIBUTE)).capitalize()


def value(found: Any) -> str:
    """A measure's value, whatever it is."""
    if found is None:
        return "unknown"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, (int, float)):
        return f"{found:,.4g}" if isinstance(found, float) and not found.is_integer() else f"{found:,.0f}"
    if isinstance(found, list):
        return " or ".join(words(one) for one in found)
    return str(found)


_PLACES = re.compile(r"(\w+) (not in|in) \[([^\]]*)\] \(now (\w+)\)")
_BECOMES = re.compile(r"(\w+) becomes (\w+) \(now (\w+)\)")
_THEN = re.compile(r"\(now ([^)]*)\)")


def clears(text: str) -> str:
    """What would end an alert, as published, with its states and its counts of signals in words.

    Its values are those at its opening, which may be long ago: the page shows what is so now beside it.
    """

    def place(found: re.Match[str]) -> str:
        states = [words(name.strip(" '")) for name in found[3].split(",")]
        listed = " or ".join(filter(None, [", ".join(states[:-1]), states[-1]]))
        return f"{words(found[1])} {'other than ' if found[2] == 'not in' else ''}{listed} (now {words(found[4])})"

    def way(found: re.Match[str]) -> str:
        return f"{words(found[1])} becomes {words(found[2])} (now {words(found[3])})"

    told = _BECOMES.sub(way, _PLACES.sub(place, text)).replace("count(signals) == 0", "no signal left")
    return _THEN.sub(r"(\1 at its opening)", told)


def because(text: str) -> list[dict[str, Any]]:
    """The terms of a rule as published: {measure, value, op, threshold, holds}; durations are seconds."""
    found = orjson.loads(text or "[]")
    return found if isinstance(found, list) else []


def link(kind: str, entity: str | None) -> str:
    """The address of an account's or a user's page."""
    return f"/{kind}/{quote(entity or '', safe='')}"
