"""One account: where it stands and why, what would change it, its people, its history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from sinks.clickhouse import queries
from sinks.clickhouse.board import entity, people
from streams.board.address import Address
from streams.board.app import Board, Missing, Page, Sheet, moment
from streams.board.charts import Line
from streams.board.store import together

SILENT = timedelta(days=30)
"""An executive not seen for so long is silent: as in the signal no_executive_30d."""

STARTED = 2
"""The rung of the definition's ladder from which a member has started: behind the beginning and the sign-up."""

VIEWS = {
    "all": "Everybody",
    "not_started": "Not started",
    "executives": "Executives",
    "silent_executives": "Executives, silent 30 d",
    "unknown": "No known level",
    "at_risk": "At risk",
}


async def page(board: Board, at: Address, match: dict[str, str]) -> Page:
    ask, account, now = board.store.ask, match["id"], await board.now()
    standing, steps, moves, alerts, days, members = await together(
        ask(queries.standing, "account", account),
        ask(entity.steps, "account", account),
        ask(entity.members_steps, account),
        ask(entity.alerts, "account", account),
        ask(entity.days, account, now),
        ask(people.members, account, board.subject.levels, board.subject.seen),
    )
    if standing is None and not steps:
        raise Missing(f"There is no account {account}.")
    evidence = await _evidence(board, ["", *(row["entity"] for row in members)], [*steps, *alerts])
    today = moment(now)
    assert today is not None, "an account with a history has a time"
    measures = orjson.loads(standing["measures"]) if standing else {}
    view = at.get("people", "all") if at.get("people", "all") in VIEWS else "all"
    return Page(
        orjson.loads(standing["carry"]).get("name") or account if standing else account,
        "account.html",
        {
            "now": today, "account": account, "standing": standing, "measures": measures, "evidence": evidence,
            "carry": orjson.loads(standing["carry"]) if standing else {}, "parts": board.subject.parts(measures),
            "alerts": [row for row in alerts if row["status"] == "opened"], "steps": steps,
            "closed": [row for row in alerts if row["status"] != "opened"][:20],
            "moves": moves, "history": history(days, board.subject.churn("account")), "view": view, "views": VIEWS,
            "counts": {name: len(select(name, members, today)) for name in VIEWS},
            "people": select(view, members, today), "setup": max((setup(row) for row in members), default=0),
            "names": {row["entity"]: row["email"] or row["entity"] for row in members},
            "churn": board.subject.churn("account"), "states": board.subject.states,
        },
    )  # fmt: skip


async def sheet(board: Board, at: Address, match: dict[str, str]) -> Sheet:
    members = await board.store.ask(people.members, match["id"], board.subject.levels, board.subject.seen, 100_000)
    today = moment(await board.now())
    columns = ["entity", "email", "title", "level", "stage", "risk", "since", "furthest", "last"]
    rows = select(at.get("people", "all"), members, today) if today else []
    return Sheet("people", columns, [[row[name] for name in columns] for row in rows])


def select(view: str, members: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """The members that a view is about."""
    match view:
        case "not_started":
            return [row for row in members if row["rung"] < STARTED]
        case "executives":
            return [row for row in members if row["level"] == "executive"]
        case "silent_executives":
            return [row for row in members if row["level"] == "executive" and silent(row, now)]
        case "unknown":
            return [row for row in members if row["level"] == "unknown"]
        case "at_risk":
            return [row for row in members if row["risk"] == "at_risk"]
    return members


def silent(row: dict[str, Any], now: datetime) -> bool:
    return row["last"] is None or row["last"] < now - SILENT


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


async def _evidence(board: Board, entities: list[str], records: list[dict[str, Any]]) -> dict[str, Any]:
    """The events that the records name: what the page can show of them."""
    ids = sorted({name for record in records for name in record["evidence"]})[:2_000]
    return await board.store.ask(entity.events_of, entities, ids) if ids else {}
