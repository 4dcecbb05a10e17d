"""A plant: all entities of one logic in one process, moved as a partition would move them."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from streams.delivery.contracts import NEVER, Ok, Output
from streams.journey.accounts import AccountsLogic
from streams.journey.timeline import Entity
from streams.journey.users import UsersLogic


class Kept:
    """What stands beside an account, in memory."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}

    def get(self, name: bytes) -> bytes | None:
        return self.records.get(name)

    def all(self) -> Iterable[bytes]:
        return self.records


class Plant:
    """All entities of one logic in one process: a partition without Kafka."""

    def __init__(self, logic: UsersLogic | AccountsLogic) -> None:
        self.logic = logic
        self.entities: dict[bytes, Entity] = {}
        self._beside: dict[bytes, Kept] = {}
        self._due: list[tuple[int, bytes]] = []
        self._armed: dict[bytes, int] = {}
        self._kept: dict[bytes, bytes] = {}

    def beside(self, key: bytes) -> Kept:
        """What stands beside an entity."""
        kept = self._beside.get(key)
        if kept is None:
            kept = self._beside[key] = Kept()
        return kept

    def feed(self, inputs: Iterable[Ok], until: int) -> list[Output]:
        """Apply inputs grouped by entity, then fire every timer due at `until`, oldest first."""
        grouped: dict[bytes, list[Any]] = {}
        for ok in inputs:
            items = grouped.get(ok.key)
            if items is None:
                grouped[ok.key] = [ok.input]
            else:
                items.append(ok.input)
        outputs: list[Output] = []
        for key, items in grouped.items():
            self._advance(key, items, until, outputs)
        while self._due and self._due[0][0] <= until:
            deadline, key = heappop(self._due)
            if self._armed.get(key) == deadline:
                del self._armed[key]
                self._advance(key, [], until, outputs)
        return outputs

    def _advance(self, key: bytes, items: list[Any], until: int, outputs: list[Output]) -> None:
        entity = self.entities.get(key)
        if entity is None:
            entity = self.entities[key] = self.logic.new(key, self._kept.get(key))
        kept = self.beside(key)
        advanced = self.logic.advance(key, entity, items, until, max(until, 0), kept)
        outputs += advanced.outputs
        for name, value in advanced.beside:
            if value is None:
                kept.records.pop(name, None)
            else:
                kept.records[name] = value
        if advanced.ended:
            del self.entities[key], self._beside[key]
            if advanced.kept is not None:
                self._kept[key] = advanced.kept
            self._armed.pop(key, None)
            return
        deadline = min(self.logic.deadline(entity), self.logic.settles(entity))
        if deadline < NEVER and self._armed.get(key, NEVER) != deadline:
            self._armed[key] = deadline
            heappush(self._due, (deadline, key))
