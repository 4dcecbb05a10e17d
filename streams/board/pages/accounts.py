"""Accounts: the list, sorted and searched, with the questions that people come with one click away."""

from __future__ import annotations

from typing import Any, NamedTuple

from sinks.clickhouse.board import accounts
from sinks.clickhouse.board.scope import Scope
from streams.board.address import PAGE, Address
from streams.board.app import EXPORTED, Board, Page, Sheet, moment
from streams.board.show import words
from streams.board.store import together


class Question(NamedTuple):
    """A list that somebody asks for every week, as filters of the address."""

    name: str
    query: dict[str, str]


QUESTIONS = (
    Question("All accounts", {}),
    Question("At risk, renewing in 90 days", {"risk": "at_risk", "renews": "90", "sort": "mrr"}),
    Question("At risk", {"risk": "at_risk", "sort": "mrr"}),
    Question("Ready to expand", {"expansion": "ready", "sort": "mrr"}),
    Question("Executive silent 30 days", {"signal": "no_executive_30d", "sort": "mrr"}),
)
"""Those whose machine or signal the definition does not have are left out."""

UPWARDS = ("name", "stage", "owner", "renews")
"""Columns that begin with the smallest."""


async def page(board: Board, at: Address, _match: dict[str, str]) -> Page:
    now, ask, subject = await board.now(), board.store.ask, board.subject
    scope, (sort, descending) = chosen(board, at, now), sorting(at)
    start, churn = PAGE * (at.number("page", 1, 1, 100_000) - 1), subject.churn("account")
    choices, total, rows = await together(
        board.choices(),
        ask(accounts.count, scope),
        ask(accounts.page, scope, sort, descending, PAGE, start, churn),
    )
    ids = [row["account"] for row in rows]
    measure = churn or "health"
    reasons, histories, active = await together(
        ask(accounts.reasons, ids),
        ask(accounts.histories, ids, measure, now),
        ask(accounts.active_by_level, ids, subject.levels, subject.seen, now, subject.definition.clock.timezone),
    )
    for row in rows:
        row["reason"] = reason(row, reasons.get(row["account"]))
        row["history"], row["levels"] = histories.get(row["account"], []), active.get(row["account"], {})
    return Page(
        "Accounts",
        "accounts.html",
        {
            "now": moment(now), "rows": rows, "total": total, "choices": choices, "sort": sort, "descending": descending,
            "start": start, "size": PAGE, "churn": churn, "measure": measure, "questions": questions(board, at),
            "machines": {m: subject.states("account", m) for m in subject.machines("account")},
            "turn": lambda column: turned(at, column, sort, descending),
        },
    )  # fmt: skip


async def sheet(board: Board, at: Address, _match: dict[str, str]) -> Sheet:
    now, (sort, descending) = await board.now(), sorting(at)
    rows = await board.store.ask(
        accounts.page, chosen(board, at, now), sort, descending, EXPORTED, 0, board.subject.churn("account")
    )
    plain = ["account", "name", "owner", "plan", "segment", "stage", "risk", "health", "churn", "weekly", "members", "seats",
             "executives", "executives_30", "mrr", "currency", "renews_at"]  # fmt: skip
    return Sheet(
        "accounts", [*plain, "signals"], [[*(row[name] for name in plain), " ".join(row["signals"])] for row in rows]
    )


def chosen(board: Board, at: Address, now: int) -> Scope:
    return board.scope(at, now, board.subject.machines("account"))


def sorting(at: Address) -> tuple[str, bool]:
    """(column, whether the largest comes first); what is not a column is the name."""
    sort = at.get("sort", "name")
    sort = sort if sort in accounts.SORTS else "name"
    return sort, at.get("order", "asc" if sort in UPWARDS else "desc") == "desc"


def turned(at: Address, column: str, sort: str, descending: bool) -> str:
    """The address that sorts by a column, or the other way round where it is sorted by it."""
    down = not descending if column == sort else column not in UPWARDS
    return at.to(sort=column, order="desc" if down else "asc")


def questions(board: Board, at: Address) -> list[tuple[str, str, bool]]:
    """[(name, address, whether it is what is shown)]; the filters that stay from page to page do here too."""
    entity = board.subject.definition.account
    signals = {signal.name for signal in entity.signals} if entity else set()
    known = {
        *board.subject.machines("account"),
        "sort",
        "renews",
        *(("signal",) if "no_executive_30d" in signals else ()),
    }
    asked = {name: value for name, value in at.query.items() if name not in (*at.lasting, "sort", "order", "page", "q")}
    found = []
    for name, query in QUESTIONS:
        if set(query) <= known:
            here = {key: value for key, value in query.items() if key != "sort"} == asked
            found.append((name, Address("/accounts", {**at.lasting, **query}).to(), here))
    return found


def reason(row: dict[str, Any], alert: dict[str, Any] | None) -> str:
    """Why an account is where it is: its signals; those of its open alert where none hold any more (a risk can outlast them)."""
    if row["signals"]:
        return ", ".join(words(name) for name in row["signals"])
    if alert is not None and alert["signals"] and row["risk"] not in ("healthy", ""):
        return "was: " + ", ".join(words(name) for name in alert["signals"])
    return ""
