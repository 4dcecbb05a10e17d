"""Reading a mapping of the definition by key: a value of the kind that is wanted, or a report of what stands there."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator

from schemas.definition.errors import Place, Report, listed, nearest
from schemas.definition.expressions_parser import Constants
from schemas.definition.scope import Type
from schemas.definition.yaml_reader import Items, Node, Position, Scalar, Table, kind

DAY = 86_400_000
"""Milliseconds of a day."""

MAX_WINDOW = 1_100
"""Days. A window keeps an amount a day, so three years is what an entity's state can carry."""

RESERVED = frozenset(
    {"idle", "in_state", "age", "until", "known", "reached", "count", "min", "max", "signals", "true", "false"}
)
"""Words of the expression language, which no measure, machine, signal or param may be called."""


class Fields:
    """One mapping, read key by key. `what` names it in messages: "a rule", "measure weeks"."""

    def __init__(
        self, node: Node | None, what: str, known: Iterable[str], report: Report, constants: Constants
    ) -> None:
        self.what = what
        self.report = report
        self.constants = constants
        self.known = tuple(known)
        self.place: Place = node if node is not None else Position(1, 1)
        self.table = node if isinstance(node, Table) else None
        if node is not None and self.table is None:
            report.error(node, f"{what} must be a mapping with the keys {listed(self.known)}, not {kind(node)}")
        self.unknown: dict[str, str | None] = {}  # keys that are not known, and the known one meant
        self._unknown_keys()

    def _unknown_keys(self) -> None:
        for key, _ in self.table.entries if self.table and self.known else ():
            if key.value not in self.known:
                near = self.unknown[key.value] = nearest(key.value, self.known)
                hint = "" if near else f"; it has {listed(self.known)}"
                self.report.error(key, f"{self.what} has no key {key.value!r}{hint}", near)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> Node | None:
        """The node, None where the key is absent or holds nothing."""
        node = self.table.get(name) if self.table else None
        return None if isinstance(node, Scalar) and node.is_null else node

    def required(self, name: str) -> Node | None:
        node = self.get(name)
        if node is None and self.table is not None and name not in self.unknown.values():
            self.report.error(self.place, f"{self.what} needs `{name}:`")
        return node

    def child(self, name: str, what: str, known: Iterable[str]) -> Fields | None:
        node = self.get(name)
        return None if node is None else Fields(node, what, known, self.report, self.constants)

    def text(self, name: str, required: bool = False) -> str | None:
        node = self.required(name) if required else self.get(name)
        return None if node is None else text(node, f"`{name}` of {self.what}", self.report)

    def texts(self, name: str, required: bool = False) -> tuple[Scalar, ...]:
        node = self.required(name) if required else self.get(name)
        return () if node is None else texts(node, f"`{name}` of {self.what}", self.report)

    def choice(self, name: str, choices: Iterable[str], required: bool = False) -> str | None:
        node = self.required(name) if required else self.get(name)
        return None if node is None else choice(node, choices, f"`{name}` of {self.what}", self.report)

    def choices(self, name: str, known: Iterable[str], required: bool = False) -> tuple[str, ...]:
        known = tuple(known)
        found = (choice(n, known, f"`{name}` of {self.what}", self.report) for n in self.texts(name, required))
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def boolean(self, name: str, default: bool) -> bool:
        node = self.get(name)
        if node is None:
            return default
        found = node.boolean if isinstance(node, Scalar) else None
        if found is None:
            self.report.error(node, f"`{name}` of {self.what} must be true or false, not {kind(node)}")
            return default
        return found

    def integer(self, name: str, default: int, low: int, high: int, required: bool = False) -> int:
        node = self.required(name) if required else self.get(name)
        if node is None:
            return default
        found = self.constants.number(node, f"`{name}` of {self.what}", "number", self.report)
        if found is None:
            return default
        if found != int(found) or not low <= found <= high:
            self.report.error(node, f"`{name}` of {self.what} must be a whole number from {low} to {high}")
            return default
        return int(found)

    def number(self, name: str, required: bool = False) -> float | None:
        return self._constant(name, "number", required)

    def duration(self, name: str, required: bool = False) -> int | None:
        """Milliseconds, 0 or more."""
        found = self._constant(name, "duration", required)
        if found is not None and found < 0:
            self.report.error(self.get(name) or self.place, f"`{name}` of {self.what} must not be negative")
            return None
        return None if found is None else round(found)

    def window(self, name: str, required: bool = False) -> int | None:
        """Milliseconds of whole days: a window counts the days that events happened in."""
        found = self.duration(name, required)
        if found is None:
            return None
        days, rest = divmod(found, DAY)
        if rest or not 1 <= days <= MAX_WINDOW:
            near = f"{max(1, min(MAX_WINDOW, days + (rest > 0)))}d"
            why = "events count in the day they happened"
            message = f"`{name}` of {self.what} must be whole days, 1d to {MAX_WINDOW}d: {why}"
            self.report.error(self.get(name) or self.place, message, near)
            return None
        return found

    def _constant(self, name: str, wanted: Type, required: bool) -> float | None:
        node = self.required(name) if required else self.get(name)
        if node is None:
            return None
        return self.constants.number(node, f"`{name}` of {self.what}", wanted, self.report)


def entries(node: Node | None, what: str, report: Report) -> Iterator[tuple[Scalar, Node]]:
    """The entries of a mapping whose keys are names that the file's author chose."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return
    if not isinstance(node, Table):
        report.error(node, f"{what} must be a mapping of names, not {kind(node)}")
        return
    yield from node.entries


def items(node: Node | None, what: str, report: Report) -> tuple[Node, ...]:
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return ()
    if isinstance(node, Items):
        return node.items
    report.error(node, f"{what} must be a list, each line beginning with `- `, not {kind(node)}")
    return ()


def text(node: Node, what: str, report: Report) -> str | None:
    if isinstance(node, Scalar) and not node.is_null:
        return node.value
    report.error(node, f"{what} must be text, not {'nothing' if isinstance(node, Scalar) else kind(node)}")
    return None


def texts(node: Node, what: str, report: Report) -> tuple[Scalar, ...]:
    """One word, or a list of words."""
    found = node.items if isinstance(node, Items) else (node,)
    if not found:
        report.error(node, f"{what} must name at least one")
    words = []
    for item in found:
        if isinstance(item, Scalar) and not item.is_null:
            words.append(item)
        else:
            report.error(item, f"{what} must be text or a list of texts, not {kind(item)}")
    return tuple(words)


def choice(node: Node, choices: Iterable[str], what: str, report: Report) -> str | None:
    """A word that must be one of these."""
    known = tuple(choices)
    word = text(node, what, report)
    if word is None or word in known:
        return word
    near = nearest(word, known)
    report.error(node, f"{what}: unknown name {word!r}" + ("" if near else f"; there is {listed(known)}"), near)
    return None


def is_name(key: Scalar, what: str, report: Report) -> bool:
    """Whether a word can be a name in expressions: letters, digits and `_`, and no word of the language."""
    word = key.value
    if not word.isidentifier():
        better = "".join(ch if ch.isalnum() else "_" for ch in word).strip("_")
        suggestion = better if better.isidentifier() else None
        report.error(key, f"{what} {word!r} must be letters, digits and _, and not begin with a digit", suggestion)
        return False
    if word in RESERVED or keyword.iskeyword(word):
        report.error(key, f"{what} {word!r} is a word of the language; choose another name")
        return False
    return True
