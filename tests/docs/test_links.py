"""Links of README, CONTRIBUTING, CHANGELOG and docs lead to files and headings that are there; of others it can be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.docs.links import ROOT, Link, anchors, files, links, main, why_broken
from deploy.local.process import free_port

NAMED = re.compile(
    r"(?<![\w/.-])(?:docs|deploy|tests|streams|schemas|sinks|requirements)(?:/[\w-]+)*/[\w.-]+\.[a-z]{2,5}\b"
)
"""A file of the repository, as text names it."""

OTHERS = {"docs/dev/libs/cep.md"}
"""Flink's own."""


def test_every_link_to_a_file_or_heading_leads_there() -> None:
    inside = [link for file in files() for link in links(file) if not link.is_outside]
    assert len(inside) > 100
    assert [why for link in inside if (why := why_broken(link)) is not None] == []


def test_every_file_that_is_named_is_there() -> None:
    named = {(file.name, name) for file in files() for name in NAMED.findall(file.read_text())}
    assert len(named) > 40
    assert [pair for pair in sorted(named) if pair[1] not in OTHERS and not (ROOT / pair[1]).is_file()] == []


def test_readme_contributing_changelog_and_docs_are_looked_through() -> None:
    names = {str(file.relative_to(ROOT)) for file in files()}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md", "docs/diagrams/saas.md"} <= names


TEXT = """\
# One heading
[a](#one-heading), [b](other.md#two-words) <https://one.example/x>
```
[no](link.md)
```
`[nor](this.md)` [c](gone.md) [d](other.md#gone)
"""


def test_what_leads_nowhere_is_told_with_its_place_and_code_is_no_link(tmp_path: Path) -> None:
    (file := tmp_path / "page.md").write_text(TEXT)
    (tmp_path / "other.md").write_text("## Two `words`!\n")
    found = list(links(file))
    assert [link.target for link in found if link.is_outside] == ["https://one.example/x"]
    assert [why_broken(link) for link in found if not link.is_outside] == [
        None, None, "page.md:6: there is no gone.md", "page.md:6: other.md has no heading for #gone",
    ]  # fmt: skip
    assert found[-1] == Link(file, 6, "other.md#gone")


def test_headings_of_one_name_are_counted() -> None:
    assert anchors("# A [link](x.md), twice\n# Again\n## Again\n```\n# none\n```\n") == {
        "a-link-twice",
        "again",
        "again-1",
    }


class Other(BaseHTTPRequestHandler):
    """Another host: answers with the status that the address names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """A line for each request is nobody's concern."""


@pytest.fixture
def other() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_others_are_asked_and_who_is_gone_is_told(
    other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"[a]({other}/200)\n[b]({other}/403)\n[c]({other}/404)\n")
    assert main([page]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"links: refused: {other}/403 (403), page.md:2", f"links: gone: {other}/404 (404), page.md:3",
        "links: 1 of 3 lead somewhere",
    ]  # fmt: skip
    page.write_text(f"[a]({other}/200)\n[b]({other}/403)\n")
    assert main([page]) == 0, "who refuses programs may answer a person"
    page.write_text(f"[a]({other}/200)\n[b](http://127.0.0.1:{free_port()}/)\n")
    assert main([page]) == 1


def test_without_a_way_out_nothing_is_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (page := tmp_path / "page.md").write_text(f"[a](http://127.0.0.1:{free_port()}/)\n")
    assert main([page]) == 2
    assert "nobody answers" in capsys.readouterr().err
