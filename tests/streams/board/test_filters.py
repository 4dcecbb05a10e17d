"""Filters: each narrows every figure of every page to what is counted here row by row; none is applied before it is chosen."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, Page

from streams.board import show
from tests.streams.board.conftest import visiting
from tests.streams.board.counted import LADDERS, Rows, crossings, read

FILTERS = (
    {"owner": "Ines Okafor"}, {"plan": "self-serve"}, {"segment": "mid-market"}, {"attr.currency": "USD"}, {"days": "90"},
    {"attr.currency": "EUR", "segment": "mid-market", "days": "365"},
)  # fmt: skip
READ = """async path => {
    const page = new DOMParser().parseFromString(await (await fetch(path)).text(), "text/html");
    const text = one => one.textContent.trim().replace(/\\s+/g, " ");
    const all = (what, told) => [...page.querySelectorAll(what)].map(told);
    const cells = one => [...one.querySelectorAll("tbody tr")].map(row => [...row.cells].map(text));
    return {
        figures: Object.fromEntries(all("[data-figure]", one => [one.dataset.figure, text(one)])),
        tables: Object.fromEntries(all("[data-live]", one => [one.id, cells(one)])),
        said: Object.fromEntries(all("[data-live]", one => [one.id, text(one)])),
        names: all("#list tbody th a, #worst tbody th a", text),
        feed: all("#feed li", one => one.dataset.key),
        trend: [page.querySelector("#trend .ys text")?.textContent, page.querySelector("#trend path.line")?.getAttribute("d")],
    };
}"""
"""A page's figures, tables and lists, as anybody is sent them."""


@pytest.fixture(scope="module")
def tab(browser: Browser, board: str) -> Iterator[Page]:
    """One tab for the file; afterwards nothing was complained of, and nobody else was asked."""
    with visiting(browser, board) as visit:
        yield visit.page


@pytest.fixture(scope="module")
def rows(company: Client) -> Rows:
    return read(company)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def check_tiles(told: dict[str, Any], all: Rows) -> None:
    """Who stands where now, what they pay, and which alerts are open: no time limits these."""
    figures = {name: number(re.sub(r"[^\d,]", "", text)) for name, text in told["figures"].items()}
    paid: Counter[str] = Counter()
    for row in all.accounts.values():
        if row["carry"].get("mrr") and row["states"]["stage"] != "churn":
            paid[f"mrr-{row['carry']['currency']}"] += row["carry"]["mrr"]
    latest = {row["opens"]: row["status"] for row in all.alerts}
    assert figures == {
        "accounts": len(all.accounts),
        "users": len(all.users),
        "at_risk": sum(row["states"].get("risk") == "at_risk" for row in all.accounts.values()),
        "alerts": sum(status == "opened" for status in latest.values()),
        **{currency: round(mrr / 100) for currency, mrr in paid.items()},
    }
    risky = [
        (-row["carry"]["mrr"], account)
        for account, row in all.accounts.items()
        if row["states"].get("risk") == "at_risk"
    ]
    assert told["names"] == [all.accounts[account]["carry"]["name"] for _, account in sorted(risky)][:6]


def check_funnel(told: list[list[str]], all: Rows, kind: str, now_column: int) -> None:
    """Who came this far or further at any time, and who stands there now."""
    ladder, furthest = LADDERS[kind], dict.fromkeys((step.entity for step in all.steps if step.kind == kind), -1)
    for step in all.steps:
        if step.kind == kind and step.machine == "stage" and step.to in ladder:
            furthest[step.entity] = max(furthest[step.entity], ladder.index(step.to))
    standing = Counter(row["states"]["stage"] for row in (all.users if kind == "user" else all.accounts).values())
    assert {row[0]: (row[2], number(row[now_column])) for row in told} == {
        **{
            state: (f"{sum(n <= far for far in furthest.values()):,}", standing[state])
            for n, state in enumerate(ladder)
        },
        "churn": ("–", standing["churn"]),
    }


def check_flow(told: list[list[str]], all: Rows, kind: str, days: int) -> None:
    moves = Counter(
        (step.was or "began", step.to or "ended")
        for step in all.steps
        if step.kind == kind and step.machine == "stage" and all.since(days) < step.at <= all.now
    )
    assert {(was, to): number(n) for was, to, n in told} == moves


def check_feed(told: list[str], all: Rows) -> None:
    """The newest ones, in order; of those that were found out and happened at the same time, any."""
    known = {step.id: (step.detected, step.at) for step in all.steps}
    known |= {row["id"]: (row["detected_at"], row["at"]) for row in all.alerts}
    assert len(set(told)) == len(told)
    assert [known[id] for id in told] == sorted(known.values(), reverse=True)[:24]


def check_trend(top: str, drawn: str, all: Rows, days: int) -> None:
    """The line's points, a day each, as numbers again."""
    shown = [
        round(float(top.replace(",", "")) * (100 - float(point.split()[1])) / 100) for point in drawn[1:].split("L")
    ]
    change: Counter[date] = Counter()
    for step in all.steps:
        if step.kind == "account" and step.machine == "risk":
            change[step.at.date()] += (step.to == "at_risk") - (step.was == "at_risk")
    evenings = [all.now.date() - timedelta(days=n) for n in reversed(range(days))]
    assert shown == [sum(n for day, n in change.items() if day <= evening) for evening in evenings]


@pytest.mark.parametrize("query", FILTERS, ids=urlencode)
def test_a_filter_narrows_each_figure_of_the_overview(tab: Page, rows: Rows, query: dict[str, str]) -> None:
    told, all, days = tab.evaluate(READ, f"/?{urlencode(query)}"), rows.chosen(query), int(query.get("days", 30))
    assert 0 < len(all.accounts) < len(rows.accounts) or set(query) == {"days"}
    check_tiles(told, all)
    check_feed(told["feed"], all)
    check_trend(*told["trend"], all, days)
    assert f"last {days} days" in told["said"]["trend"]
    for kind in LADDERS:
        check_funnel(told["tables"][f"funnel-{kind}"], all, kind, 4)
        check_flow(told["tables"][f"flow-{kind}"], all, kind, days)


@pytest.mark.parametrize("query", FILTERS, ids=urlencode)
def test_a_filter_narrows_the_list_of_accounts(tab: Page, rows: Rows, query: dict[str, str]) -> None:
    told, all = tab.evaluate(READ, f"/accounts?{urlencode(query)}"), rows.chosen(query)
    assert told["names"] == sorted((row["carry"]["name"] for row in all.accounts.values()), key=str.lower)
    assert number(told["figures"]["total"]) == len(all.accounts)


@pytest.mark.parametrize("kind", LADDERS)
@pytest.mark.parametrize("query", FILTERS, ids=urlencode)
def test_a_filter_narrows_each_figure_of_the_journeys(tab: Page, rows: Rows, query: dict[str, str], kind: str) -> None:
    told, all = tab.evaluate(READ, f"/journeys?{urlencode({**query, 'kind': kind})}"), rows.chosen(query)
    since = all.since(int(query["days"])) if "days" in query else datetime.min  # noqa: DTZ901  (as ClickHouse's times come)
    check_funnel(told["tables"]["stages"], all, kind, 6)
    stays = defaultdict(list)
    for step in all.steps:
        if step.kind == kind and step.machine == "stage" and step.dwell is not None and since < step.at:
            stays[step.was].append(step.dwell)
    for state, _, _, _, median, p90, _ in told["tables"]["stages"]:
        known = sorted(stays[state])
        assert median == (show.duration(known[len(known) // 2]) if known else "–")
        assert p90 == (show.duration(known[int(len(known) * 0.9)]) if known else "–")
    moves = crossings(all.steps, kind)
    first = since.date().replace(day=1)
    started: Counter[str] = Counter()
    grown: dict[date, Counter[str]] = defaultdict(Counter)
    for steps in moves.values():
        month = steps[0][0].date().replace(day=1)
        if month >= max(first, all.now.date().replace(year=all.now.year - 1, day=1)):
            started[f"{month:%b %Y}"] += 1
        for n, (at, came) in enumerate(steps):
            if at.date() >= first:
                grown[at.date().replace(day=1)]["new" if came and n == 0 else "back" if came else "lost"] += 1
    assert {month: number(n) for month, n, *_ in told["tables"]["cohorts"]} == started
    assert [(month, *map(number, counts[:3])) for month, *counts in told["tables"]["growth"]] == [
        (f"{month:%b %Y}", n["new"], n["back"], n["lost"]) for month, n in sorted(grown.items(), reverse=True)[:24]
    ]
    active = {user for user, _, at in all.acts if (all.now.date() - at.date()).days < 28}
    assert f"of the {len(active):,} active ones" in told["said"]["power"]


def test_only_what_the_definition_carries_as_text_is_a_filter(tab: Page, rows: Rows) -> None:
    everybody = len(rows.accounts)
    for name, text in (
        ("attr.mrr", "1"),
        ("attr.renews_at", "x"),
        ("attr.health", "1"),
        ("attr.x') OR ('", "1"),
        ("attr.", "1"),
    ):
        assert number(tab.evaluate(READ, f"/accounts?{urlencode({name: text})}")["figures"]["total"]) == everybody
    for text in ("' OR '1' = '1", "USD' --", "nobody's"):
        assert tab.evaluate(READ, f"/accounts?{urlencode({'attr.currency': text})}")["names"] == []
    name = next(iter(rows.accounts.values()))["carry"]["name"]
    assert tab.evaluate(READ, f"/accounts?{urlencode({'attr.name': name})}")["names"] == [name]


def test_filters_stay_from_page_to_page_and_are_offered_with_their_values(tab: Page, rows: Rows) -> None:
    tab.goto(
        f"{origin(tab)}/?{urlencode({'attr.currency': 'USD', 'owner': 'Ines Okafor', 'attr.name': 'x', 'days': '365'})}"
    )
    tab.get_by_role("link", name="Accounts", exact=True).click()
    assert parse_qs(urlsplit(tab.url).query) == {"attr.currency": ["USD"], "owner": ["Ines Okafor"], "attr.name": ["x"]}
    offered = tab.get_by_label("Currency").locator("option").all_inner_texts()
    assert offered == [
        "All",
        *sorted({row["carry"]["currency"] for row in rows.accounts.values() if "currency" in row["carry"]}),
    ]
    assert tab.get_by_label("Currency").input_value() == "USD"
    tab.get_by_role("link", name="At risk, renewing in 90 days").click()
    assert {"attr.currency": ["USD"], "risk": ["at_risk"]}.items() <= parse_qs(urlsplit(tab.url).query).items()
    tab.get_by_label("Search").fill("a")
    tab.get_by_label("Search").press("Enter")
    tab.wait_for_url("**q=a**")
    assert {"attr.currency": ["USD"], "attr.name": ["x"]}.items() <= parse_qs(urlsplit(tab.url).query).items()


def origin(tab: Page) -> str:
    return str(tab.evaluate("location.origin"))


def focused(tab: Page) -> str:
    """The name of the field that has the focus; of what is no field its text."""
    return str(tab.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))


def test_the_keyboard_chooses_before_a_filter_is_applied_and_is_back_where_it_was(tab: Page) -> None:
    tab.goto(f"{origin(tab)}/accounts")
    tab.evaluate(
        "document.querySelector('form.filters').addEventListener('submit', () => { window.submits = (window.submits ?? 0) + 1 })"
    )
    for _ in range(60):
        tab.keyboard.press("Tab")
        if focused(tab) == "owner":
            break
    owner = tab.get_by_label("Owner")
    before = tab.url
    second = owner.locator("option").nth(2).get_attribute("value") or owner.locator("option").nth(2).inner_text()
    assert not shown(tab)
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert owner.input_value() == second
    assert tab.evaluate("window.submits ?? 0") == 0
    assert tab.url == before
    assert shown(tab), "the button says that a choice waits"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**owner=**")
    assert parse_qs(urlsplit(tab.url).query) == {"owner": [second]}
    assert focused(tab) == "owner"
    assert owner.input_value() == second
    tab.go_back()
    assert owner.input_value() == "", "a browser that goes back shows what the address says"


def test_a_choice_that_waits_is_left_alone_and_the_button_applies_it(tab: Page) -> None:
    tab.goto(f"{origin(tab)}/accounts")
    tab.get_by_label("Plan").focus()
    tab.keyboard.press("ArrowDown")
    chosen = tab.get_by_label("Plan").input_value()
    while focused(tab) != "Apply":
        tab.keyboard.press("Tab")
        assert tab.url.endswith("/accounts")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**plan=**")
    assert parse_qs(urlsplit(tab.url).query) == {"plan": [chosen]}
    assert focused(tab) == "plan"


def test_a_pointer_chooses_at_once(tab: Page) -> None:
    tab.goto(f"{origin(tab)}/accounts")
    tab.get_by_label("Segment").dispatch_event("pointerdown")
    tab.get_by_label("Segment").select_option("mid-market")
    tab.wait_for_url("**segment=mid-market")
    assert focused(tab) == "segment"


def shown(tab: Page) -> bool:
    """Whether the button can be seen and not only be reached."""
    return bool(tab.evaluate("getComputedStyle(document.querySelector('.filters .apply')).clipPath === 'none'"))
