"""One account: where it stands and why, what would change it, its people, its history."""

from __future__ import annotations

from typing import Any

import orjson

from sinks.clickhouse import queries
from sinks.clickhouse.board import entity, people
from streams.board.address import Address
from streams.board.app import EXPORTED, Board, Missing, Page, Sheet, moment
from streams.board.charts import Line
from streams.board.store import together

VIEWS = {
    "all": "Everybody",
    "not_started": "Not started",
    "executives": "Executives",
    "silent_executives": "Executives, silent 30 d",
    "unknown": "No known level",
    "at_risk": "At risk",
}


async def page(board: Board, at: Address, match: dict[str, str]) -> Page:
    ask, account, now, view = board.store.ask, match["id"], await board.now(), viewed(at)
    whose = (account, board.subject.levels, board.subject.seen, now)
    standing, steps, moves, alerts, days, members, counts = await together(
        ask(queries.standing, "account", account),
        ask(entity.steps, "account", account),
        ask(entity.members_steps, account),
        ask(entity.alerts, "account", account),
        ask(entity.days, account, now),
        ask(people.members, *whose, view),
        ask(people.member_counts, *whose),
    )
    if standing is None and not steps:
        raise Missing(f"There is no account {account}.")
    evidence = await _evidence(board, account, [*steps, *alerts])
    measures = orjson.loads(standing["measures"]) if standing else {}
    return Page(
        orjson.loads(standing["carry"]).get("name") or account if standing else account,
        "account.html",
        {
            "now": moment(now), "account": account, "standing": standing, "measures": measures, "evidence": evidence,
            "carry": orjson.loads(standing["carry"]) if standing else {}, "parts": board.subject.parts(measures),
            "alerts": [row for row in alerts if row["status"] == "opened"], "steps": steps,
            "closed": [row for row in alerts if row["status"] != "opened"][:20],
            "moves": moves, "history": history(days, board.subject.churn("account")), "view": view, "views": VIEWS,
            "counts": counts, "people": members, "setup": max((setup(row) for row in members), default=0),
            "churn": board.subject.churn("account"), "states": board.subject.states,
        },
    )  # fmt: skip


async def sheet(board: Board, at: Address, match: dict[str, str]) -> Sheet:
    whose = (match["id"], board.subject.levels, board.subject.seen, await board.now())
    members = await board.store.ask(people.members, *whose, viewed(at), EXPORTED)
    columns = ["entity", "email", "title", "level", "stage", "risk", "since", "furthest", "last"]
    return Sheet("people", columns, [[row[name] for name in columns] for row in members])


async def steps(board: Board, _at: Address, match: dict[str, str]) -> Sheet:
    return await journey(board, "account", match["id"])


async def journey(board: Board, kind: str, of: str) -> Sheet:
    """The steps of one account or one user, the newest first."""
    found = await board.store.ask(entity.steps, kind, of, EXPORTED)
    columns = ["at", "machine", "from_state", "to_state", "rule", "label", "dwell_s", "because"]
    return Sheet("steps", columns, [[row[name] for name in columns] for row in found])


def viewed(at: Address) -> str:
    """Which people the address asks for; everybody where it asks for something else."""
    view = at.get("people", "all")
    return view if view in VIEWS else "all"


def setup(row: dict[str, Any]) -> int:
    """How many steps of the setup a member has completed, where the definition publishes that."""
    found = orjson.loads(row["measures"]).get("setup") if row["measures"] else None
    row["setup"] = found if isinstance(found, int) else 0
    return int(row["setup"])


def history(days: list[dict[str, Any]], churn: str) -> dict[str, Any]:
    """The daily snapshots as lines: health (or the churn probability, in per cent), and weekly active people."""
    told = [orjson.loads(row["measures"]) for row in days]
    labels = [f"{row['day'].day} {row['day']:%b}" for row in days]
    lines = [Line("health", [one.get("health") for one in told], "a")] if any("health" in one for one in told) else []
    if churn:
        chance = [one.get(churn) for one in told]
        lines.append(Line("churn probability, %", [None if c is None else 100 * c for c in chance], "bad"))
    active = next((name for name in ("weekly", "monthly") if any(name in one for one in told)), "")
    return {
        "labels": labels, "lines": lines, "active": active,
        "people": [Line(f"{active} active people", [one.get(active) for one in told], "b")] if active else [],
    }  # fmt: skip


async def _evidence(board: Board, account: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The events that the records name: what the page can show of them."""
    ids = sorted({name for record in records for name in record["evidence"]})[:2_000]
    return await board.store.ask(entity.events_of, "account", account, ids) if ids else {}
