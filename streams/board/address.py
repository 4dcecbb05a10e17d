"""Address: what a page's address asks for, and addresses made from it. Every filter lives there, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sinks.clickhouse.board.scope import Scope

PAGE = 50
LASTING = ("owner", "plan", "segment")
"""Filters that stay from page to page; so do those by other attributes that accounts carry."""

ATTRIBUTE = "attr."
"""Before the name of such an attribute: `attr.region` is no other value of an address, whatever a definition carries."""

LONGEST = 200
"""Characters of a value that are read: no name is longer, and a query is no place for a novel."""


class Address(NamedTuple):
    """A page's path and its query, {name: value}."""

    path: str
    query: dict[str, str]

    @staticmethod
    def of(path: str, query: Mapping[str, str]) -> Address:
        """What was asked for; empty values are as good as none."""
        return Address(path, {name: value[:LONGEST] for name, value in query.items() if value and name != "token"})

    def get(self, name: str, default: str = "") -> str:
        return self.query.get(name, default)

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds; anything else is the default."""
        text = self.query.get(name, "")
        return min(max(int(text), low), high) if text.isdecimal() and len(text) < 10 else default

    def to(self, **changes: Any) -> str:
        """This address with some values changed; None takes one out. A change of filter begins at the first page."""
        query = {**self.query, **{name: str(value) for name, value in changes.items() if value is not None}}
        for name, value in changes.items():
            if value is None or (name != "page" and "page" not in changes):
                query.pop("page", None)
            if value is None:
                query.pop(name, None)
        return self.path + (f"?{urlencode(query)}" if query else "")

    @property
    def lasting(self) -> dict[str, str]:
        """The filters of this address that stay from page to page."""
        return {name: text for name, text in self.query.items() if name in LASTING or name.startswith(ATTRIBUTE)}

    def kept(self, **others: str) -> str:
        """The filters that stay, as a query for another page, and what it is to have beside them."""
        query = {**self.lasting, **others}
        return f"?{urlencode(query)}" if query else ""

    def scope(self, now: int, machines: Sequence[str], attributes: Sequence[str]) -> Scope:
        """The accounts that the filters let through. `machines`, `attributes`: those whose name can be a filter."""
        states = tuple((machine, self.query[machine]) for machine in machines if machine in self.query)
        carried = tuple((name, self.query[ATTRIBUTE + name]) for name in attributes if ATTRIBUTE + name in self.query)
        days = self.number("days", 0, 0, 36_500)
        renews = self.number("renews", 0, 0, 3_650)
        return Scope(
            now, self.get("owner"), self.get("plan"), self.get("segment"), self.get("q"), states, self.get("signal"),
            renews or None, days or None, carried,
        )  # fmt: skip
