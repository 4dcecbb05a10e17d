"""Copies: tables of partitions in files of this machine, so that a restart reads of a changelog only what came later.

A file is a row of Kafka record batches, as segments of Kafka's own are, each with its checksum: a head, changelog records,
and a foot that counts them. It has its name only once it is whole, and nothing depends on it: what is refused is deleted,
with a reason, and the changelog is read from its beginning.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import structlog
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from streams.batch.producer import checksum
from streams.delivery.outgoing import record_batches
from streams.delivery.table import Change

log = structlog.get_logger("journeys.copies")

FORMAT: Final = 1

KEPT_MS: Final = 12 * 3_600_000
"""An older copy is refused: what was deleted since may not be known as deleted any more. Kafka keeps that for a day
(`delete.retention.ms`, see `streams/topics.py`)."""

FEWEST: Final = 50_000
"""A changelog that has grown by fewer records is not worth a copy: it is read again in less than half a second."""

_HEAD: Final = b"copy:head"
_FOOT: Final = b"copy:foot"
_LENGTH: Final = slice(8, 12)  # of a record batch: how long it is from byte 12 on
_CHECKSUM: Final = slice(17, 21)
_CHECKED: Final = 21  # first byte that the checksum covers


class Damaged(Exception):
    """A file ends too early, or is not as it was written."""


class Copy(NamedTuple):
    """A copy that may be used. `position`: where to read the changelog on; `taken_at`: wall, ms."""

    path: Path
    position: int
    taken_at: int

    def read(self) -> Iterator[list[Change]]:
        """Changelog records, some hundreds at a time. Raises Damaged, maybe after some of them."""
        batches, count = _batches(self.path), 0
        next(batches, None)  # the head
        for records in batches:
            if records[-1][0] == _FOOT:
                if records[-1][1] != b"%d" % count:
                    break
                return
            count += len(records)
            yield records
        raise Damaged(f"after {count} records")


class Writing:
    """One copy on its way to the disk; not found before `finish`."""

    def __init__(self, path: Path, tp: TP, topic_id: str, position: int) -> None:
        """Raises OSError, as all of this may."""
        self.taken_at = _now()
        self._path, self._partial, self._count = path, path.with_suffix(f".{os.getpid()}"), 0
        self._file = open(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")  # noqa: SIM115
        head = {"format": FORMAT, "topic": tp.topic, "id": topic_id, "partition": tp.partition}
        self._put([(_HEAD, orjson.dumps(head | {"position": position, "taken_at": self.taken_at}))])

    def add(self, records: list[Change]) -> None:
        self._count += len(records)
        self._put(records)

    def finish(self) -> None:
        """It is whole, and takes the place of the one before it.

        It need not outlive a power failure: the checksums would tell, and the changelog has it all.
        """
        self._put([(_FOOT, b"%d" % self._count)])
        self._file.close()
        self._partial.replace(self._path)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def _put(self, records: list[Change]) -> None:
        for batch in record_batches([[record] for record in records], self.taken_at):
            self._file.write(batch.built(checksum))


class Copies:
    """The copies in one folder, a file for each partition of a changelog. `counts`: copies used, and refused by reason."""

    def __init__(self, folder: Path, fewest: int = FEWEST) -> None:
        """Raises OSError where that folder cannot be made or written to."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} may not be written to")
        self.counts: Counter[tuple[str, str]] = Counter()
        self.fewest = fewest
        self._folder = folder

    def find(self, tp: TP, topic_id: str, begin: int, end: int) -> Copy | None:
        """The copy of a changelog's partition that reaches from `begin` to `end`; None where there is none that serves."""
        path = self._path(tp)
        if not path.is_file():
            return None
        try:
            head = _head(path)
        except (Damaged, OSError) as problem:
            self.refuse(tp, f"damaged: {problem}")
            return None
        why = _why_not(head, tp, topic_id, begin, end)
        if why is not None:
            self.refuse(tp, why)
            return None
        return Copy(path, head["position"], head["taken_at"])

    def refuse(self, tp: TP, reason: str) -> None:
        """It will not be used, now or later."""
        self.counts["copy_refused", reason.partition(":")[0]] += 1
        log.warning("copy_refused", topic=tp.topic, partition=tp.partition, reason=reason)
        with suppress(OSError):
            self._path(tp).unlink(missing_ok=True)

    def begin(self, tp: TP, topic_id: str, position: int) -> Writing:
        """Begin another copy. Raises OSError."""
        return Writing(self._path(tp), tp, topic_id, position)

    def tidy(self) -> int:
        """Delete what nobody may use any more, and what a worker that is gone left half done; how many files that was."""
        old = [path for path in self._folder.glob("*.*") if path.is_file() and _age_ms(path) > KEPT_MS]
        with suppress(OSError):
            for path in old:
                path.unlink(missing_ok=True)
        return len(old)

    def _path(self, tp: TP) -> Path:
        return self._folder / f"{tp.topic}-{tp.partition}.copy"


def _now() -> int:
    return int(time.time() * 1000)


def _age_ms(path: Path) -> float:
    try:
        return _now() - path.stat().st_mtime * 1000
    except FileNotFoundError:
        return 0.0


def _why_not(head: Mapping[str, Any], tp: TP, topic_id: str, begin: int, end: int) -> str | None:
    """Why a copy with this head may not be used for a changelog's partition that reaches from `begin` to `end`."""
    if head["format"] != FORMAT:
        return "another format"
    if not topic_id or (head["topic"], head["id"], head["partition"]) != (tp.topic, topic_id, tp.partition):
        return "another topic"
    if not 0 <= _now() - head["taken_at"] <= KEPT_MS:
        return "too old"
    return None if begin <= head["position"] <= end else "another history"


def _head(path: Path) -> dict[str, Any]:
    records = next(_batches(path), [])
    if not records or records[0][0] != _HEAD or not records[0][1]:
        raise Damaged("no head")
    found: dict[str, Any] = orjson.loads(records[0][1])
    return found


def _batches(path: Path) -> Iterator[list[Change]]:
    """The records of each record batch. Raises Damaged."""
    with path.open("rb") as file:
        while begin := file.read(_LENGTH.stop):
            length = int.from_bytes(begin[_LENGTH], "big")
            raw = begin + file.read(length)
            if len(begin) < _LENGTH.stop or len(raw) < _CHECKED or len(raw) - _LENGTH.stop != length:
                raise Damaged("it ends in the middle of a batch")
            if checksum(raw[_CHECKED:]) != int.from_bytes(raw[_CHECKSUM], "big"):
                raise Damaged("a checksum does not match")
            yield [(record.key, record.value) for record in MemoryRecords(raw).next_batch()]
