"""One user: the journey step by step with the events behind it, the habit, what was done last."""

from __future__ import annotations

import orjson

from sinks.clickhouse import queries
from sinks.clickhouse.board import entity, people
from streams.board.address import Address
from streams.board.app import Board, Missing, Page, Sheet, moment
from streams.board.pages.account import journey
from streams.board.store import together


async def page(board: Board, _at: Address, match: dict[str, str]) -> Page:
    ask, user, now = board.store.ask, match["id"], await board.now()
    standing, steps, alerts, days, events = await together(
        ask(queries.standing, "user", user),
        ask(entity.steps, "user", user),
        ask(entity.alerts, "user", user),
        ask(people.active_days, user, board.subject.seen, now),
        ask(entity.newest_events, user),
    )
    if standing is None and not steps:
        raise Missing(f"There is no user {user}.")
    ids = sorted({name for record in [*steps, *alerts] for name in record["evidence"]})
    evidence = await ask(entity.events_of, "user", user, ids) if ids else {}
    carry = orjson.loads((standing or steps[0])["carry"])
    account = (standing or {}).get("account")
    [level] = await ask(people.levels_of, [carry.get("title")], board.subject.levels)
    return Page(
        carry.get("email") or user,
        "user.html",
        {
            "now": moment(now), "user": user, "standing": standing, "steps": steps, "alerts": alerts, "days": days,
            "events": events, "evidence": evidence, "carry": carry, "account": account, "level": level,
            "measures": orjson.loads(standing["measures"]) if standing else {}, "churn": board.subject.churn("user"),
            "into": next((row["into"] for row in steps if row["into"]), None), "states": board.subject.states,
        },
    )  # fmt: skip


async def sheet(board: Board, _at: Address, match: dict[str, str]) -> Sheet:
    return await journey(board, "user", match["id"])
