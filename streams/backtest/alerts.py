"""Alerts as they would have been raised: a replay through the same core, its alert records put together by opening."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.definition.model import Definition, Kind
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay import Replay


class Raised(NamedTuple):
    """One alert. `opened`, `resolved`: ms of event time; resolved is None while it is open."""

    name: str
    kind: Kind
    entity: str
    owner: str | None
    opened: int
    resolved: int | None


@dataclass
class Collected:
    """The alert records of a replay; the newest record of an opening is what is true of it."""

    opened: dict[str, dict[str, Any]] = field(default_factory=dict)
    resolved: dict[str, int] = field(default_factory=dict)

    def take(self, output: Output) -> None:
        if output.topic != "alerts" or output.value is None:
            return
        record = orjson.loads(output.value)
        opens, status = record["opens"], record["status"]
        if status == "opened":
            self.opened[opens] = record
            self.resolved.pop(opens, None)
        elif status == "resolved":
            self.resolved[opens] = _ms(record["at"])
        else:
            self.opened.pop(opens, None)

    def raised(self) -> list[Raised]:
        """In order of opening."""
        found = [
            Raised(r["name"], r["kind"], r["entity"], r["owner"], _ms(r["at"]), self.resolved.get(opens))
            for opens, r in self.opened.items()
        ]
        return sorted(found, key=lambda a: (a.opened, a.name, a.entity))


def raised(definition: Definition, lines: Iterable[bytes], source: str, until: int | None = None) -> list[Raised]:
    """The alerts of a definition over records, with time ending at `until` (ms) or the last event; none taken back."""
    collected = Collected()
    Replay(definition, source, collected.take).run(lines, until)
    return collected.raised()


def _ms(text: str) -> int:
    at = parse_time(text)
    assert at is not None, "our own records hold times"
    return at
