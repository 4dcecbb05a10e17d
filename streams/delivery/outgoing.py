"""Outgoing: what a slice made, by where it goes, put into record batches: all that is done for each record on its way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.delivery.attributes import Attributes
from streams.delivery.contracts import Output
from streams.delivery.partition import Partitioner
from streams.delivery.wire import NO_HEADERS, Encoded, RecordBatch, headers

BATCH_BYTES: Final = 512 * 1024
"""A Kafka record batch is closed at this size: half of what a broker takes by default."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""A single group or record may be as large as this; our topics are planned with it (`topics.py`)."""

OVERHEAD: Final = 40
"""Bytes of a record beside key, value and headers, at most; 61 more a batch."""

Groups = Sequence[Sequence[tuple[bytes, bytes | None]]]


class TooLarge(Exception):
    """A group that no record batch may hold; the message says whose state it is, and what to do."""


def by_partition(
    outputs: Sequence[Output], prefix: str, partitioner: Partitioner
) -> dict[str, dict[int, list[Output]]]:
    """Outputs in their order, by logical topic and partition. `prefix` goes before a topic's name on Kafka."""
    found: dict[str, dict[int, list[Output]]] = {}
    for output in outputs:
        partitions = found.get(output.topic)
        if partitions is None:
            partitions = found[output.topic] = {}
        partition = output.partition
        if partition is None:
            partition = partitioner.of(prefix + output.topic, output.key)
        waiting = partitions.get(partition)
        if waiting is None:
            partitions[partition] = [output]
        else:
            waiting.append(output)
    return found


def fill(
    batch: RecordBatch, outputs: Sequence[Output], begin: int, attributes: Attributes | None, now: int,
    written: int | None,
) -> int:  # fmt: skip
    """Put outputs from `begin` on into a batch; the number of the first one that it had no room for.

    attributes  what is said in headers of each record of the topic, if anything
    now         the records' Kafka timestamp, ms
    written     when the state that they follow from became durable, ms
    """
    at = begin
    while at < len(outputs):
        output = outputs[at]
        if not batch.add(now, output.key, output.value, _headers(output, attributes, written)):
            break
        at += 1
    return at


def _headers(output: Output, attributes: Attributes | None, written: int | None) -> Encoded:
    if attributes is None:
        return headers(output.headers) if output.headers else NO_HEADERS
    return attributes.encoded(output.key, output.value, written, output.headers)


def record_batches(groups: Groups, now: int) -> list[RecordBatch]:
    """Record batches that hold the groups in order, none of them straddling two. Raises TooLarge."""
    batch, used = RecordBatch(BATCH_BYTES), 0
    found: list[RecordBatch] = []
    for group in groups:
        need = OVERHEAD * len(group)
        for key, value in group:
            need += len(key) if value is None else len(key) + len(value)
        if used and used + need > BATCH_BYTES:
            found.append(batch)
            batch, used = RecordBatch(BATCH_BYTES), 0
        if not used and need > BATCH_BYTES - OVERHEAD * 2:
            batch = _large(group, need)
        used += need
        for key, value in group:
            if not batch.add(now, key, value):
                raise TooLarge(f"a group of {len(group)} records did not fit the record batch made for it")
    if used:
        found.append(batch)
    return found


def _large(group: Sequence[tuple[bytes, bytes | None]], need: int) -> RecordBatch:
    if need > MOST_BYTES:
        raise TooLarge(
            f"the state of {group[0][0][:80]!r} takes {need:,} bytes with all that must be written beside it at once; "
            f"the most is {MOST_BYTES:,}: lower the caps of its measures, or exclude the event that made it"
        )
    return RecordBatch(need + OVERHEAD * 2)
