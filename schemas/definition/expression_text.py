"""The text of one expression, as Python's own grammar reads it (`ast.parse`, never `eval`), and where its parts stand.

A duration such as `30d` is no Python, so its unit is replaced by `j`, a number's only legal suffix: the text keeps its
width and columns stay true. What it stood for is looked up by its place.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import TypeVar

from schemas.definition.errors import Report
from schemas.definition.expression import Span
from schemas.definition.yaml_reader import Scalar

T = TypeVar("T")

UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
"""Milliseconds."""

MAX_LENGTH = 2_000
"""Characters of one expression; a longer one is no rule that a person can read."""

_DURATION = re.compile(r"""(?P<text>'[^']*'|"[^"]*")|(?<![\w.])(?P<number>\d+(?:\.\d+)?)(?P<unit>[wdhms])(?!\w)""")
_HABITS = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "=": "==",
    "<>": "!=",
    "AND": "and",
    "OR": "or",
    "NOT": "not",
    "===": "==",
}
_BREAKS_OFF = re.compile(r"([-<>=+*/,(]|\b(and|or|not|in))\s*$")
_HABIT = re.compile(r"&&|\|\||===|<>|!(?!=)|(?<![<>=!])=(?!=)|\b(?:AND|OR|NOT)\b")


class Wrong(Exception):
    """One mistake inside an expression, at a column of its text."""

    def __init__(self, node: ast.AST | int, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.suggestion = suggestion


class Spoilt(Exception):
    """The expression uses a name whose own line is wrong; saying more would not help."""


class Text:
    """One expression. Its methods raise Wrong for a mistake, which `_tried` turns into a line of the report."""

    def __init__(self, node: Scalar, report: Report) -> None:
        self._node = node
        self._report = report
        self._durations: dict[int, float] = {}
        self._text = ""
        self._lead = 0  # white space that was taken off before Python read it

    def _tree(self) -> ast.expr | None:
        text = re.sub(r"\s", " ", self._node.value)
        if not text.strip():
            self._report.error(self._node, "nothing stands here; write an expression")
            return None
        if len(text) > MAX_LENGTH:
            self._report.error(
                self._node, f"longer than {MAX_LENGTH:,} characters; name its parts as measures or signals"
            )
            return None
        self._text = text
        self._lead = len(text) - len(text.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of `1if` and the like; we report it ourselves
                tree = ast.parse(self._rewritten(text).strip(), mode="eval").body
        except SyntaxError as error:
            self._syntax((error.offset or 1) - 1 + self._lead, error.msg or "")
        except (ValueError, MemoryError, RecursionError):
            self._report.error(self._node, "this cannot be read as an expression")
        else:
            return tree
        return None

    def _rewritten(self, text: str) -> str:
        """The text with the same width in which every duration is a number that Python can read."""

        def number(found: re.Match[str]) -> str:
            if found["text"]:
                return found[0]
            self._durations[found.start()] = float(found["number"]) * UNITS[found["unit"]]
            return found["number"] + "j"

        return _DURATION.sub(number, text)

    def _syntax(self, offset: int, said: str) -> None:
        habit = _HABIT.search(re.sub(r"'[^']*'|\"[^\"]*\"", lambda m: "_" * len(m[0]), self._text))
        if habit is not None:
            word = habit[0]
            self._report.error(self._node.at(habit.start()), f"{word!r} is not of this language", f"`{_HABITS[word]}`")
            return
        offset = max(0, min(offset, len(self._text) - 1))
        if "was never closed" in said or "unmatched" in said:
            quotes = "; put the whole expression in quotes, or a comma ends it" if self._node.plain else ""
            self._report.error(self._node.at(offset), f"the bracket {self._text[offset]!r} has no partner{quotes}")
            return
        if _BREAKS_OFF.search(self._text):
            self._report.error(self._node.at(len(self._text.rstrip()) - 1), "the expression breaks off here")
            return
        near = self._text[offset : offset + 20].strip()
        detail = "" if said.startswith("invalid syntax") else f": {said.split('. ')[0]}"
        self._report.error(self._node.at(offset), f"cannot be read from {near!r} on{detail}")

    # --- places ------------------------------------------------------------------------------------------------------

    def _offset(self, node: ast.AST | int) -> int:
        """Character offset in the value; Python counts bytes."""
        return node if isinstance(node, int) else self._characters(getattr(node, "col_offset", 0))

    def _characters(self, count: int) -> int:
        return self._lead + len(self._text[self._lead :].encode()[:count].decode(errors="ignore"))

    def _span(self, first: ast.AST, last: ast.AST | None = None) -> Span:
        start = self._offset(first)
        text = self._text[start : self._characters(getattr(last or first, "end_col_offset", None) or 0)]
        place = self._node.at(start)
        return Span(place.line, place.column, " ".join(text.split()))

    def _tried(self, node: ast.expr, read: Callable[[ast.expr], T]) -> T | None:
        try:
            return read(node)
        except Wrong as wrong:
            self._report.error(self._node.at(self._offset(wrong.node)), wrong.message, wrong.suggestion)
        except Spoilt:
            pass
        return None

    def _quoted(self, node: ast.expr) -> str:
        return self._span(node).text
