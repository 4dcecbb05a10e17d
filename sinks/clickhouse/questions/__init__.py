"""Questions: example queries over the views, one a file; the first comment is the question, others say how to read it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Question(NamedTuple):
    """`notes`: what else to know, as one line; `sql`: one statement without its semicolon."""

    name: str
    title: str
    notes: str
    sql: str


def questions() -> dict[str, Question]:
    """{name: question} of every file here, by name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def _read(path: Path) -> Question:
    lines = path.read_text(encoding="utf-8").splitlines()
    said = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    return Question(path.stem, said[0], " ".join(said[1:]), sql)
