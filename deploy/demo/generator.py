"""Segment-shaped traffic for the benchmark: any number of events of many users in many accounts, fast and the same each time.

A value is made by filling a prepared template, at a fifth of the cost of encoding an object; `segment_calls` builds the
same calls as plain objects, and a test holds the two together.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Literal, NamedTuple

import orjson

from schemas.sources import canonical

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 60
JITTER = 2_000
"""ms before or after its turn that an event may happen: as much disorder as an account waits for."""

Skew = Literal["mild", "zipf"]

MILD = 1.5
"""Exponent of the mild skew: of 1,000,000 events the busiest of 100,000 users has about 460, the median user 9."""

LIBRARY = {"name": "analytics.js", "version": "2.11.1"}
TITLES = ("CEO", "VP Operations", "Head of Analytics", "Operations Manager", "Data Analyst", "Accountant", "Planner")
FEATURES = ("reports", "dashboards", "alerts", "exports", "forecasts", "imports")


class Call(NamedTuple):
    """What is the same in many calls: how often it is drawn (in a thousand), and its own part of the object."""

    weight: int
    part: dict[str, Any]


def _track(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "properties": properties}


def _calls() -> list[Call]:
    """Ten track names, 5 % page calls, 1 % identify calls. The first, never drawn, is everybody's first event."""
    plan = {"mrr": 22_800, "currency": "EUR", "plan": "team", "seats": 12, "renews_at": "2024-12-31T00:00:00.000Z"}
    calls = [Call(0, _track("Signed Up", plan="trial"))]
    calls += [Call(80, _track("Feature Used", feature=feature)) for feature in FEATURES[1:5]]
    calls += [
        Call(120, _track("Report Created", feature="reports")),
        Call(50, _track("Data Exported", feature="exports")),
    ]
    calls += [Call(20, _track("Setup Step Completed", step=step)) for step in ("profile", "data source", "invite")]
    calls += [
        Call(250, _track("Report Viewed", report="weekly")),
        Call(115, _track("Dashboard Opened", dashboard="team")),
    ]
    calls += [Call(17, _track("Feature Blocked", feature="forecasts"))]
    calls += [Call(4, _track("Trial Started", plan="trial")), Call(4, _track("Subscription Created", **plan))]
    calls += [
        Call(25, {"type": "page", "name": name, "properties": {"path": "/" + name.lower()}})
        for name in ("Pricing", "Docs")
    ]
    calls += [Call(w, {"type": "identify", "traits": {"title": t, "role": "admin" if w == 2 else "member"}})
              for t, w in zip(TITLES, (1, 1, 2, 1, 2, 2, 1), strict=True)]  # fmt: skip
    return calls


CALLS = _calls()


class Drawn(NamedTuple):
    """One event before it is written: its number, its user's and account's, the index of its call, its time in ms."""

    number: int
    user: int
    account: int
    call: int
    at: int


def _drawn(
    n: int, users: int, accounts: int, seed: int, skew: Skew, days: int = DAYS, jitter: int = JITTER
) -> Iterator[tuple[int, int, int, int, int]]:
    random = Random(seed).random
    ends = list(accumulate(call.weight for call in CALLS))
    kinds = [bisect(ends, turn) for turn in range(ends[-1])]
    total, start, step = len(kinds), int(START.timestamp()) * 1000, days * 86_400_000 / max(n, 1)
    seen = bytearray(users)
    zipf = skew == "zipf"
    for i in range(n):
        user = int(users ** random()) - 1 if zipf else int(users * random() ** MILD)
        at = start + int(i * step) + int(random() * (2 * jitter + 1)) - jitter
        if seen[user]:
            yield i, user, user % accounts, kinds[int(random() * total)], at
        else:
            seen[user] = 1
            yield i, user, user % accounts, 0, at


def _context(account: str) -> dict[str, Any]:
    return {"groupId": account, "library": LIBRARY, "locale": "en-GB", "timezone": "Europe/Berlin"}


def segment_calls(n: int, users: int, accounts: int, seed: int = 7, skew: Skew = "mild") -> Iterator[dict[str, Any]]:
    """The events as objects, in the order and with the content of `segment_events`; slow, to compare with."""
    for drawn in map(Drawn._make, _drawn(n, users, accounts, seed, skew)):
        at = datetime.fromtimestamp(drawn.at // 1000, UTC) + timedelta(milliseconds=drawn.at % 1000)
        yield {
            **CALLS[drawn.call].part,
            "messageId": f"seg-{seed:08x}-{drawn.number:012x}",
            "userId": f"u-{drawn.user:07}",
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z",
            "context": _context(f"g-{drawn.account:05}"),
        }


def segment_events(
    n: int = 1_000_000,
    users: int = 100_000,
    accounts: int = 5_000,
    seed: int = 7,
    skew: Skew = "mild",
    days: int = DAYS,
    jitter: int = JITTER,
) -> Iterator[tuple[bytes, bytes]]:
    """`n` records (key: user id, value: a Segment call of about 300 bytes) over so many days, nearly in order of time: up to
    `jitter` ms before or after their turn.

    `mild` spreads events over users by a power law, `zipf` gives the busiest user 6 % of all. Each user's first event is
    Signed Up. The same arguments give the same bytes.
    """
    templates = [_template(call.part, seed) for call in CALLS]
    dates = [(START + timedelta(days=d)).strftime("%Y-%m-%dT").encode() for d in range(-1, days + 1)]
    clock = [b"%02d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60) for s in range(86_400)]
    first = int(START.timestamp()) * 1000 - 86_400_000  # a day before, as the first event may be early
    for number, user, account, call, at in _drawn(n, users, accounts, seed, skew, days, jitter):
        day, ms = divmod(at - first, 86_400_000)
        key = b"u-%07d" % user
        yield key, templates[call] % (number, key, dates[day], clock[ms // 1000], ms % 1000, account)


def _template(part: dict[str, Any], seed: int) -> bytes:
    """A call with holes: number, user, day, time of day, ms, account."""
    own = orjson.dumps(part).replace(b"%", b"%%")[:-1]
    context = orjson.dumps(_context("@")).replace(b"%", b"%%").replace(b"@", b"g-%05d")
    ids = b',"messageId":"seg-%08x-%%012x","userId":"%%b"' % seed
    return own + ids + b',"timestamp":"%b%b.%03dZ","context":' + context + b"}"


def watermark(at: int) -> bytes:
    """A record in our canonical form that promises: nothing earlier than `at` (ms) follows on this partition."""
    return canonical.watermark(at)
