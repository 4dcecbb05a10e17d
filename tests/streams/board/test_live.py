"""The board while things happen: pages change without a reload, keep their place, and outlive ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, Page, expect

from deploy.demo.company import UNTIL
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.process import free_port
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from streams.delivery.contracts import Output
from streams.replay.run import Replay
from tests.streams.board.conftest import SAAS, serving, visiting
from tests.streams.board.filled import Filling, company_lines

SOON_MS = 20_000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    """A ClickHouse of this module's own, to be killed."""
    with LocalClickHouse(tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture(scope="module")
def published() -> tuple[list[bytes], list[Output]]:
    """Three accounts of the company: their events, and all that they came to in the order in which it was published."""
    lines = company_lines("ironwood", "ashdown", "kestrel")
    outputs: list[Output] = []
    Replay(load(SAAS), "canonical", outputs.append).run(lines, UNTIL)
    return lines, outputs


@pytest.fixture
def filling(own: LocalClickHouse, published: tuple[list[bytes], list[Output]]) -> Iterator[Filling]:
    """Half of that stored; the other half is to come."""
    client = connect(own.url)
    migrate(client, "live", lambda _line: None)
    found = Filling(client, load(SAAS))
    lines, outputs = published
    found.happened(lines, UNTIL)
    for output in outputs[: len(outputs) // 2]:
        found.published(output)
    found.write()
    yield found
    client.command("DROP DATABASE live SYNC")
    client.close()


def stand(page: Page) -> list[str]:
    return page.locator("#funnel-account td.strong").all_inner_texts()


def standing(client: Client) -> list[str]:
    """How many accounts stand in each stage, in the order of the definition: from the transitions."""
    found = dict(
        client.query("SELECT state, entities FROM stage_stock WHERE kind = 'account' AND machine = 'stage'").result_rows
    )
    states = ["awareness", "consideration", "conversion", "onboarding", "adoption", "retention", "advocacy", "churn"]
    return [str(found.get(state, 0)) for state in states]


def owner(client: Client, account: str) -> str:
    """The owner of an account, who has no other one."""
    owners = dict(
        client.query(
            "SELECT entity, JSONExtractString(carry, 'owner') FROM entities FINAL WHERE kind = 'account'"
        ).result_rows
    )
    assert list(owners.values()).count(owners[account]) == 1
    return str(owners[account])


def subjects(page: Page) -> list[str]:
    """The ids of whom the feed tells."""
    found: list[str] = page.locator("#feed li a").evaluate_all(
        "all => all.map(a => decodeURIComponent(a.getAttribute('href')).split('/').pop())"
    )
    return found


def test_a_page_follows_what_is_stored_and_keeps_its_place(
    browser: Browser,
    own: LocalClickHouse,
    filling: Filling,
    published: tuple[list[bytes], list[Output]],
    tmp_path: Path,
) -> None:
    outputs = published[1]
    with serving(tmp_path, own.url, "live") as home, visiting(browser, home) as visit:
        filtered = visit.page.context.new_page()
        filtered.goto(f"{home}/?owner={quote_plus(owner(filling.client, 'a-ironwood'))}")
        filtered.evaluate("window.sameTab = 'yes'")
        page = visit.go("/?days=365")
        expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=SOON_MS)
        page.evaluate("window.sameTab = 'yes'")
        before = stand(page)
        assert before == standing(filling.client)
        page.locator("#flow-user summary").click()
        page.locator("#flow-user summary").focus()
        rest = outputs[len(outputs) // 2 :]
        for n in range(4):
            for output in rest[n * len(rest) // 4 : (n + 1) * len(rest) // 4]:
                filling.published(output)
            filling.write()
            expected = standing(filling.client)
            expect(page.locator("#funnel-account td.strong")).to_have_text(expected, timeout=SOON_MS)
        assert stand(page) != before
        newest = filling.client.query(
            "SELECT lower(hex(id)) FROM transitions ORDER BY detected_at DESC, at DESC, seq DESC LIMIT 1"
        ).result_rows[0][0]
        expect(page.locator(f'#feed [data-key="{newest}"]')).to_have_count(1, timeout=SOON_MS)
        expected = filling.client.query(
            "SELECT lower(hex(id)) FROM transitions WHERE valid AND (entity = 'a-ironwood' OR account = 'a-ironwood')"
            " ORDER BY detected_at DESC, at DESC, seq DESC LIMIT 1"
        ).result_rows[0][0]
        expect(filtered.locator(f'#feed [data-key="{expected}"]')).to_have_count(1, timeout=SOON_MS)
        assert {subject.split("-")[1] for subject in subjects(filtered)} == {"ironwood"}
        assert len({subject.split("-")[1] for subject in subjects(page)}) > 1
        assert filtered.evaluate("window.sameTab") == "yes"
        assert page.evaluate("window.sameTab") == "yes"
        assert page.locator("#flow-user details").evaluate("one => one.open")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_clickhouse_away_is_said_and_the_page_comes_back_by_itself(
    browser: Browser, own: LocalClickHouse, filling: Filling, tmp_path: Path
) -> None:
    with serving(tmp_path, own.url, "live", free_port()) as home, visiting(browser, home) as visit:
        page = visit.go("/accounts")
        rows = page.locator("#list tbody tr")
        expect(rows).to_have_count(3)
        own.kill()
        expect(page.locator("#live")).to_have_text("ClickHouse is away", timeout=SOON_MS)
        expect(rows).to_have_count(3)  # what was read stays
        page.goto(f"{home}/accounts")
        expect(page.get_by_role("heading", name="The board cannot read ClickHouse")).to_be_visible()
        own.restart()
        expect(rows).to_have_count(3, timeout=SOON_MS)
        expect(page.locator("#live")).to_have_text("Live", timeout=SOON_MS)
        assert [told for told in visit.errors if "503" not in told] == []
        visit.errors.clear()  # the browser itself notes answers with 503


def test_a_database_without_anything_is_an_empty_board_and_no_error(
    browser: Browser, own: LocalClickHouse, tmp_path: Path
) -> None:
    client = connect(own.url)
    migrate(client, "empty", lambda _line: None)
    with serving(tmp_path, own.url, "empty") as home, visiting(browser, home) as visit:
        assert visit.go("/").get_by_text("Nothing here yet").is_visible()
        assert visit.go("/accounts").get_by_text("No account fits").is_visible()
        assert visit.go("/journeys").get_by_text("Nobody has started yet").first.is_visible()
        assert visit.go("/operations").get_by_text("None: every record could be read").is_visible()
