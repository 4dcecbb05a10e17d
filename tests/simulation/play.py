"""What is simulated: a history, the two logics that follow it, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, Protocol

from streams.delivery import record as rec
from streams.delivery.contracts import Logic, Outcome, Record
from streams.delivery.table import Table
from tests.simulation.kafka import Kafka


class Wrong(AssertionError):
    """The guarantee was broken."""


def noticed(rule: str, run: Callable[[int], object], patience: int) -> None:
    """Run the schedules of so many seeds without a rule, until one is Wrong. Raises AssertionError where none is."""
    for seed in range(patience):
        try:
            run(seed)
        except Wrong:
            return
    raise AssertionError(f"{patience} schedules without {rule}, and nobody noticed")


class Fed(NamedTuple):
    """A source record. Those of one user are all on one topic and have one key, so they stay in order."""

    topic: str
    key: bytes
    value: bytes


class Play(Protocol):
    """One way to play. Source topics are `raw` (through decode) and `direct` (keyed by user). `exact`: partitions hear each
    other out before they settle."""

    exact: bool

    def history(self, random: Random) -> list[Fed]:
        """In order of event time."""
        ...

    def ending(self) -> bytes:
        """The value of the watermark record that ends time on every source partition."""
        ...

    def route(self, record: Record) -> list[Outcome]: ...

    def logic(self, kind: str) -> Logic[Any]: ...

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        """Compare what was published, and the states, with what must come of the history. Raises Wrong."""
        ...


def states(kafka: Kafka, kind: str, logic: Logic[Any]) -> dict[bytes, bytes]:
    """Payloads of all entities that are alive, as the changelogs have them."""
    found: dict[bytes, bytes] = {}
    for partition in range(kafka.partitions):
        table: Table[Any] = Table(logic)
        table.restore([(r.key or b"", r.value) for r in kafka.log(f"{kind}-changelog", partition).entries])
        for key, header, value in table.restored():
            if not header.flags & rec.ENDED:
                found[key] = rec.payload_of(value, header)
    return found
