"""Fetch: what aiokafka has fetched, taken partition by partition as whole batches of plain records.

Reads aiokafka's `Fetcher._records` the way its own `fetched_records` does, with three differences: each partition gives
at most `limit` records (there one busy partition takes a common limit alone), records are built as ours at once
instead of as dataclasses to convert, and the positions before and after come along, so that a lost batch shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException

from streams.delivery.contracts import Record

BATCH_BYTES = 4 * 1024 * 1024
"""Of keys and values in one batch, about: two of them wait per partition, whatever a source's records weigh and however
well they were packed."""

FEW, MANY = 16, 256
"""Records taken between two looks at what they weigh: at first, and when they are small."""


class Batch(NamedTuple):
    """Records of one partition, in offset order. `end` may be beyond the last record: offsets are not all records.

    begin, end  offsets [begin, end): what came before ended at `begin`, what follows begins at `end`
    highwater   the end of the topic when this was fetched
    generation  of the consumer group at that time
    weight      bytes of the records' values
    """

    topic: str
    partition: int
    begin: int
    end: int
    highwater: int
    generation: int
    records: list[Any]
    weight: int = 0


Take = Callable[[FetchResult, int], tuple[list[Any], int]]
"""(what was fetched of a partition, how many at most) -> what is taken of it, and what that weighs in bytes."""


def as_record(tp: Any, record: Any) -> Record:
    return tuple.__new__(  # what Record(...) does, without its defaults: half the time
        Record,
        (tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers or ()),
    )


def take_records(found: FetchResult, limit: int) -> tuple[list[Any], int]:
    """At most so many Records, and what their values weigh."""
    found._partition_records._consumer_record = as_record  # shadows the method: its dataclass costs 2 µs a record
    records: list[Any] = found.getall(min(FEW, limit))
    weight, left = _weight(records), limit - len(records)
    while left > 0 and weight < BATCH_BYTES and found.has_more():
        fit = (BATCH_BYTES - weight) * len(records) // max(weight, 1)
        more = found.getall(max(1, min(fit, MANY, left)))
        records += more
        weight += _weight(more)
        left -= len(more) or 1
    return records, weight


def _weight(records: list[Record]) -> int:
    return sum(len(record.value) for record in records if record.value is not None)


def take_changes(found: FetchResult, limit: int) -> tuple[list[Any], int]:
    """(key, value) of a changelog's records, and what they weigh: whole record batches until there are so many."""
    source = found._partition_records
    if source._records_iterator.gi_code is not _record_batches.__code__:
        source._records_iterator = _record_batches(source)
    changes: list[Any] = []
    weight = 0
    while len(changes) < limit and weight < BATCH_BYTES and found.has_more():
        for batch in found.getall(1):
            changes += batch
            weight += sum([len(value) for _, value in batch if value is not None])
    return changes, weight


def _record_batches(source: Any) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """`PartitionRecords._unpack_records` for a topic without transactions, a record batch at a time: a third of its cost."""
    while source._records.has_next():
        batch = source._records.next_batch()
        if source._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {source._tp}")
        begin, source.next_fetch_offset = source.next_fetch_offset, batch.next_offset
        if batch.is_control_batch:
            continue
        if batch.base_offset >= begin:
            yield [(record.key, record.value) for record in batch]
        else:  # one reads on in the middle of it
            yield [(record.key, record.value) for record in batch if record.offset >= begin]


def drain(fetcher: Any, wanted: Collection[Any], limit: int, generation: int, take: Take = take_records) -> list[Batch]:
    """At most one batch of each wanted partition, from what is already here. Raises what the fetch raised.

    `take`: what the batches are of, see `take_records` and `take_changes`.
    """
    batches: list[Batch] = []
    for tp in list(fetcher._records):
        if tp not in wanted:
            if not fetcher._subscriptions.is_assigned(tp):
                del fetcher._records[tp]
            continue
        found = fetcher._records[tp]
        if type(found) is not FetchResult:
            if not batches:  # else at the next call, when what is here has been handed over
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
                found.check_raise()
            continue
        batch = _batch(found, tp, limit, generation, take)
        if not found.has_more():
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
        if batch is not None:
            batches.append(batch)
    return batches


def _batch(found: FetchResult, tp: Any, limit: int, generation: int, take: Take) -> Batch | None:
    if not found.check_assignment(tp) or not found.has_more():
        return None
    state = found._assignment.state_value(tp)
    begin = state.position
    records, weight = take(found, limit)
    end = state.position
    return (
        Batch(tp.topic, tp.partition, begin, end, state.highwater, generation, records, weight) if end > begin else None
    )


async def wait_for_batches(
    fetcher: Any,
    wanted: Collection[Any],
    limit: int,
    generation: Callable[[], int],
    timeout: float,
    take: Take = take_records,
) -> list[Batch]:
    """`drain`, waiting up to `timeout` seconds for something to come."""
    until = time.monotonic() + timeout
    while True:
        if fetcher._subscriptions.reassignment_in_progress:
            await fetcher._subscriptions.wait_for_assignment()
        batches = drain(fetcher, wanted, limit, generation(), take)
        left = until - time.monotonic()
        if batches or left <= 0 or fetcher._closed:
            return batches
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=left)
        if not done:
            waiter.cancel()
            return []
        waiter.result()  # an error of the whole fetch, such as missing rights
