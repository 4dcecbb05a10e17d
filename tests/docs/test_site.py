"""The documentation as it is built: diagrams are pictures, and nothing of a page comes from somewhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from playwright.sync_api import sync_playwright

from deploy.browser import FLAGS, chromium

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```mermaid$", re.MULTILINE)
DRAWN = {
    path.relative_to(ROOT / "docs").with_suffix(""): len(FENCE.findall(path.read_text()))
    for path in (ROOT / "docs").rglob("*.md")
    if FENCE.search(path.read_text())
}
"""{page: diagrams on it}."""

LOADED = re.compile(r'<(?:script|img|iframe|source)\b[^>]*?\ssrc="?([^" >]+)|<link\b[^>]*?\shref="?([^" >]+)')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


def test_a_diagram_is_no_source_code_and_its_script_is_in_the_site(site: Path) -> None:
    assert len(DRAWN) > 2
    for page, count in DRAWN.items():
        text = (site / page / "index.html").read_text()
        assert text.count('<pre class="mermaid">') == count
        (script,) = re.findall(r'src="([^"]*mermaid[^"]*)"', text)
        assert (site / page / script).stat().st_size > 1_000_000


def test_only_pages_with_a_diagram_load_that_script(site: Path) -> None:
    found = {path.parent.relative_to(site) for path in site.rglob("index.html") if "mermaid.min.js" in path.read_text()}
    assert found == set(DRAWN)


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    for path in site.rglob("*.html"):
        loaded = [one or other for one, other in LOADED.findall(path.read_text())]
        assert len(loaded) > 3
        assert [address for address in loaded if re.match(r"(?:\w+:)?//", address)] == [], path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A line for each file is nobody's concern."""


@pytest.fixture
def home(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_browser_draws_every_diagram_and_asks_nobody_else(home: str) -> None:
    """Pictures of the pages are left in build/docs, to be looked at."""
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name, count in DRAWN.items():
            page.goto(f"{home}/{name}/")
            page.wait_for_function("count => document.querySelectorAll('div.mermaid').length == count", arg=count)
            heights = [drawn.bounding_box()["height"] for drawn in page.locator("div.mermaid").all()]  # type: ignore[index]
            assert min(heights) > 40, name
            assert page.get_by_text("Syntax error in text").count() == 0
            page.screenshot(path=ROOT / "build" / "docs" / f"{str(name).replace('/', '-')}.png")
        browser.close()
    assert complaints == []
    assert [address for address in asked if not address.startswith(f"{home}/")] == []
    assert len(asked) > 10
