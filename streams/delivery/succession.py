"""Succession: how a partition passes from one definition to the next, and its entities one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic

from streams.delivery import record as rec
from streams.delivery.contracts import E, Logic, TakenOver, UnknownDefinition
from streams.delivery.settings import TaskSettings
from streams.delivery.table import BesideView, Cell, Change, Table
from streams.delivery.versions import Versions


class Succession(Generic[E]):
    """Of one partition. `where` names it in messages."""

    def __init__(self, logic: Logic[E], table: Table[E], settings: TaskSettings, where: str) -> None:
        self._logic, self._table, self._settings, self._where = logic, table, settings, where
        self._versions = Versions(settings.definition)

    def load(self, kept: Mapping[str, Any], watermark: int) -> bool:
        """Take what the partition's record says, {} for nothing; whether another definition was in force.

        Afterwards the table knows what takes over entities that are kept under others. Raises UnknownDefinition.
        """
        versions, table = self._versions, self._table
        used = table.versions()
        changed = versions.load(dict(kept), watermark, used)
        table.version, table.boundary = versions.current, versions.begun
        for number in used - {versions.current}:
            former = self._former(versions.of(number))
            if former is not None:
                table.formers[number] = former
        return changed

    def dump(self) -> dict[str, Any]:
        return self._versions.dump()

    def _former(self, digest: str) -> Any:
        text = self._table.definitions.get(digest)
        try:
            if text is None:
                raise UnknownDefinition(
                    f"kept under definition {digest!r}, whose text its changelog does not hold, and this worker has "
                    f"{self._settings.definition!r}: start it with the definition that the partition is kept under"
                )
            return self._logic.former(text)
        except UnknownDefinition as problem:
            raise UnknownDefinition(f"{self._where}, is {problem}") from None

    def record(self, generation: int) -> list[list[Change]]:
        """The definition itself, for those that come after it, where the changelog does not hold it yet."""
        settings = self._settings
        if not settings.text or settings.definition in self._table.definitions:
            return []
        self._table.definitions[settings.definition] = settings.text
        return [[(rec.definition_key(settings.definition), rec.encode_tagged(generation, settings.text))]]

    def take_over(self, key: bytes, cell: Cell[E], now: int, view: BesideView) -> TakenOver:
        """An entity that another definition kept becomes one of ours, whatever else happens to it now."""
        assert cell.former is not None, "only such an entity is taken over"
        former, payload = cell.former
        taken = self._logic.take_over(former, key, payload, self._versions.begun, now, view)
        cell.entity, cell.former = taken.entity, None
        if taken.beside:
            self._table.put_beside(key, cell, taken.beside)
            view.names = self._table.beside.get(key)
        return taken
