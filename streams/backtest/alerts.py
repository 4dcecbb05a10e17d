"""Alerts as they would have been raised: a replay through the same core, its alert records put together by opening."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.definition.model import Definition, Kind
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay.run import Replay


class Raised(NamedTuple):
    """One alert. `opened`, `resolved`: ms of event time; resolved is None while it is open."""

    name: str
    kind: Kind
    entity: str
    owner: str | None
    opened: int
    resolved: int | None


class Left(NamedTuple):
    """An entity's stage became `churn`: for a definition whose churn is an ended contract, something else than silence."""

    kind: Kind
    entity: str
    at: int


class Happened(NamedTuple):
    """What a run of a definition came to."""

    alerts: list[Raised]
    left: list[Left]


CHURN = "churn"
"""The stage, as every shipped definition calls it."""


@dataclass
class Collected:
    """The records of a replay; the newest record of an opening, or of a transition, is what is true of it."""

    opened: dict[str, dict[str, Any]] = field(default_factory=dict)
    resolved: dict[str, int] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)

    def take(self, output: Output) -> None:
        if output.value is None:
            return
        if output.topic == "alerts":
            self._alert(orjson.loads(output.value))
        elif output.topic.startswith("transitions."):
            self._transition(orjson.loads(output.value))

    def _transition(self, record: dict[str, Any]) -> None:
        if record["machine"] != "stage" or record["to"] != CHURN:
            return
        if record["valid"]:
            self.left[record["id"]] = Left(record["kind"], record["entity"], _ms(record["at"]))
        else:
            self.left.pop(record["id"], None)

    def _alert(self, record: dict[str, Any]) -> None:
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


def replayed(definition: Definition, lines: Iterable[bytes], source: str, until: int | None = None) -> Happened:
    """What a definition makes of records, with time ending at `until` (ms) or the last event; nothing that it took back."""
    collected = Collected()
    Replay(definition, source, collected.take).run(lines, until)
    return Happened(collected.raised(), list(collected.left.values()))


def _ms(text: str) -> int:
    at = parse_time(text)
    assert at is not None, "our own records hold times"
    return at
