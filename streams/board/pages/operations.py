"""Operations: does it run, how fast, what was thrown out, under which definition, and what has fallen silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sinks.clickhouse.board import operations
from streams.board.address import Address
from streams.board.app import Board, Page, moment
from streams.board.show import duration
from streams.board.store import together
from streams.board.subject import SILENT_BELOW, Matched

DAY = timedelta(days=1)


async def page(board: Board, _at: Address, _match: dict[str, str]) -> Page:
    now, ask = await board.now(), board.store.ask
    pulse, latency, throughput, letters, definitions, held, stock, selections = await together(
        ask(operations.pulse),
        ask(operations.latency),
        ask(operations.throughput),
        ask(operations.dead_letters),
        ask(operations.definitions),
        ask(operations.held),
        ask(operations.stock),
        matches(board, now),
    )
    return Page(
        "Operations",
        "operations.html",
        {
            "now": moment(now), "pulse": pulse, "latency": latency, "throughput": every_minute(throughput), "letters": letters,
            "definitions": definitions, "held": held, "stock": stock, "warnings": warnings(selections, pulse),
            "selections": selections, "wrong": differs(board, definitions),
        },
    )  # fmt: skip


async def matches(board: Board, now: int) -> list[Matched]:
    """What each selection of the definition matched up to `now` (ms of event time)."""
    ask = board.store.ask
    kinds, inside = await together(
        ask(operations.kinds_of_events, now), ask(operations.matches, now, board.subject.looking_inside())
    )
    return board.subject.matched(kinds, inside)


def warnings(selections: Sequence[Matched], pulse: dict[str, Any]) -> list[str]:
    """What has to be said aloud: selections that stopped matching, or that nothing at all comes any more.

    Selections are looked at in event time, which stands still when everything does: that is seen by the clock.
    """
    found = []
    quiet = pulse["now"] - pulse["stored"] if pulse["stored"] else timedelta()
    if quiet >= DAY and any(one.before >= SILENT_BELOW for one in selections):
        found.append(
            f"No event has been stored for {duration(quiet.total_seconds())}. Is the source still written to, and does the "
            "sink run?"
        )
    return found + [
        f"Selection “{one.selection}” matched nothing in the last 24 hours, and {one.before:,.0f} events a day before. "
        "Was an event renamed, or has a source stopped?"
        for one in selections
        if one.silent
    ]


def every_minute(rows: Sequence[dict[str, Any]], minutes: int = 60) -> list[dict[str, Any]]:
    """The hour up to the newest minute, with those in which nothing was stored."""
    if not rows:
        return []
    events, last = {row["minute"]: row["events"] for row in rows}, rows[-1]["minute"]
    hour = (last - timedelta(minutes=n) for n in reversed(range(minutes)))
    return [{"minute": minute, "events": events.get(minute, 0)} for minute in hour]


def differs(board: Board, definitions: list[dict[str, Any]]) -> bool:
    """Whether the sink runs under another definition than the one that the board was given."""
    return bool(definitions) and definitions[0]["digest"] != board.subject.definition.digest
