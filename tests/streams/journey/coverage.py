"""What the threshold tests of a definition saw happen, against everything that the definition can make happen."""

from __future__ import annotations

from schemas.definition.model import Definition, EntityDefinition
from tests.streams.journey.harness import Followed

Seen = tuple[str, str, str]
"""(kind, machine, rule), (kind, signals, signal) or (kind, alerts, alert/status)."""


class Coverage:
    """Collects over the tests of one file; `unfired` is asked by the last of them."""

    def __init__(self) -> None:
        self._seen: set[Seen] = set()

    def remember(self, followed: Followed, kind: str) -> None:
        for t in followed.transitions:
            self._seen.add((kind, t["machine"], t["name"]))
            self._seen.update((kind, "signals", name) for name in t["signals"])
        self._seen.update((kind, "signals", name) for name in followed.seen_signals)
        for a in followed.alerts:
            self._seen.add((kind, "alerts", f"{a['name']}/{a['status']}"))
            self._seen.update((kind, "signals", name) for name in a["signals"])

    def unfired(self, definition: Definition) -> list[Seen]:
        return sorted(expected(definition) - self._seen)


def expected(definition: Definition) -> set[Seen]:
    """Everything that a definition can make happen."""
    found: set[Seen] = set()
    entities: list[EntityDefinition] = [definition.user, *([definition.account] if definition.account else [])]
    for entity in entities:
        for machine in entity.machines:
            found |= {(entity.kind, machine.name, rule.name) for rule in machine.rules}
        found |= {(entity.kind, "signals", signal.name) for signal in entity.signals}
    for alert in definition.alerts:
        found |= {(alert.kind, "alerts", f"{alert.name}/{status}") for status in ("opened", "resolved")}
    return found
