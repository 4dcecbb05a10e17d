"""The churn probability, on a board over a part of the real community, and beside a health in a definition of the test's own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, Page

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from streams.board import show
from tests.streams.board.conftest import ACCOUNTS, SAAS, UNTIL, Visit, filled, serving, visiting
from tests.streams.board.drawn import nearly, sparks, values_drawn
from tests.streams.board.filled import company_lines, with_churn
from tests.streams.board.test_tasks import column
from tests.streams.board.test_walk import inspected

PAGE = 50


@pytest.fixture
def visit(browser: Browser, community_board: str) -> Iterator[Visit]:
    """A tab on the community's board; afterwards nothing was complained of, and nobody else was asked."""
    with visiting(browser, community_board) as found:
        yield found


def snapshots(client: Client, kind: str) -> dict[str, dict[str, Any]]:
    """{id: its published measures} by the latest record of each that lives."""
    return {
        entity: orjson.loads(measures)
        for entity, measures in client.query(
            "SELECT entity, argMax(measures, position) FROM entities WHERE kind = {kind:String} GROUP BY entity"
            " HAVING NOT argMax(gone, position)",
            parameters={"kind": kind},
        ).result_rows
    }


def mornings(client: Client, days: int) -> dict[str, list[dict[str, Any]]]:
    """{account: its measures on each of the last days, oldest first}."""
    found: dict[str, list[dict[str, Any]]] = {}
    for account, measures in client.query(
        "SELECT account, argMax(measures, position) FROM account_days"
        f" WHERE dateDiff('day', day, (SELECT toDate(max(at)) FROM events)) < {days} GROUP BY account, day ORDER BY account, day"
    ).result_rows:
        found.setdefault(account, []).append(orjson.loads(measures))
    return found


def listed(page: Page) -> list[str]:
    found: list[str] = page.locator("#list tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    return found


def told(client: Client) -> dict[str, str]:
    """{account: its probability as the list has it: with the day it is of, where that is not the newest}."""
    return {
        account: show.share(chance) + (f"\n{show.day(as_of)}" if chance is not None and old else "")
        for account, chance, as_of, old in client.query(
            "SELECT entity, JSONExtract(argMax(measures, position), 'churn_90', 'Nullable(Float64)'),"
            " argMax(as_of, position) AS newest, newest <= (SELECT max(at) FROM events) - INTERVAL 1 DAY"
            " FROM entities WHERE kind = 'account' GROUP BY entity"
        ).result_rows
    }


def in_order(chances: dict[str, float | None], descending: bool) -> list[str]:
    """By probability, then by id; those of whom nothing can be said last."""
    sign = -1 if descending else 1
    return sorted(chances, key=lambda one: (chances[one] is None, sign * (chances[one] or 0.0), one))


def test_every_page_of_a_board_with_a_churn_probability_is_quiet_and_accessible(
    visit: Visit, community: Client
) -> None:
    ((user,),) = community.query(
        "SELECT entity FROM transitions WHERE kind = 'user' GROUP BY entity ORDER BY count() DESC, entity LIMIT 1"
    ).result_rows
    for path in (
        "/", "/accounts?sort=churn&page=2", "/account/linkedin.com", f"/user/{user}", "/journeys", "/operations", "/find?q=u_00",
    ):  # fmt: skip
        page = visit.go(path)
        assert page.locator("h1").inner_text() not in ("Not found", "ClickHouse is away")
        inspected(visit, path)
    for path in ("/accounts", "/journeys?kind=account", "/account/confluent.io?people=silent_executives"):
        visit.go(path)


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_the_list_sorts_by_churn_over_all_its_pages(visit: Visit, community: Client, order: str) -> None:
    chances = {account: measures["churn_90"] for account, measures in snapshots(community, "account").items()}
    assert len(chances) > PAGE
    assert 2 < sum(chance is None for chance in chances.values()) < len(chances) - 10
    page = visit.go("/accounts")
    page.locator("thead").get_by_role("link", name="Churn").click()
    if order == "asc":
        page.locator("thead").get_by_role("link", name="Churn").click()
    expected, cells = in_order(chances, order == "desc"), told(community)
    assert len({cell.count("\n") for cell in cells.values() if cell[0] != "–"}) == 2
    assert page.locator(f"th[aria-sort={order}ending]").inner_text().startswith("Churn")
    assert listed(page) == expected[:PAGE]
    assert column(page, "Churn") == [cells[account] for account in expected[:PAGE]]
    assert page.locator(".pages span").inner_text() == f"1 to {PAGE} of {len(expected)}"
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2**")
    assert listed(page) == expected[PAGE:]
    assert column(page, "Churn") == [cells[account] for account in expected[PAGE:]]


def test_the_sheet_has_the_probability_as_it_was_published(visit: Visit, community: Client) -> None:
    chances = {account: measures["churn_90"] for account, measures in snapshots(community, "account").items()}
    answer = visit.page.request.get(f"{visit.home}/accounts.csv?sort=churn")
    rows = list(csv.DictReader(answer.text().splitlines()))
    assert [row["account"] for row in rows] == in_order(chances, True)
    assert [row["churn"] for row in rows] == [
        "" if c is None else str(c) for c in (chances[r["account"]] for r in rows)
    ]


def test_the_line_in_the_list_is_the_probability_and_red_where_it_rose(visit: Visit, community: Client) -> None:
    days = mornings(community, 90)
    page = visit.go("/accounts?sort=churn")
    seen = set()
    for account, spark in zip(listed(page), sparks(page), strict=True):
        chances = [one["churn_90"] for one in days.get(account, []) if one["churn_90"] is not None]
        if len(chances) < 2:
            assert spark is None
            continue
        assert spark is not None
        label, values, tone = spark
        assert label == f"churn_90 of {account} over 90 days"
        assert values == pytest.approx(chances, abs=0.003)
        assert tone == ("worse" if chances[-1] - chances[0] > 0.1 else "held")
        seen.add((tone, chances[-1] < chances[0] - 0.1))
    assert seen == {("worse", False), ("held", False), ("held", True)}


def test_an_accounts_page_has_the_probability_and_its_history(visit: Visit, community: Client) -> None:
    page = visit.go("/account/linkedin.com")
    tile = page.locator("#standing .tile", has_text="Churn probability")
    assert tile.locator(".big").inner_text() == show.share(snapshots(community, "account")["linkedin.com"]["churn_90"])
    days = mornings(community, 180)["linkedin.com"]
    assert len(days) > 30
    shown = values_drawn(page, "#health", "churn probability, %")
    assert shown == nearly([100 * one["churn_90"] for one in days if one["churn_90"] is not None], 100)
    assert page.locator("#health h2").inner_text() == "Churn probability"
    assert values_drawn(page, "#use", "monthly active people") == nearly([one["monthly"] for one in days], 10)


def test_a_users_page_has_the_probability_and_says_of_when_it_is(visit: Visit, community: Client) -> None:
    people = snapshots(community, "user")
    some = sorted(people, key=lambda one: (people[one]["churn_90"] is None, people[one]["churn_90"] or 0.0, one))
    for user in (some[0], some[len(some) // 8], some[-1]):
        tile = visit.go(f"/user/{user}").locator("#standing .tile", has_text="Churn probability")
        assert tile.locator(".big").inner_text() == show.share(people[user]["churn_90"])
        ((as_of,),) = community.query(
            "SELECT argMax(as_of, position) FROM entities WHERE kind = 'user' AND entity = {user:String}",
            parameters={"user": user},
        ).result_rows
        assert f"as of {show.day(as_of)}" in tile.inner_text()
    assert people[some[-1]]["churn_90"] is None
    assert 0 < people[some[0]]["churn_90"] < people[some[len(some) // 8]]["churn_90"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """saas.yaml with a churn probability of accounts and users: none that is shipped has one beside a health."""
    path = tmp_path_factory.mktemp("both") / "both.yaml"
    path.write_text(with_churn(SAAS.read_text()))
    return path


def test_a_definition_with_both_shows_health_and_churn_side_by_side(
    browser: Browser, both: Path, clickhouse: LocalClickHouse | ClickHouseAddress, tmp_path: Path
) -> None:
    lines = [line for line in company_lines(*ACCOUNTS) if b"ashdown" in line or b"nettlecombe" in line]
    with filled(clickhouse.url, "both", both, lines, UNTIL) as client:
        assert client.database is not None
        with (
            serving(tmp_path, clickhouse.url, client.database, definition=both) as home,
            visiting(browser, home) as visit,
        ):
            measures, days = snapshots(client, "account"), mornings(client, 180)
            page = visit.go("/accounts?sort=churn")
            accounts = listed(page)
            assert accounts == in_order({account: one["goes"] for account, one in measures.items()}, True)
            assert column(page, "Churn") == [show.share(measures[account]["goes"]) for account in accounts]
            assert column(page, "Health") == [show.number(measures[account]["health"]) for account in accounts]
            page = visit.go(f"/account/{accounts[0]}")
            assert page.locator("#health h2").inner_text().startswith("Health")
            for line, name, times in (("health", "health", 1), ("churn probability, %", "goes", 100)):
                values = [times * one[name] for one in days[accounts[0]] if one[name] is not None]
                assert values_drawn(page, "#health", line) == nearly(values, 100)
                assert len(values) > 50
            people = snapshots(client, "user")
            user = max(people, key=lambda one: people[one]["goes"] or 0.0)
            tile = visit.go(f"/user/{user}").locator("#standing .tile", has_text="Churn probability")
            assert tile.locator(".big").inner_text() == show.share(people[user]["goes"])
