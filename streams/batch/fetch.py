"""Fetch: what aiokafka has fetched, taken partition by partition as whole batches of plain records.

Reads aiokafka's `Fetcher._records` the way its own `fetched_records` does, with three differences: each partition gives
at most `limit` records (there one busy partition takes a common limit alone), records are built as ours at once,
many in one go, instead of as dataclasses to convert, and the positions before and after come along, so that a lost batch shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
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


def take_records(found: FetchResult, limit: int) -> tuple[list[Any], int]:
    """At most so many Records, and what their values weigh."""
    return _take(found, limit, as_records)


def take_changes(found: FetchResult, limit: int) -> tuple[list[Any], int]:
    """(key, value) of at most so many of a changelog's records, and what the values weigh."""
    return _take(found, limit, as_changes)


def as_records(tp: Any, found: list[Any]) -> list[Record]:
    topic, partition = tp.topic, tp.partition
    new = tuple.__new__  # what Record(...) does, without its defaults: half the time
    return [new(Record, (topic, partition, r.offset, r.timestamp, r.key, r.value, r.headers or ())) for r in found]


def as_changes(tp: Any, found: list[Any]) -> list[tuple[bytes, bytes | None]]:
    return [(r.key, r.value) for r in found]


Made = Callable[[Any, list[Any]], list[Any]]
"""(topic and partition, the client's records) -> what is made of them."""


def _take(found: FetchResult, limit: int, made: Made) -> tuple[list[Any], int]:
    source = found._partition_records
    if type(source._records_iterator) is not Chunks:
        source._records_iterator = Chunks(source, made)
    chunks, taken, weight = source._records_iterator, list[Any](), 0
    chunks.most = min(FEW, limit)
    while len(taken) < limit and weight < BATCH_BYTES and found.has_more():
        for chunk, weighs in found.getall(1):
            taken += chunk
            weight += weighs
        fit = (BATCH_BYTES - weight) * len(taken) // max(weight, 1)
        chunks.most = max(1, min(fit, MANY, limit - len(taken)))
    return taken, weight


class Chunks:
    """What `PartitionRecords._unpack_records` gives, many records in one go: two thirds of its time.

    most  records in the next one
    """

    def __init__(self, source: Any, made: Made) -> None:
        self.most = FEW
        self._made = made
        self._found = self._chunks(source)

    def __next__(self) -> tuple[list[Any], int]:
        return next(self._found)

    def _chunks(self, source: Any) -> Iterator[tuple[list[Any], int]]:
        """(what is made of the next records, what their values weigh); the source knows where to read on after them."""
        for batch in _committed(source):
            records = chain(batch)  # a batch that is asked once more after its end begins anew
            while found := list(islice(records, self.most)):
                begin = source.next_fetch_offset
                if found[0].offset < begin:  # one reads on in the middle of the batch
                    found = [record for record in found if record.offset >= begin]
                if found:
                    source.next_fetch_offset = found[-1].offset + 1
                    weight = sum([len(record.value) for record in found if record.value is not None])
                    yield self._made(source._tp, found), weight
            source.next_fetch_offset = batch.next_offset  # also behind what is compacted away


def _committed(source: Any) -> Iterator[Any]:
    """The record batches of a fetch but for those that say how transactions ended, and those that were taken back."""
    while source._records.has_next():
        batch = source._records.next_batch()
        if source._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {source._tp}")
        taken_back = False
        if source._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            source._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and source._contains_abort_marker(batch):
                source._aborted_producers.discard(batch.producer_id)
            taken_back = batch.is_transactional and batch.producer_id in source._aborted_producers
        if taken_back or batch.is_control_batch:
            source.next_fetch_offset = batch.next_offset
        else:
            yield batch


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
