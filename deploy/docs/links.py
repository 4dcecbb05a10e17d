"""Links of the Markdown files: those to files and headings are held by a test, those to others asked by `make links`.

`python -m deploy.docs.links`: 0 all answer, 1 some are gone, 2 nobody can be asked from here.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

import aiohttp

ROOT = Path(__file__).parents[2]

AT_ONCE = 8
ANSWER_S = 30.0

_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2[^\n]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"\]\(<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\)|<(https?://[^\s>]+)>")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


class Link(NamedTuple):
    """One link, and where it stands."""

    file: Path
    line: int
    target: str

    @property
    def is_outside(self) -> bool:
        return self.target.startswith(("http://", "https://"))

    @property
    def place(self) -> str:
        return f"{self.file.name}:{self.line}"


def files() -> list[Path]:
    """What a person reads: at the root, and in docs."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links(file: Path) -> Iterator[Link]:
    """Of one file, but for what is code."""
    text = _without_code(file.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        yield Link(file, text.count("\n", 0, found.start()) + 1, found[1] or found[2])


def why_broken(link: Link) -> str | None:
    """What is wrong with a link to a file or a heading of ours; None where it leads somewhere."""
    name, _, anchor = unquote(link.target).partition("#")
    there = link.file.parent / name if name else link.file
    if not there.exists():
        return f"{link.place}: there is no {link.target}"
    if anchor and anchor not in anchors(there.read_text(encoding="utf-8")):
        return f"{link.place}: {there.name} has no heading for #{anchor}"
    return None


def anchors(text: str) -> set[str]:
    """Of its headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        number = sum(other == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", other) is not None for other in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


def _without_code(text: str) -> str:
    """The same lines, with nothing where code was."""
    return _CODE.sub("", _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text))


# --- those to others -------------------------------------------------------------------------------------------------

Answer = Literal["there", "gone", "refused", "silent"]


async def ask(addresses: Iterable[str]) -> dict[str, tuple[Answer, str]]:
    """{address: what came of asking for it, in words}."""
    few = asyncio.Semaphore(AT_ONCE)
    headers = {"User-Agent": "Mozilla/5.0 (journeys: do the links of its documentation lead anywhere?)"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=True) as session:

        async def one(address: str) -> tuple[str, tuple[Answer, str]]:
            async with few:
                return address, await _ask(session, address)

        return dict(await asyncio.gather(*(one(address) for address in sorted(set(addresses)))))


async def _ask(session: aiohttp.ClientSession, address: str) -> tuple[Answer, str]:
    try:
        async with session.get(address) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        return "silent", f"{type(problem).__name__}: {problem}".rstrip(": ")
    if status < 400:
        return "there", str(status)
    return ("gone" if status in (404, 410) else "refused"), str(status)  # who refuses programs may answer a person


def main(among: Iterable[Path] | None = None) -> int:
    where: dict[str, list[str]] = {}
    for file in files() if among is None else among:
        for link in links(file):
            if link.is_outside:
                where.setdefault(link.target, []).append(link.place)
    answers = asyncio.run(ask(where))
    for address, (answer, words) in answers.items():
        if answer != "there":
            print(f"links: {answer}: {address} ({words}), {', '.join(where[address])}")
    counted = {kind: sum(answer == kind for answer, _ in answers.values()) for kind in ("there", "gone", "silent")}
    if answers and counted["silent"] == len(answers):
        print("links: nobody answers: is there a way to the internet from here?", file=sys.stderr)
        return 2
    print(f"links: {counted['there']} of {len(answers)} lead somewhere")
    return 1 if counted["gone"] or counted["silent"] else 0


if __name__ == "__main__":
    sys.exit(main())
