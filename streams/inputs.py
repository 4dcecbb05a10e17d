"""Inputs: several files of records, each of its own source, read as one stream in the order of event time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from schemas import sources
from schemas.event import Event
from schemas.sources.outcome import Watermark
from streams.replay.files import lines_of

Sourced = tuple[str, bytes]
"""(source, a record's value)."""


class Input(NamedTuple):
    """A file of records and the source that they are of."""

    source: str
    path: Path


def told(text: str, source: str) -> Input:
    """An input as it is written on the command line: `stripe=billing.jsonl`, or a file alone, which is of `source`."""
    named, equals, path = text.rpartition("=")
    return Input(named or source, Path(path)) if equals and not Path(text).exists() else Input(source, Path(text))


def in_order(inputs: Sequence[Input]) -> Iterator[Sourced]:
    """The records of all files, the earliest first; within one file in the order in which they stand.

    A record that is no event keeps its place behind the one before it. Raises `streams.replay.files.Unreadable`.
    """
    streams = [_timed(one.source, lines_of(one.path)) for one in inputs]
    return ((source, line) for _, source, line in merge(*streams, key=lambda item: item[0]))


def _timed(source: str, lines: Iterable[bytes]) -> Iterator[tuple[int, str, bytes]]:
    """Each record with the latest time in its file until then: a late one is not waited for."""
    decode, reached = sources.decoder(source), 0
    for line in lines:
        for found in decode(line, None, (), 0, max_future=None):
            if isinstance(found, (Event, Watermark)):
                reached = max(reached, found.at)
        yield reached, source, line
