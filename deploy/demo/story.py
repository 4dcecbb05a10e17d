"""What a viewer is told, in order: the funnels moving, one account's path, its alert as a card, its recovery, lines to paste.

Pure: records go in, printable things come out when their turn has come, whatever arrived first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from schemas.definition.model import Definition
from streams.commands.show import alert_card, alert_line, transition_line

Record = dict[str, Any]


class Stock:
    """How many entities are in each stage now, from the transitions alone: entries minus exits."""

    def __init__(self, definition: Definition) -> None:
        self.stages = {"user": definition.user.machines[0].states}
        if definition.account is not None:
            self.stages["account"] = definition.account.machines[0].states
        self.now: dict[str, Counter[str]] = {kind: Counter() for kind in self.stages}
        self.reached: dict[str, Counter[str]] = {kind: Counter() for kind in self.stages}

    def take(self, record: Record) -> None:
        if record["machine"] != "stage":
            return
        sign = 1 if record["valid"] else -1
        now, reached = self.now[record["kind"]], self.reached[record["kind"]]
        if record["from"] is not None:
            now[record["from"]] -= sign
        if record["to"] is not None:
            now[record["to"]] += sign
            reached[record["to"]] += sign

    def table(self, title: str) -> Table:
        """Both funnels side by side: who is where, and how many entries each stage has seen."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for kind in self.stages:
            table.add_column(f"{kind}s by stage", style="bold")
            table.add_column("now", justify="right")
            table.add_column("entered", justify="right", style="dim")
        for row in range(max(len(stages) for stages in self.stages.values())):
            cells: list[str] = []
            for kind, stages in self.stages.items():
                name = stages[row] if row < len(stages) else ""
                counts = (str(self.now[kind][name]), str(self.reached[kind][name])) if name else ("", "")
                cells += [name, *counts]
            table.add_row(*cells)
        return table


class Story:
    """One showcase account told in order; everything else is counted."""

    def __init__(self, showcase: str | None, topics: dict[str, str]) -> None:
        self._showcase = showcase
        self._topics = topics
        self._path: list[Record] = []
        self._alerts: list[Record] = []
        self._recovered: Record | None = None
        self._told = 0
        self.funnels = 0
        self._steps = [self._tell_path, self._tell_card, self._tell_recovery, self._tell_lines]

    @property
    def finished(self) -> bool:
        return self._told == len(self._steps)

    def take(self, topic: str, record: Record) -> None:
        if record["entity"] != self._showcase:
            return
        if topic == "alerts":
            self._alerts.append(record)
        elif record["machine"] == "stage" and record["valid"]:
            self._path.append(record)
        elif record["machine"] == "risk" and record["to"] == "healthy" and self._opened() and record["valid"]:
            self._recovered = self._recovered or record

    def _opened(self) -> Record | None:
        return next((a for a in self._alerts if a["name"] == "account_at_risk" and a["status"] == "opened"), None)

    def turn(self) -> Iterator[RenderableType]:
        """What may be said now. The path waits until the funnels have been seen to move."""
        if self.funnels < 2 and self._showcase is not None:
            return
        while not self.finished:
            said = self._steps[self._told]()
            if said is None:
                return
            self._told += 1
            yield from said

    def _tell_path(self) -> list[RenderableType] | None:
        if self._showcase is None:
            return []
        at = next((n for n, t in enumerate(self._path) if t["to"] == "onboarding"), None)
        if at is None:
            return None
        name = self._path[at]["carry"].get("name", self._showcase)
        heading = Text(
            f"\n{name} ({self._showcase}), from first touch to onboarding, and the rule behind each step", "bold"
        )
        return [heading, *(transition_line(t) for t in self._path[: at + 1])]

    def _tell_card(self) -> list[RenderableType] | None:
        if self._showcase is None:
            return []
        opened = self._opened()
        return None if opened is None else [Text(""), alert_card(opened)]

    def _tell_recovery(self) -> list[RenderableType] | None:
        if self._showcase is None:
            return []
        opened = self._opened()
        resolved = next(
            (a for a in self._alerts if opened and a["opens"] == opened["id"] and a["status"] == "resolved"), None
        )
        if resolved is None or self._recovered is None:
            return None
        return [
            Text("\nit recovers, and the alert resolves by itself", "bold"),
            transition_line(self._recovered),
            alert_line(resolved),
        ]

    def _tell_lines(self) -> list[RenderableType] | None:
        lines: list[RenderableType] = [Text("\nlines to paste into another terminal while this runs", "bold")]
        return [*lines, *(Text(f"  {line}") for line in self._topics.values())]
