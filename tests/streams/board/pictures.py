"""`python -m tests.streams.board.pictures`: the board's pictures in docs/images, of the demo's company in its second winter.

Made by hand after a change of the board's looks, and looked at; the font of the pictures is Inter, where it is installed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from deploy.browser import FLAGS, chromium
from deploy.local.clickhouse import LocalClickHouse
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from tests.streams.board.conftest import ROOT, SAAS, UNTIL, serving, visiting
from tests.streams.board.filled import company_lines, fill

PICTURES = (
    ("board-overview", "/?days=365", "light", 1440, 1420),
    ("board-accounts", "/accounts?risk=at_risk&renews=90&sort=mrr", "light", 1440, 900),
    ("board-account", "/account/a-ashdown", "light", 1440, 1300),
    ("board-user", "/user/u-ashdown-priya.abe", "dark", 1440, 900),
    ("board-journeys", "/journeys", "dark", 1440, 1320),
    ("board-operations", "/operations", "light", 1440, 1180),
    ("board-phone", "/", "dark", 390, 844),
)
"""Name, address, theme, width and height in pixels."""


def main() -> None:
    assert UNTIL is not None
    with LocalClickHouse(say=print) as local, tempfile.TemporaryDirectory() as folder:
        fill(connect(local.url), "pictures", load(SAAS), company_lines("."), UNTIL)
        with serving(Path(folder), local.url, "pictures") as home, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(chromium()), args=list(FLAGS), headless=True)
            for name, path, theme, width, height in PICTURES:
                with visiting(browser, home, theme, width) as visit:
                    visit.page.set_viewport_size({"width": width, "height": height})
                    page = visit.go(path)
                    page.locator('#live[data-state="live"]').wait_for()
                    page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")
                    print(name)
            browser.close()


if __name__ == "__main__":
    main()
