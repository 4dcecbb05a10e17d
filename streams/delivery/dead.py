"""Dead letters: what cannot be processed, kept whole, under an id that is the same each time the record is read."""

from __future__ import annotations

from typing import Final

from schemas.deadletter import DeadLetter, dead_letter_id
from streams.delivery.contracts import Dead, Output, Record

TOPIC: Final = "dead-letters"
"""Logical name of the dead-letter topic."""


def dead_letter(record: Record, topic_id: str, index: int, dead: Dead) -> Output:
    """The original key and value, untouched, and everything else in headers."""
    letter = DeadLetter(
        id=dead_letter_id(topic_id, record.partition, record.offset, index),
        reason=dead.reason,
        detail=dead.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        index=index,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
    return Output(TOPIC, *letter.to_record())
