"""CSV: every table that can be taken away, whole, with the filters that were shown, against rows that are found here."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from datetime import date, datetime
from html import unescape
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load
from streams.journey.levels import Matcher
from tests.streams.board.conftest import SAAS, TOKEN
from tests.streams.board.counted import LADDERS, Rows, crossings, read
from tests.streams.board.test_journeys import later

OWNER = {"owner": "Ines Okafor"}
OWNED = "owner=Ines+Okafor"


@pytest.fixture(scope="module")
def rows(company: Client) -> Rows:
    return read(company)


def taken(board: str, path: str) -> list[dict[str, str]]:
    """A file as a spreadsheet reads it; every line has as many cells as the first."""
    with urlopen(Request(board + path, headers={"Authorization": f"Bearer {TOKEN}"})) as answer:
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
        found = list(csv.DictReader(io.StringIO(answer.read().decode(), newline=""), strict=True))
    assert all(None not in row and None not in row.values() for row in found)
    return found


def cell(value: Any) -> str:
    """A value as the file has it: times in RFC 3339, nothing for what is unknown, formulas made harmless."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text


def same(found: list[dict[str, str]], expected: list[dict[str, Any]]) -> None:
    """Row by row and cell by cell; numbers by their value, for 5 and 5.0 are one."""
    assert len(found) == len(expected) > 0
    for shown, row in zip(found, expected, strict=True):
        for name, value in row.items():
            if isinstance(value, (int, float)):
                assert float(shown[name]) == pytest.approx(value), (name, shown)
            else:
                assert shown[name] == cell(value), (name, shown)
        assert shown.keys() == row.keys()


def time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


@pytest.mark.parametrize("sort", ["mrr", "name"])
def test_accounts_of_an_owner_at_risk(board: str, company: Client, rows: Rows, sort: str) -> None:
    newest = {
        account: (orjson.loads(measures), signals)
        for account, measures, signals in company.query(
            "SELECT entity, argMax(measures, position), argMax(signals, position) FROM entities WHERE kind = 'account' GROUP BY entity"
        ).result_rows
    }
    expected = []
    risky = {account: row for account, row in rows.accounts.items() if row["states"]["risk"] == "at_risk"}
    ((owner, many),) = Counter(row["carry"]["owner"] for row in risky.values()).most_common(1)
    assert 1 < many < len(risky)
    for account, row in risky.items():
        if row["carry"]["owner"] != owner:
            continue
        (measures, signals), carry = newest[account], row["carry"]
        told = {name: carry.get(name) for name in ("name", "owner", "plan", "segment")}
        counted = ("weekly", "members", "seats", "executives", "executives_30")
        expected.append({
            "account": account, **told, "stage": row["states"]["stage"], "risk": "at_risk", "health": measures["health"], "churn": None,
            **{name: measures[name] for name in counted}, "mrr": carry["mrr"], "currency": carry["currency"],
            "renews_at": time(carry["renews_at"]), "signals": " ".join(signals),
        })  # fmt: skip
    expected.sort(key=lambda row: (-row["mrr"] if sort == "mrr" else row["name"].lower(), row["account"]))
    same(taken(board, f"/accounts.csv?owner={quote(owner)}&risk=at_risk&sort={sort}"), expected)


@pytest.mark.parametrize("view", ["executives", "unknown"])
def test_the_people_of_an_account_in_a_view(board: str, company: Client, rows: Rows, view: str) -> None:
    levels = load(SAAS).levels
    assert levels is not None
    matcher = Matcher(levels)
    wanted = {"executives": "executive", "unknown": "unknown"}[view]
    people = {
        user: row for user, row in rows.users.items() if matcher.level_of(row["carry"])[0] == wanted and row["account"]
    }
    ((account, _),) = Counter(row["account"] for row in people.values()).most_common(1)
    last: dict[str, datetime] = {}
    furthest: dict[str, int] = {}
    since: dict[str, datetime] = {}
    for user, _, at in rows.acts:
        last[user] = max(at, last.get(user, at))
    for step in rows.steps:
        if step.kind == "user" and step.machine == "stage":
            since[step.entity] = step.at
            if step.to in LADDERS["user"]:
                furthest[step.entity] = max(furthest.get(step.entity, 0), LADDERS["user"].index(step.to))
    expected = [
        {"entity": user, "email": row["carry"].get("email"), "title": row["carry"].get("title"), "level": wanted,
         "stage": row["states"]["stage"], "risk": row["states"]["risk"], "since": since[user],
         "furthest": LADDERS["user"][furthest[user]], "last": last.get(user)}
        for user, row in people.items() if row["account"] == account
    ]  # fmt: skip
    expected.sort(key=lambda row: (row["last"] is None, rows.now - (row["last"] or rows.now), row["entity"]))
    same(taken(board, f"/account/{account}/people.csv?people={view}"), expected)


@pytest.mark.parametrize("kind", ["user", "account"])
def test_the_steps_of_one_user_and_of_one_account(board: str, company: Client, rows: Rows, kind: str) -> None:
    counted = Counter(step.entity for step in rows.steps if step.kind == kind)
    entity = min(counted, key=lambda one: (-counted[one], one))
    newest = {}
    for id, seq, valid, *row in company.query(
        "SELECT id, seq, valid, at, machine, from_state, to_state, name, label, dwell_s, because FROM transitions"
        " WHERE kind = {kind:String} AND entity = {entity:String} ORDER BY seq",
        parameters={"kind": kind, "entity": entity},
    ).result_rows:
        newest[id] = (row[0], seq, valid, row)
    columns = ("at", "machine", "from_state", "to_state", "rule", "label", "dwell_s", "because")
    ordered = sorted((newest[id] for id in sorted(newest)), key=lambda one: one[:2], reverse=True)
    expected = [dict(zip(columns, row, strict=True)) for _, _, valid, row in ordered if valid]
    same(taken(board, f"/{kind}/{quote(entity)}/steps.csv"), expected)


@pytest.mark.parametrize("kind", LADDERS)
def test_the_cohorts_of_an_owner(board: str, rows: Rows, kind: str) -> None:
    started: dict[date, list[list[tuple[datetime, bool]]]] = defaultdict(list)
    for moves in crossings(rows.chosen(OWNER).steps, kind).values():
        started[moves[0][0].date().replace(day=1)].append(moves)
    this = rows.now.date().replace(day=1)
    expected = []
    for cohort, members in sorted(started.items()):
        lived = (this.year - cohort.year) * 12 + this.month - cohort.month - 1
        if lived < 12:
            for month in range(max(lived, 0) + 1):
                here = sum([came for at, came in moves if at <= later(moves[0][0], month)][-1] for moves in members)
                expected.append({"cohort": cohort, "month": month, "started": len(members), "here": here})
    same(taken(board, f"/journeys.csv?{OWNED}&kind={kind}"), expected)


def test_the_open_alerts_of_an_owner(board: str, company: Client, rows: Rows) -> None:
    columns = (
        "severity",
        "title",
        "name",
        "kind",
        "entity",
        "account",
        "owner",
        "at",
        "do",
        "act_by",
        "clears_when",
        "signals",
    )
    opened: dict[str, Any] = {}
    for alert, status, *row in company.query(
        f"SELECT lower(hex(opens)), status, {', '.join(columns)} FROM alerts ORDER BY position"
    ).result_rows:
        if status == "opened":
            opened[alert] = dict(zip(columns, row, strict=True))
        else:
            opened.pop(alert, None)
    chosen = rows.chosen(OWNER).accounts
    expected = []
    for alert, row in opened.items():
        if row["account"] in chosen:
            at, signals = row.pop("at"), " ".join(row.pop("signals"))
            expected.append({"alert": alert, **row, "opened_at": at, "signals": signals})
    grave = ("critical", "high", "medium", "low", "info")
    expected.sort(key=lambda row: (grave.index(row["severity"]), rows.now - row["opened_at"], row["alert"]))
    assert 0 < len(expected) < len(opened)
    same(taken(board, f"/alerts.csv?{OWNED}"), expected)


@pytest.mark.parametrize(
    ("path", "name", "to"),
    [(f"/?{OWNED}&days=90", "Export CSV of open alerts", f"/alerts.csv?{OWNED}"),
     ("/account/a-ashdown?people=unknown", "Export CSV of people", "/account/a-ashdown/people.csv?people=unknown"),
     ("/account/a-ashdown", "Export CSV of its journey", "/account/a-ashdown/steps.csv")],
)  # fmt: skip
def test_a_page_leads_to_its_files(board: str, path: str, name: str, to: str) -> None:
    with urlopen(Request(board + path, headers={"Authorization": f"Bearer {TOKEN}"})) as answer:
        page = unescape(answer.read().decode())
    assert re.findall(rf'<a[^>]* href="([^"]+)" aria-label="{name}" download>', page) == [to]
