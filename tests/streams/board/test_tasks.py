"""What people come to the board for, each in two clicks; every answer is counted again by a query of this file's own."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Locator, Page

from schemas.definition.parse import load
from streams.journey.levels import Matcher
from tests.streams.board.conftest import SAAS, Visit

NOW = "(SELECT max(at) FROM events)"


def rows_of(page: Page, region: str = "#list") -> list[list[str]]:
    """The cells of a table's body, as they are read."""
    found: list[list[str]] = page.locator(f"{region} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return found


def names_of(page: Page, region: str = "#list") -> list[str]:
    return [row[0].split("\n")[0] for row in rows_of(page, region)]


def column(page: Page, title: str, region: str = "#list") -> list[str]:
    heads = [text.strip("↓↑\n ") for text in page.locator(f"{region} thead th").all_inner_texts()]
    return [row[heads.index(title)] for row in rows_of(page, region)]


def renewing(company: Client, and_owner: str = "") -> list[dict[str, Any]]:
    """Accounts at risk that renew within 90 days, the largest first: from the transitions and each one's newest plan."""
    found = company.query(
        f"""
        WITH risky AS (
            SELECT entity FROM transitions FINAL WHERE kind = 'account' AND machine = 'risk' AND valid
            GROUP BY entity HAVING argMax(toString(to_state), (at, seq)) = 'at_risk'),
        plans AS (
            SELECT account, argMax(properties, at) AS plan FROM events FINAL
            WHERE name IN ('Subscription Created', 'Subscription Updated', 'Subscription Reactivated') GROUP BY account)
        SELECT p.account, JSONExtractFloat(plan, 'mrr') AS mrr
        FROM plans AS p INNER JOIN risky AS r ON r.entity = p.account
        WHERE parseDateTimeBestEffort(JSONExtractString(plan, 'renews_at')) BETWEEN {NOW} AND {NOW} + INTERVAL 90 DAY
        ORDER BY mrr DESC, p.account
        """
    ).result_rows
    people = {account: (name, owner) for account, name, owner in company.query(
        "SELECT entity, JSONExtractString(carry, 'name'), JSONExtractString(carry, 'owner') FROM entities FINAL WHERE kind = 'account'"
    ).result_rows}  # fmt: skip
    chosen = [{"name": people[account][0], "owner": people[account][1], "mrr": mrr} for account, mrr in found]
    return [one for one in chosen if not and_owner or one["owner"] == and_owner]


def test_accounts_at_risk_that_renew_in_90_days_by_revenue_with_reason_and_owner(visit: Visit, company: Client) -> None:
    page = visit.go("/")
    page.get_by_role("link", name="Accounts", exact=True).click()
    page.get_by_role("link", name="At risk, renewing in 90 days").click()
    expected = renewing(company)
    assert len(expected) >= 5
    assert names_of(page) == [one["name"] for one in expected]
    assert visit.figure("total") == len(expected)
    assert column(page, "Owner") == [one["owner"] for one in expected]
    signs = {"€": "", "$": "", "£": "", ",": ""}
    shown = [float("".join(signs.get(c, c) for c in text)) for text in column(page, "MRR")]
    assert shown == [float(f"{one['mrr'] / 100:.0f}") for one in expected]
    assert all(column(page, "Why"))
    assert "risk=at_risk" in page.url


def test_the_lists_filter_by_owner_and_the_address_keeps_it(visit: Visit, company: Client) -> None:
    page = visit.go("/accounts")
    page.get_by_role("link", name="At risk, renewing in 90 days").click()
    page.get_by_label("Owner").select_option("Ines Okafor")
    page.get_by_label("Owner").press("Enter")
    page.wait_for_url("**owner=Ines+Okafor**")
    expected = [one["name"] for one in renewing(company, "Ines Okafor")]
    assert expected
    assert names_of(page) == expected
    page.reload()
    assert names_of(page) == expected
    page.go_back()
    page.wait_for_url(lambda url: "owner" not in url)
    assert len(names_of(page)) > len(expected)


def test_who_is_ready_to_expand(visit: Visit, company: Client) -> None:
    page = visit.go("/")
    page.get_by_role("link", name="Accounts", exact=True).click()
    page.get_by_role("link", name="Ready to expand").click()
    ready = {row[0] for row in company.query(
        "SELECT entity FROM transitions FINAL WHERE kind = 'account' AND machine = 'expansion' AND valid GROUP BY entity"
        " HAVING argMax(ifNull(toString(to_state), ''), (at, seq)) = 'ready'"
    ).result_rows}  # fmt: skip
    assert ready
    links = page.locator("#list tbody th a").evaluate_all(
        "all => all.map(a => a.getAttribute('href').split('/').pop())"
    )
    assert set(links) == ready


def members(company: Client, account: str) -> dict[str, list[tuple[datetime, str | None]]]:
    """{member: its stages in order}, from the transitions of users whose last one names the account."""
    steps: dict[str, list[tuple[datetime, str | None]]] = defaultdict(list)
    for entity, at, to in company.query(
        "SELECT entity, at, to_state FROM transitions FINAL WHERE kind = 'user' AND machine = 'stage' AND valid"
        " AND entity IN (SELECT entity FROM entities FINAL WHERE kind = 'user' AND account = {account:String} AND NOT gone)"
        " ORDER BY at, seq",
        parameters={"account": account},
    ).result_rows:
        steps[entity].append((at, to))
    return steps


@pytest.fixture(scope="module")
def account(company: Client) -> str:
    """An account with people who have not started and people who have."""
    ((found, _),) = company.query(
        "SELECT account, count() AS n FROM entities FINAL WHERE kind = 'user' AND NOT gone"
        " AND states['stage'] IN ('awareness', 'activation') AND isNotNull(account)"
        " GROUP BY account ORDER BY n DESC, account LIMIT 1"
    ).result_rows
    return str(found)


def test_who_in_this_account_has_not_started(visit: Visit, company: Client, account: str) -> None:
    name = company.query(
        "SELECT JSONExtractString(carry, 'name') FROM entities FINAL WHERE kind = 'account' AND entity = {a:String}",
        parameters={"a": account},
    ).result_rows[0][0]
    page = visit.go("/accounts")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="Not started").click()
    started = {"engagement", "adoption", "retention"}
    expected = {who for who, steps in members(company, account).items() if not started & {to for _, to in steps}}
    assert expected
    links = page.locator("#people tbody th a").evaluate_all(
        "all => all.map(a => decodeURIComponent(a.getAttribute('href')).slice(6))"
    )
    assert set(links) == expected
    assert visit.figure("not_started") == len(expected)


def executives(company: Client, account: str) -> tuple[set[str], set[str], set[str]]:
    """(executives, those silent for 30 days, members of no known level), by the core's own levels and one by one."""
    levels = load(SAAS).levels
    assert levels is not None
    matcher = Matcher(levels)
    now = company.query("SELECT max(at) FROM events").result_rows[0][0]
    known, silent, unknown = set(), set(), set()
    for entity, carry in company.query(
        "SELECT entity, carry FROM entities FINAL WHERE kind = 'user' AND account = {a:String} AND NOT gone",
        parameters={"a": account},
    ).result_rows:
        level = matcher.level_of(orjson.loads(carry))[0]
        if level == "unknown":
            unknown.add(entity)
        if level != "executive":
            continue
        known.add(entity)
        acts = company.query(
            "SELECT at FROM events FINAL WHERE entity = {e:String} AND type IN ('track', 'page', 'screen')"
            " AND actor = 'user' AND place = 'product'",
            parameters={"e": entity},
        ).result_rows
        if max((at for (at,) in acts), default=now - timedelta(days=10_000)) < now - timedelta(days=30):
            silent.add(entity)
    return known, silent, unknown


def test_which_executives_are_known_and_silent_and_how_many_have_no_level(visit: Visit, company: Client) -> None:
    accounts = [
        row[0]
        for row in company.query("SELECT entity FROM entities FINAL WHERE kind = 'account' ORDER BY entity").result_rows
    ]
    silent_one = next(account for account in accounts if executives(company, account)[1])
    unknown_one = company.query(
        "SELECT account FROM entities FINAL WHERE kind = 'user' AND NOT gone AND isNotNull(account)"
        " AND JSONExtractString(carry, 'title') = '' GROUP BY account ORDER BY count() DESC, account LIMIT 1"
    ).result_rows[0][0]
    for account in (silent_one, unknown_one):
        known, silent, unknown = executives(company, account)
        page = visit.go(f"/account/{account}")
        assert visit.figure("executives") == len(known)
        assert visit.figure("unknown") == len(unknown)
        page.get_by_role("link", name="Executives, silent").click()
        shown: Locator = page.locator("#people tbody th a")
        links = shown.evaluate_all("all => all.map(a => decodeURIComponent(a.getAttribute('href')).slice(6))")
        assert set(links) == silent


def test_the_accounts_whose_executives_are_silent_are_one_click_from_the_list(visit: Visit, company: Client) -> None:
    page = visit.go("/accounts")
    page.get_by_role("link", name="Executive silent 30 days").click()
    expected = company.query(
        "SELECT count() FROM entities FINAL WHERE kind = 'account' AND has(signals, 'no_executive_30d')"
    ).result_rows[0][0]
    assert expected
    assert len(names_of(page)) == visit.figure("total") == expected
