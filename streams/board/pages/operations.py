"""Operations: does it run, how fast, what was thrown out, under which definition, and what has fallen silent."""

from __future__ import annotations

from typing import Any

from sinks.clickhouse.board import operations
from streams.board.address import Address
from streams.board.app import Board, Page, moment
from streams.board.store import together


async def page(board: Board, _at: Address, _match: dict[str, str]) -> Page:
    now, ask = await board.now(), board.store.ask
    pulse, latency, throughput, letters, definitions, held, kinds, stock = await together(
        ask(operations.pulse),
        ask(operations.latency),
        ask(operations.throughput),
        ask(operations.dead_letters),
        ask(operations.definitions),
        ask(operations.held),
        ask(operations.kinds_of_events, now),
        ask(operations.stock),
    )
    return Page(
        "Operations",
        "operations.html",
        {
            "now": moment(now), "pulse": pulse, "latency": latency, "throughput": throughput, "letters": letters,
            "definitions": definitions, "held": held, "stock": stock, "warnings": warnings(board, kinds),
            "selections": board.subject.matched(kinds), "wrong": differs(board, definitions),
        },
    )  # fmt: skip


def warnings(board: Board, kinds: list[dict[str, Any]]) -> list[str]:
    """What has to be said aloud: selections that stopped matching."""
    return [
        f"Selection “{one.selection}” matched nothing in the last 24 hours, and {one.before:,.0f} events a day before. "
        "Was an event renamed, or has a source stopped?"
        for one in board.subject.silent(kinds)
    ]


def differs(board: Board, definitions: list[dict[str, Any]]) -> bool:
    """Whether the sink runs under another definition than the one that the board was given."""
    return bool(definitions) and definitions[0]["digest"] != board.subject.definition.digest
