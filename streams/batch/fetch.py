"""Fetch: what aiokafka has fetched, taken partition by partition as whole batches of plain records.

Reads aiokafka's `Fetcher._records` the way its own `fetched_records` does, with three differences: each partition gives
at most `limit` records (there one busy partition takes a common limit alone), records are built as ours at once
instead of as dataclasses to convert, and the positions before and after come along, so that a lost batch shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import FetchResult

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


def as_record(tp: Any, record: Any) -> Record:
    return tuple.__new__(  # what Record(...) does, without its defaults: half the time
        Record,
        (tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers or ()),
    )


def as_change(tp: Any, record: Any) -> tuple[bytes, bytes | None]:
    """A changelog record needs no more."""
    return record.key, record.value


def drain(
    fetcher: Any, wanted: Collection[Any], limit: int, generation: int, make: Callable[[Any, Any], Any] = as_record
) -> list[Batch]:
    """At most one batch of each wanted partition, from what is already here. Raises what the fetch raised."""
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
        batch = _take(found, tp, limit, generation, make)
        if not found.has_more():
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
        if batch is not None:
            batches.append(batch)
    return batches


def _take(found: FetchResult, tp: Any, limit: int, generation: int, make: Callable[[Any, Any], Any]) -> Batch | None:
    if not found.check_assignment(tp) or not found.has_more():
        return None
    state = found._assignment.state_value(tp)
    begin = state.position
    found._partition_records._consumer_record = make  # shadows the method: building its dataclass costs 2 µs a record
    records: list[Any] = found.getall(min(FEW, limit))
    weight, left = _weight(records), limit - len(records)
    while left > 0 and weight < BATCH_BYTES and found.has_more():
        fit = (BATCH_BYTES - weight) * len(records) // max(weight, 1)
        more = found.getall(max(1, min(fit, MANY, left)))
        records += more
        weight += _weight(more)
        left -= len(more) or 1
    end = state.position
    return (
        Batch(tp.topic, tp.partition, begin, end, state.highwater, generation, records, weight) if end > begin else None
    )


def _weight(records: list[Any]) -> int:
    """Bytes of the values of Records, or of the values of changes."""
    values = (record.value for record in records) if records and type(records[0]) is Record else (v for _, v in records)
    return sum(len(value) for value in values if value is not None)


async def wait_for_batches(
    fetcher: Any,
    wanted: Collection[Any],
    limit: int,
    generation: Callable[[], int],
    timeout: float,
    make: Callable[[Any, Any], Any] = as_record,
) -> list[Batch]:
    """`drain`, waiting up to `timeout` seconds for something to come."""
    until = time.monotonic() + timeout
    while True:
        if fetcher._subscriptions.reassignment_in_progress:
            await fetcher._subscriptions.wait_for_assignment()
        batches = drain(fetcher, wanted, limit, generation(), make)
        left = until - time.monotonic()
        if batches or left <= 0 or fetcher._closed:
            return batches
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=left)
        if not done:
            waiter.cancel()
            return []
        waiter.result()  # an error of the whole fetch, such as missing rights
