"""Dead letters: what cannot be processed, kept whole, under an id that is the same each time the record is read."""

from __future__ import annotations

from hashlib import blake2b

from streams.delivery.contracts import Dead, Output, Record

TOPIC = "dead-letters"
"""Logical name of the dead-letter topic."""


def dead_letter(record: Record, topic_id: str, index: int, dead: Dead) -> Output:
    """The original key and value, untouched, and everything else in headers."""
    place = f"{topic_id}/{record.partition}/{record.offset}/{index}"
    headers = (
        ("id", blake2b(place.encode(), digest_size=16).hexdigest().encode()),
        ("reason", dead.reason.encode()),
        ("detail", dead.detail.encode()),
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("index", str(index).encode()),
        ("timestamp", str(record.timestamp).encode()),
        *record.headers,
    )
    return Output(TOPIC, record.key, record.value, headers)
