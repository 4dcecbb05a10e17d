"""Find: accounts and users by a part of their name, address or id."""

from __future__ import annotations

from sinks.clickhouse.board import entity
from streams.board.address import Address
from streams.board.app import Board, Page, moment


async def page(board: Board, at: Address, _match: dict[str, str]) -> Page:
    text = at.get("q").strip()
    found = await board.store.ask(entity.find, text, 50) if text else []
    return Page("Search", "find.html", {"now": moment(await board.now()), "text": text, "found": found})
