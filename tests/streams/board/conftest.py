"""The company of the demo in ClickHouse, up to the winter when its contracts end; a board over it, and a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from deploy.browser import FLAGS, chromium
from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from schemas.definition.parse import load
from schemas.time import parse_time
from sinks.clickhouse.connect import connect
from tests.streams.board.filled import community_lines, company_lines, fill

ROOT = Path(__file__).parents[3]
SAAS = ROOT / "schemas" / "definitions" / "saas.yaml"
COMMUNITY = SAAS.with_name("community.yaml")
TOKEN = "a-token-of-the-tests"
ACCOUNTS = (
    "alderney", "ashdown", "birchwood", "everly", "ironwood", "jasper", "juniper", "kestrel", "larkfield", "nettlecombe",
    "northgate", "oakhurst", "umber", "westbrook",
)  # fmt: skip
"""A third of the company, to be quick: of every kind that the tests ask for."""

UNTIL = parse_time("2024-02-01T12:00:00Z")
"""The demo's company then: most contracts end within 90 days, many accounts are at risk, three could grow."""


PEOPLE = "u_[0-2]"
"""A sixth of the community: more of their accounts than a page holds, and two of those at risk."""

LATE = parse_time("2022-12-01T12:00:00Z")
"""The real community then."""


@pytest.fixture(scope="session")
def company(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    """A client on a database with everything that the company came to until then."""
    with filled(clickhouse.url, "board", SAAS, company_lines(*ACCOUNTS), UNTIL) as client:
        yield client


@pytest.fixture(scope="session")
def community(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    """The same for a part of the real community, whose definition has a churn probability."""
    with filled(clickhouse.url, "community", COMMUNITY, community_lines(PEOPLE), LATE) as client:
        yield client


@contextmanager
def filled(url: str, name: str, definition: Path, lines: list[bytes], until: int | None) -> Iterator[Client]:
    """A client on a database of this process's own, dropped afterwards."""
    client = connect(url)
    assert until is not None
    fill(client, f"{name}_{os.getpid()}", load(definition), lines, until)
    yield client
    client.command(f"DROP DATABASE `{client.database}` SYNC")
    client.close()


@contextmanager
def serving(folder: Path, url: str, database: str, port: int = 0, definition: Path = SAAS) -> Iterator[str]:
    """`journeys board` as a process; its address."""
    settings = folder / f"board-{database}.toml"
    settings.write_text(f'definition = "{definition}"\n[clickhouse]\nurl = "{url}"\ndatabase = "{database}"\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "board", "-s", str(settings), "--port", str(port)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ, "JOURNEYS_BOARD_TOKEN": TOKEN},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert re.fullmatch(r"board +http://127\.0\.0\.1:\d+\n", said), said
        yield said.split()[1]
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="session")
def board(
    company: Client, clickhouse: LocalClickHouse | ClickHouseAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a board over the company."""
    assert company.database is not None
    with serving(tmp_path_factory.mktemp("board"), clickhouse.url, company.database) as url:
        yield url


@pytest.fixture(scope="session")
def community_board(
    community: Client, clickhouse: LocalClickHouse | ClickHouseAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a board over the community."""
    assert community.database is not None
    with serving(tmp_path_factory.mktemp("board"), clickhouse.url, community.database, definition=COMMUNITY) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium. A module at a time: while it runs, this thread has an event loop that no other test may start."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(chromium()), args=list(FLAGS), headless=True)
        yield found
        found.close()


@dataclass
class Visit:
    """A browser's tab that is signed in, with what it complained of and whom else it asked."""

    page: Page
    home: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.home + path)
        return self.page

    def figure(self, name: str) -> int:
        """A number on the page, by the name that it has there."""
        return int(self.page.locator(f'[data-figure="{name}"]').first.inner_text().replace(",", ""))


@contextmanager
def visiting(
    browser: Browser, home: str, theme: str = "light", width: int = 1440, token: str = TOKEN
) -> Iterator[Visit]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if theme == "dark" else "light", bypass_csp=False
    )
    visit = Visit(context.new_page(), home)
    visit.page.set_default_timeout(20_000)
    visit.page.on("console", lambda told: _complaint(visit, told))
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    context.on("request", lambda asked: visit.elsewhere.append(asked.url) if not asked.url.startswith(home) else None)
    visit.page.goto(f"{home}/?token={token}")
    try:
        yield visit
    finally:
        context.close()
    assert visit.errors == []
    assert visit.elsewhere == []


def _complaint(visit: Visit, told: ConsoleMessage) -> None:
    if told.type in ("error", "warning"):
        visit.errors.append(f"{visit.page.url}: {told.text}")


@pytest.fixture
def visit(browser: Browser, board: str) -> Iterator[Visit]:
    """A tab on the board; afterwards nothing was complained of, and nobody else was asked."""
    with visiting(browser, board) as found:
        yield found
