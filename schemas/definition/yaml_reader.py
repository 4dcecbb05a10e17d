"""YAML 1.2 text to plain nodes that know where they stand.

Nothing is constructed: a scalar stays text until its place in the definition says what it is, so `off` is a word, and
no tag in a file can make an object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from schemas.definition.errors import Report

MAX_TEXT = 300_000
"""A definition is a few hundred lines; twenty times the longest we ship is a mistake, and the YAML reader takes seconds for it."""

MAX_NODES = 50_000
"""Aliases of aliases grow without end in a few lines; reading stops here."""

MAX_DEPTH = 20
"""The language itself nests seven deep."""

_KINDS = ("null", "bool", "int", "float", "str", "seq", "map", "timestamp", "merge", "value")
_TAGS = {f"tag:yaml.org,2002:{name}" for name in _KINDS}
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_BLOCK_HEADER = re.compile(r"[|>][^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Position:
    """1-based line and column."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text. `plain` is false for text in quotes, which is never a number or a boolean."""

    line: int
    column: int
    value: str
    plain: bool
    source: str = field(repr=False, default="")  # the file, and where in it this scalar's raw text stands
    start: int = 0
    end: int = 0

    def at(self, offset: int) -> Position:
        """Where character `offset` of the value stands in the file, across folded lines; the scalar's start where that
        cannot be told (escapes). Folding changes white space only, so the other characters are counted."""
        raw = self.source[self.start : self.end]
        begin = header.end() if (header := _BLOCK_HEADER.match(raw)) and not self.plain else 0
        begin += raw[begin : begin + 1] in ("'", '"') and not self.plain
        if self._escaped(raw, begin):
            return Position(self.line, self.column)
        wanted = sum(not ch.isspace() for ch in self.value[:offset])
        for i in range(begin, len(raw)):
            if raw[i].isspace():
                continue
            if wanted == 0:
                return self._position(self.start + i)
            wanted -= 1
        return self._position(self.end)

    def _escaped(self, raw: str, begin: int) -> bool:
        squeezed = "".join(raw[begin:].split())
        return not squeezed.startswith("".join(self.value.split()))

    def _position(self, index: int) -> Position:
        line_start = self.source.rfind("\n", 0, index) + 1
        return Position(self.source.count("\n", 0, index) + 1, index - line_start + 1)

    @property
    def is_null(self) -> bool:
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")

    @property
    def boolean(self) -> bool | None:
        """True, false, or None for neither. YAML 1.1's words are taken too: nobody means another thing by `off`."""
        word = self.value.lower() if self.plain else ""
        return True if word in ("true", "on", "yes") else False if word in ("false", "off", "no") else None

    @property
    def number(self) -> float | None:
        return float(self.value) if self.plain and _NUMBER.fullmatch(self.value) else None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in file order; a key that stands twice has been reported, and its first value kept."""

    line: int
    column: int
    entries: tuple[tuple[Scalar, Node], ...]

    def get(self, name: str) -> Node | None:
        return next((value for key, value in self.entries if key.value == name), None)

    def key(self, name: str) -> Scalar | None:
        return next((key for key, _ in self.entries if key.value == name), None)


Node = Scalar | Items | Table


def kind(node: Node) -> str:
    """What a node is, in a person's words."""
    return {
        "Scalar": f"the text {node.value!r}" if isinstance(node, Scalar) else "",
        "Items": "a list",
        "Table": "a mapping",
    }[type(node).__name__]


def read(text: str, report: Report) -> Node | None:
    """The file as nodes; None if it is no YAML, or empty, which is then in the report."""
    if len(text) > MAX_TEXT:
        report.error(Position(1, 1), f"the file has more than {MAX_TEXT:,} characters; is it a definition?")
        return None
    text = text.removeprefix("\ufeff")
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        report.error(place, f"not YAML: {said or 'cannot be read'}")
        return None
    except RecursionError:
        report.error(Position(1, 1), "nested too deeply to be read")
        return None
    except Exception as error:  # broken input makes the YAML reader raise nearly anything, AttributeError included
        report.error(Position(1, 1), f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return None
    if root is None:
        report.error(Position(1, 1), "the file is empty; begin with `language: 1`")
        return None
    return _Walk(text, report).node(root, 0)


class _Walk:
    """The YAML library's nodes to ours."""

    def __init__(self, text: str, report: Report) -> None:
        self._text = text
        self._report = report
        self._seen = 0

    def node(self, node: Any, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self._seen += 1
        if depth > MAX_DEPTH or self._seen > MAX_NODES:
            if self._seen <= MAX_NODES + 1 or depth == MAX_DEPTH + 1:
                self._report.error(Position(line, column), "nested too deeply, or too many aliases")
            return Items(line, column, ())
        if node.tag not in _TAGS:
            self._report.error(Position(line, column), f"the tag {node.tag} is not used here; leave it out")
        if isinstance(node, ScalarNode):
            return self._scalar(node, line, column)
        if isinstance(node, SequenceNode):
            return Items(line, column, tuple(self.node(item, depth + 1) for item in node.value))
        return self._table(node, line, column, depth)

    def _scalar(self, node: ScalarNode, line: int, column: int) -> Scalar:
        start, end = node.start_mark.index, node.end_mark.index
        return Scalar(line, column, str(node.value), node.style in (None, ""), self._text, start, end)

    def _table(self, node: MappingNode, line: int, column: int, depth: int) -> Table:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for raw_key, raw_value in node.value:
            if self._seen > MAX_NODES:
                break
            key = self.node(raw_key, depth + 1)
            if not isinstance(key, Scalar):
                self._report.error(key, f"a key must be a word, not {kind(key)}")
                continue
            if key.value in entries:
                first = entries[key.value][0]
                self._report.error(key, f"the key {key.value} stands twice here, first in line {first.line}; keep one")
                continue
            entries[key.value] = (key, self.node(raw_value, depth + 1))
        return Table(line, column, tuple(entries.values()))
