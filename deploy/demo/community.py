"""A real community: thirteen years of changes to Apache Kafka, pseudonymised. See data/NOTE.md for what it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

PATH = Path(__file__).parent / "data" / "kafka-contributors.jsonl.gz"

EVENTS = 45_405
PEOPLE = 1_783
ACCOUNTS = 389

UNTIL = 1_729_814_400_000
"""ms: 2024-10-25 00:00 UTC, the end of the last event's day. Time ends there: nobody falls silent because the file does."""


def events() -> Iterator[bytes]:
    """The raw lines, in order of event time, without their ends: source `canonical`, definition `community`."""
    with gzip.open(PATH, "rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def until() -> int:
    """Where time ends, in ms."""
    return UNTIL
