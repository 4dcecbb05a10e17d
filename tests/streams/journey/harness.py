"""A person or a customer in a test: events in by day, transitions and alerts out. Drives the real logics, no Kafka."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.event import Event
from streams.delivery.contracts import Output
from streams.journey.accounts import AccountsLogic
from streams.journey.changes import Fact
from streams.journey.logic import Journeys
from streams.journey.rollup import Member
from streams.journey.users import UsersLogic
from streams.replay.plant import Kept

DAY = 86_400_000
START = 19_700 * DAY
"""2023-12-09, a midnight in UTC: day 0 of every test."""


def ms(day: float) -> int:
    """The instant that lies so many days after the start."""
    return START + round(day * DAY)


class Followed:
    """One entity, followed: every transition and alert it published, as JSON values."""

    def __init__(self, logic: Journeys, key: str, lag: int) -> None:
        self.logic: Any = logic
        self.key = key
        self.lag = lag
        self.entity = logic.new(key.encode())
        self.kept = Kept()
        self.transitions: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.facts: list[dict[str, Any]] = []
        self.seen_signals: set[str] = set()
        self.count = 0

    def put(self, items: list[Any], until: int) -> None:
        """Give inputs, let time pass to `until` (ms), keep what is published."""
        advanced = self.logic.advance(self.key.encode(), self.entity, items, until + self.lag, until, self.kept)
        for name, value in advanced.beside:
            self.kept.records[name] = value
        for output in advanced.outputs:
            self._keep(output)

    def _keep(self, output: Output) -> None:
        if output.value is None:
            return
        value = orjson.loads(output.value)
        if output.topic.startswith("transitions"):
            self.transitions.append(value)
        elif output.topic == "alerts":
            self.alerts.append(value)
        elif output.topic == "members":
            self.facts.append(value)
        else:
            self.snapshots.append(value)

    def wait(self, day: float, ms_more: int = 0) -> None:
        """Let time pass to a day; `ms_more` to stand just before or after it."""
        self.put([], ms(day) + ms_more)

    def event(self, name: str, day: float, **given: Any) -> str:
        """An event on a day (fractions are hours); keywords are properties, except traits, type, actor, place."""
        special = {k: given.pop(k) for k in ("traits", "type", "actor", "place", "account") if k in given}
        self.count += 1
        found = Event(
            id=f"{self.key}-{self.count}", name=name, type=special.pop("type", "track"), at=ms(day), properties=given,
            **{**self.identity(), **special},
        )  # fmt: skip
        bits = self.logic.selections.match(found)
        self.put([self.logic.fold.reader.hit(found, bits)], ms(day))
        return found.id

    def identity(self) -> dict[str, Any]:
        raise NotImplementedError

    def state(self, machine: str = "stage") -> str | None:
        """The newest state that was published for a machine."""
        found = [t["to"] for t in self.transitions if t["machine"] == machine and t["valid"]]
        return found[-1] if found else None

    def fired(self, name: str, machine: str = "stage") -> list[dict[str, Any]]:
        return [t for t in self.transitions if t["machine"] == machine and t["name"] == name]

    def signals(self) -> list[str]:
        """The signals that hold now."""
        head = self.entity.head
        holding = [] if head is None else list(self.logic.fold.publisher.holding(head))
        self.seen_signals.update(holding)
        return holding


class Person(Followed):
    """One user of a definition."""

    def __init__(self, definition: Definition, key: str = "u1", account: str | None = "a1") -> None:
        super().__init__(UsersLogic(definition), key, 0)
        self.account = account

    def identity(self) -> dict[str, Any]:
        return {"user": self.key, "account": self.account}

    def use(self, day: float, name: str = "Report Created", **properties: Any) -> str:
        """Something done in the product."""
        return self.event(name, day, **properties)


class Customer(Followed):
    """One account of a definition."""

    def __init__(self, definition: Definition, key: str = "a1") -> None:
        super().__init__(AccountsLogic(definition), key, definition.clock.disorder)

    def identity(self) -> dict[str, Any]:
        return {"account": self.key, "actor": "system", "place": "billing"}

    def member(
        self, user: str, day: float, active: bool = True, stage: str = "engagement", level: str = "user",
        admin: bool = False, reached: tuple[str, ...] | None = None, risk: str = "healthy",
    ) -> None:  # fmt: skip
        """A fact about a member, active on that day or not."""
        self.count += 1
        at = ms(day)
        told = Member(at // DAY if active else None, stage, reached or (stage,), risk, level, admin)
        self.put([Fact(at, f"fact-{self.count}", user, told, f"event-{self.count}")], at)

    def members(self, n: int, day: float, **given: Any) -> None:
        """The first n members, all alike."""
        for i in range(n):
            self.member(f"m{i}", day + i / 1e6, **given)
