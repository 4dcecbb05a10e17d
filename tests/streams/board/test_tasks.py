"""What people come to the board for, each in two clicks; every answer is counted again by a query of this file's own."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Page

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
    about = {account: (name, owner) for account, name, owner in company.query(
        "SELECT account, argMaxIf(JSONExtractString(traits, 'name'), at, JSONHas(traits, 'name')),"
        " argMaxIf(JSONExtractString(traits, 'owner'), at, JSONHas(traits, 'owner')) FROM events FINAL"
        " WHERE type = 'group' GROUP BY account"
    ).result_rows}  # fmt: skip
    chosen = [
        {"account": account, "name": about[account][0], "owner": about[account][1], "mrr": mrr}
        for account, mrr in found
    ]
    return [one for one in chosen if not and_owner or one["owner"] == and_owner]


def reasons(company: Client) -> dict[str, str]:
    """{account: its signals in words, of its newest snapshot; where none holds any more, what its gravest open alert said}."""
    now, was = {}, {}
    for account, signals in company.query(
        "SELECT entity, argMax(signals, position) FROM entities WHERE kind = 'account' GROUP BY entity"
    ).result_rows:
        now[account] = [name.replace("_", " ") for name in signals]
    for account, signals in company.query(
        "SELECT entity, signals FROM alerts_now WHERE kind = 'account' AND status = 'opened'"
        " ORDER BY indexOf(['high', 'medium', 'low', 'info'], severity) DESC, opened_at"
    ).result_rows:
        was[account] = [name.replace("_", " ") for name in signals]
    return {
        account: ", ".join(signals) if signals else "was: " + ", ".join(was.get(account, []))
        for account, signals in now.items()
    }


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
    why = reasons(company)
    assert column(page, "Why") == [why[one["account"]] for one in expected]
    assert all(len(why[one["account"]]) > len("was: ") for one in expected)
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


class Known(NamedTuple):
    """What is known of an account's people, by their addresses: executives, those silent for 30 days; how many have no level."""

    executives: set[str]
    silent: set[str]
    of_no_level: int


def known(company: Client) -> dict[str, Known]:
    """By the core's own levels, one person after the other."""
    levels = load(SAAS).levels
    assert levels is not None
    matcher = Matcher(levels)
    acts = dict(company.query(
        "SELECT entity, max(at) FROM events FINAL WHERE type IN ('track', 'page', 'screen') AND actor = 'user'"
        " AND place = 'product' GROUP BY entity"
    ).result_rows)  # fmt: skip
    now = company.query("SELECT max(at) FROM events").result_rows[0][0]
    found: dict[str, Known] = {}
    for entity, account, text in company.query(
        "SELECT entity, account, carry FROM entities FINAL WHERE kind = 'user' AND NOT gone AND isNotNull(account)"
    ).result_rows:
        carry = orjson.loads(text)
        one, level = found.get(account, Known(set(), set(), 0)), matcher.level_of(carry)[0]
        if level == "executive":
            one.executives.add(carry["email"])
            if entity not in acts or acts[entity] < now - timedelta(days=30):
                one.silent.add(carry["email"])
        found[account] = one._replace(of_no_level=one.of_no_level + (level == "unknown"))
    return found


def test_which_executives_are_known_and_silent_and_how_many_have_no_level(visit: Visit, company: Client) -> None:
    people = known(company)
    led = sorted(account for account, one in people.items() if one.executives)
    silent = max(led, key=lambda a: len(people[a].silent))
    awake = max(led, key=lambda a: len(people[a].executives - people[a].silent))
    unknown = max(led, key=lambda a: people[a].of_no_level)
    for account in {silent, awake, unknown}:
        page = visit.go("/")
        page.get_by_role("link", name="Accounts", exact=True).click()
        page.locator(f'#list tr[data-key="{account}"]').get_by_role("link", name="Executives of").click()
        shown = dict(zip(names_of(page, "#people"), column(page, "Last active", "#people"), strict=True))
        assert set(shown) == people[account].executives
        assert {name for name, last in shown.items() if last.endswith("silent")} == people[account].silent
        assert visit.figure("executives") == len(people[account].executives)
        assert visit.figure("silent_executives") == len(people[account].silent)
        assert visit.figure("unknown") == people[account].of_no_level
        page.get_by_role("link", name="Executives, silent").click()
        assert set(names_of(page, "#people")) == people[account].silent
    assert people[silent].silent
    assert people[awake].executives > people[awake].silent
    assert people[unknown].of_no_level


def test_the_accounts_whose_executives_are_silent_are_one_click_from_the_list(visit: Visit, company: Client) -> None:
    page = visit.go("/accounts")
    page.get_by_role("link", name="Executive silent 30 days").click()
    expected = company.query(
        "SELECT count() FROM entities FINAL WHERE kind = 'account' AND has(signals, 'no_executive_30d')"
    ).result_rows[0][0]
    assert expected
    assert len(names_of(page)) == visit.figure("total") == expected
