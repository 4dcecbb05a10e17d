"""The table of docs/sources.md, from the registry: `python -m schemas.sources.table` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from schemas.sources import REGISTRY
from schemas.sources.vendor import Source

PAGE = Path(__file__).parent.parent.parent / "docs" / "sources.md"
BEGIN, END = "<!-- table: python -m schemas.sources.table -->\n", "<!-- end of table -->"

HEAD = ("source", "user", "anonymous id", "account", "time", "id", "order", "cannot give", "proven")

MOST = 4
"""Ways shown of a field; `journeys sources NAME` shows them all."""


def table() -> str:
    """The table in Markdown: a row a source."""
    rows = [HEAD, ("---",) * len(HEAD), *(tuple(_cells(source)) for source in REGISTRY)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(source: Source) -> Iterator[str]:
    told = source.precedence
    yield f"`{source.name}` {source.title}"
    for ways in (told.user, told.anonymous, told.account, told.time, told.id):
        yield _ways(ways)
    yield source.order
    yield source.cannot
    link = f"[{source.proven}]({source.example})" if source.example.startswith("https://") else source.proven
    yield link


def _ways(ways: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{way}`" for way in ways[:MOST])
    return f"{shown}, …" if len(ways) > MOST else shown or "–"


def page(text: str) -> str:
    """A page with the table in its place."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
