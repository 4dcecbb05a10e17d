"""The memory of one partition: its entities and the records beside them, as the changelog made them durable.

An entity stays bytes until it is touched. Recovery keeps whatever the newest generation wrote last, ignores what a
former owner (a zombie) wrote after a later claim, and remembers the keys it has to write again for that reason:
compaction would otherwise keep the zombie's value only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic

from streams.delivery import record as rec
from streams.delivery.contracts import NEVER, E, Logic, Output

Change = tuple[bytes, bytes | None]
"""One changelog record: key and value, None to delete."""


class Cell(Generic[E]):
    """An entity that has been touched.

    entity   what the logic keeps; None once it has ended and nothing has begun anew
    applied  last offset taken of each input topic, -1 for none
    pending  records beside it that are not written yet
    durable  whether the changelog has a record of it
    used     touched since `cool` last came by
    former   what to take it over with, and its payload, while it is still kept under another definition; `entity` is None
    """

    __slots__ = ("applied", "durable", "entity", "former", "pending", "used")

    def __init__(self, entity: E | None, applied: list[int], durable: bool) -> None:
        self.entity = entity
        self.applied = applied
        self.pending: dict[bytes, bytes | None] | None = None
        self.durable = durable
        self.used = True
        self.former: tuple[Any, bytes] | None = None


class BesideView:
    """What a logic sees of the records beside the entity it is advancing."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: dict[bytes, bytes] | None = None

    def get(self, name: bytes) -> bytes | None:
        return None if self.names is None else self.names.get(name)

    def all(self) -> Iterable[bytes]:
        return () if self.names is None else self.names


class Table(Generic[E]):
    """Entities by key; reads the changelog, and encodes what is to be appended to it."""

    def __init__(self, logic: Logic[E]) -> None:
        self._logic = logic
        self.inputs = 0  # how many input topics entity records tell apart
        self.entities: dict[bytes, bytes | Cell[E]] = {}
        self.beside: dict[bytes, dict[bytes, bytes]] = {}
        self.partition_record: bytes | None = None
        self.definitions: dict[str, bytes] = {}  # by digest, as text
        self.kept: dict[bytes, bytes] = {}  # of entities that ended, by the key of its record
        self.version = 0  # number of the definition in force
        self.formers: dict[int, Any] = {}  # for each other number that entities are kept under, what takes them over
        self.boundary = NEVER  # as of when they are taken over, ms
        self.generation = 0  # the highest read so far
        self._writer = 0  # generation of the last record that had a value
        self._stale: set[bytes] = set()
        self._warm: deque[bytes] = deque()  # keys of cells, longest here first

    def restore(self, records: Iterable[Change]) -> None:
        """Read changelog records in offset order. May be called again with later ones."""
        for key, value in records:
            if value is not None:
                self._writer = rec.generation_of(value)
            if self._writer < self.generation:
                self._stale.add(key)
                continue
            self.generation = self._writer
            if self._stale:
                self._stale.discard(key)
            self._keep(key, value)

    def _keep(self, key: bytes, value: bytes | None) -> None:
        space = key[:2]
        if space == b"e:":
            if value is None:
                self.entities.pop(key[2:], None)
            else:
                self.entities[key[2:]] = value
        elif space == b"b:":
            self._keep_beside(*rec.split_beside_key(key), value)
        elif space == b"p:":
            self.partition_record = value
        elif space == rec.DEFINITION_SPACE and value is not None:
            self.definitions[key[2:].decode()] = rec.tagged_body(value)
        elif space == rec.KEPT_SPACE and value is not None:
            self.kept[key] = rec.tagged_body(value)

    def _keep_beside(self, key: bytes, name: bytes, value: bytes | None) -> None:
        if value is not None:
            self.beside.setdefault(key, {})[name] = rec.tagged_body(value)
        elif key in self.beside:
            self.beside[key].pop(name, None)

    def restored(self) -> Iterator[tuple[bytes, rec.Header, bytes]]:
        """(key, header, value) of every entity, once all is read; those that had ended lose what was beside them.

        What they had to say is not kept any longer, but where the record is to be written again as it was.
        """
        for key, value in self.entities.items():
            assert isinstance(value, bytes)
            header = rec.header_of(value)
            if header.flags & rec.ENDED:
                for name in self.beside.pop(key, ()):
                    self._stale.add(rec.beside_key(key, name))
            yield key, header, value
            if header.flags & rec.HAS_OUTBOX and rec.entity_key(key) not in self._stale:
                self.entities[key] = rec.without_outbox(value, header)

    def compacted(self, generation: int, step: int) -> Iterator[list[Change]]:
        """What the changelog would hold of all this if it were compacted to its end, in the name of a generation.

        So many records at a time, or a few more; it may change between two of them, and what is newer then may be in it
        or not. Neither outboxes nor the partition's own record are in it: see copying.py.
        """
        found: list[Change] = [
            (rec.definition_key(digest), rec.encode_tagged(generation, text))
            for digest, text in self.definitions.items()
        ]
        for key in list(self.entities):
            found += self._compacted(key, generation)
            if len(found) >= step:
                yield found
                found = []
        for kept in list(self.kept):
            found.append((kept, rec.encode_tagged(generation, self.kept[kept])))
            if len(found) >= step:
                yield found
                found = []
        yield found

    def _compacted(self, key: bytes, generation: int) -> list[Change]:
        """An entity's record and those beside it; of one that has ended, its mark."""
        kept = self.entities.get(key)
        if kept is None:
            return []
        if isinstance(kept, bytes):
            outbox = kept[1] & rec.HAS_OUTBOX
            value = rec.with_generation(rec.without_outbox(kept, rec.header_of(kept)) if outbox else kept, generation)
        elif kept.entity is None:
            value = rec.encode_entity(generation, 0, NEVER, kept.applied, b"", ended=True, version=self.version)
        else:
            value, _ = self._encode(kept.entity, kept, generation, 0, b"")
        names = self.beside.get(key)
        found: list[Change] = [(rec.entity_key(key), value)]
        return found if names is None else found + list(self._beside_changes(key, names, generation))

    def versions(self) -> set[int]:
        """Numbers of the definitions that living entities are kept under."""
        values = (value for value in self.entities.values() if isinstance(value, bytes))
        return {rec.version_of(value) for value in values if not value[1] & rec.ENDED}

    def repairs(self, generation: int) -> list[list[Change]]:
        """Groups that write again, in this generation's name, every key that a zombie wrote after a later claim."""
        marker = (rec.CLAIM_KEY, rec.encode_tagged(generation))
        keys = sorted(self._stale - {rec.CLAIM_KEY})
        self._stale.clear()
        return [[marker, (key, self._durable_value(key, generation))] for key in keys]

    def _durable_value(self, key: bytes, generation: int) -> bytes | None:
        space, value = key[:2], None
        if space == b"e:":
            kept = self.entities.get(key[2:])
            value = kept if isinstance(kept, bytes) else None
        elif space == b"b:":
            entity, name = rec.split_beside_key(key)
            body = self.beside.get(entity, {}).get(name)
            return None if body is None else rec.encode_tagged(generation, body)
        elif space == b"p:":
            value = self.partition_record
        elif space == rec.DEFINITION_SPACE:
            return rec.encode_tagged(generation, self.definitions[key[2:].decode()])
        elif space == rec.KEPT_SPACE:
            return rec.encode_tagged(generation, self.kept[key]) if key in self.kept else None
        return None if value is None else rec.with_generation(value, generation)

    def cell(self, key: bytes) -> Cell[E]:
        """The entity, decoded at its first touch, or a fresh one; `cell.entity` is None only where `cell.former` is not."""
        kept = self.entities.get(key)
        if isinstance(kept, Cell):
            cell = kept
            cell.used = True
        else:
            self._warm.append(key)
            cell = Cell(None, [-1] * self.inputs, durable=False) if kept is None else self._load(key, kept)
            self.entities[key] = cell
        if cell.entity is None and cell.former is None:
            kept_of = self.kept.get(rec.kept_key(key)) if self.kept else None
            cell.entity = self._logic.new(key) if kept_of is None else self._logic.new(key, kept_of)
        return cell

    def cool(self, warm: int, busy: Callable[[bytes], bool], looks: int) -> None:
        """Turn entities that were not touched for long back into bytes, until at most `warm` stay decoded, or nearly.

        Looks at so many in each call. `busy` ones have changes that are not written yet, and stay.
        """
        for _ in range(min(len(self._warm) - warm, looks)):
            key = self._warm.popleft()
            cell = self.entities.get(key)
            if not isinstance(cell, Cell):
                continue
            if cell.used or cell.entity is None or busy(key):
                cell.used = False
                self._warm.append(key)
            else:
                self.entities[key], _ = self._encode(cell.entity, cell, 0, 0, b"")

    def touched(self, key: bytes) -> Cell[E]:
        """The entity, which has been decoded before."""
        kept = self.entities[key]
        assert isinstance(kept, Cell)
        return kept

    def _load(self, key: bytes, value: bytes) -> Cell[E]:
        header = rec.header_of(value)
        cell: Cell[E] = Cell(None, self._applied(header), durable=True)
        if not header.flags & rec.ENDED:
            payload, former = rec.payload_of(value, header), self.formers.get(rec.version_of(value))
            if former is None:
                cell.entity = self._logic.load(key, payload)
            else:
                cell.former = former, payload
        return cell

    def _applied(self, header: rec.Header) -> list[int]:
        applied = [-1] * self.inputs
        for index, offset in header.applied:
            applied[index] = offset
        return applied

    def applied(self, key: bytes, index: int) -> int:
        """Last offset of this input that the entity has taken, -1 for none; decodes nothing but the header."""
        kept = self.entities.get(key)
        if kept is None:
            return -1
        applied = self._applied(rec.header_of(kept)) if isinstance(kept, bytes) else kept.applied
        return applied[index]

    def deadline(self, key: bytes) -> int:
        """When the entity is due, in ms; NEVER when it has no timer or is gone."""
        kept = self.entities.get(key)
        if kept is None:
            return NEVER
        if isinstance(kept, bytes):
            header = rec.header_of(kept)
            taken_over = rec.version_of(kept) in self.formers and not header.flags & rec.ENDED
            return min(header.deadline, self.boundary) if taken_over else header.deadline
        return NEVER if kept.entity is None else self._logic.deadline(kept.entity)

    def settles(self, key: bytes) -> int:
        """Up to when everybody is to be heard out for it, in ms; the earlier of this and its deadline while it is bytes."""
        kept = self.entities.get(key)
        if isinstance(kept, Cell) and kept.entity is not None:
            return self._logic.settles(kept.entity)
        return self.deadline(key)

    def payload(self, key: bytes) -> bytes | None:
        """The entity as Logic.dump gives it; None where there is none, or it is still kept under another definition."""
        kept = self.entities.get(key)
        if isinstance(kept, Cell):
            return None if kept.entity is None else self._logic.dump(kept.entity)
        if kept is None or rec.version_of(kept) in self.formers or (header := rec.header_of(kept)).flags & rec.ENDED:
            return None
        return rec.payload_of(kept, header)

    def put_beside(self, key: bytes, cell: Cell[E], changes: list[tuple[bytes, bytes | None]]) -> bool:
        """Whether so much waits now that the entity should be written at once."""
        names = self.beside.setdefault(key, {})
        if cell.pending is None:
            cell.pending = {}
        for name, value in changes:
            cell.pending[name] = value
            if value is None:
                names.pop(name, None)
            else:
                names[name] = value
        return len(cell.pending) >= NAMES_WAITING

    def spill(self, key: bytes, cell: Cell[E], generation: int) -> list[list[Change]]:
        """Groups with what changed beside an entity, where that is too much for one group with its own record.

        They go before it. None of them may be a deletion.
        """
        pending = cell.pending or {}
        names = list(pending) if len(pending) > NAMES_WAITING else []
        return [
            list(self._beside_changes(key, {name: pending.pop(name) for name in names[start : start + NAMES_A_GROUP]}, generation))
            for start in range(0, len(names), NAMES_A_GROUP)
        ]  # fmt: skip

    def write(
        self, key: bytes, cell: Cell[E], generation: int, batch: int, outputs: list[tuple[int, Output]]
    ) -> list[Change]:
        """The group that makes an entity durable as it is now: its record, and what changed beside it."""
        entity = cell.entity
        assert entity is not None
        outbox = rec.encode_outbox(outputs) if outputs else b""
        value, empty = self._encode(entity, cell, generation, batch, outbox)
        if empty and not (outputs or cell.durable):
            del self.entities[key]  # nothing came of it
            return []
        group: list[Change] = [(rec.entity_key(key), value)]
        if cell.pending:
            group += self._beside_changes(key, cell.pending, generation)
        cell.pending, cell.durable = None, True
        return group

    def _encode(self, entity: E, cell: Cell[E], generation: int, batch: int, outbox: bytes) -> tuple[bytes, bool]:
        """(record, whether there is nothing in it)."""
        deadline = min(self._logic.deadline(entity), self._logic.settles(entity))
        payload = self._logic.dump(entity)
        return rec.encode_entity(
            generation, batch, deadline, cell.applied, payload, outbox, version=self.version
        ), not payload

    def _beside_changes(self, key: bytes, changes: Mapping[bytes, bytes | None], generation: int) -> Iterator[Change]:
        for name, body in changes.items():
            yield rec.beside_key(key, name), None if body is None else rec.encode_tagged(generation, body)

    def end(
        self, key: bytes, cell: Cell[E], generation: int, batch: int, outputs: list[tuple[int, Output]],
        kept: bytes | None = None,
    ) -> list[list[Change]]:  # fmt: skip
        """Groups that end an entity. A mark with the applied offsets stays, or re-read events would begin it again."""
        outbox = rec.encode_outbox(outputs) if outputs else b""
        mark = rec.encode_entity(generation, batch, NEVER, cell.applied, b"", outbox, ended=True, version=self.version)
        marker = (rec.CLAIM_KEY, rec.encode_tagged(generation))
        names = list(self.beside.pop(key, {}).keys() | (cell.pending or {}).keys())
        groups: list[list[Change]] = [[(rec.entity_key(key), mark)]]
        if kept is not None:
            self.kept[rec.kept_key(key)] = kept
            groups[0].append((rec.kept_key(key), rec.encode_tagged(generation, kept)))
        for start in range(0, len(names), NAMES_A_GROUP):
            chunk = names[start : start + NAMES_A_GROUP]
            groups.append([marker, *((rec.beside_key(key, name), None) for name in chunk)])
        cell.entity, cell.pending, cell.durable = None, None, True
        return groups

    def is_ended(self, key: bytes) -> bool:
        """Whether all there is of the entity is the mark of its end."""
        kept = self.entities.get(key)
        if isinstance(kept, Cell):
            return kept.entity is None
        return kept is not None and bool(rec.header_of(kept).flags & rec.ENDED)

    def bury(self, key: bytes, generation: int) -> list[Change]:
        """The group that deletes an ended entity's mark."""
        del self.entities[key]
        return [(rec.CLAIM_KEY, rec.encode_tagged(generation)), (rec.entity_key(key), None)]


NAMES_WAITING: Final = 500
"""Records beside one entity that may wait for the checkpoint: they go out in one group, with what a batch adds."""

NAMES_A_GROUP: Final = 2_000
"""Deletions in one group: about 150 kB, well below the 1 MB that a broker takes as one batch."""
