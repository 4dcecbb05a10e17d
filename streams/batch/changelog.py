"""Changelog: partitions read in bulk, as far as they reach, without a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.batch.fetch import take_changes, wait_for_batches
from streams.delivery.contracts import Record

CHUNK = 5_000
"""Records handed over at a time, or a record batch more: some ms of work, after which the loop has its turn."""

PARTITION_BYTES = 4 * 1024 * 1024
QUIET_S = 1.0


class BulkReader:
    """`async with BulkReader(options) as reader`. `options`: of AIOKafkaConsumer, such as bootstrap_servers."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._consumer = AIOKafkaConsumer(
            group_id=None, enable_auto_commit=False, max_partition_fetch_bytes=PARTITION_BYTES, fetch_max_wait_ms=50,
            auto_offset_reset="earliest", **options,
        )  # fmt: skip

    async def __aenter__(self) -> BulkReader:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def ends(self, partitions: list[TP]) -> dict[TP, int]:
        """End offset of each."""
        found = await self._consumer.end_offsets([_tp(tp) for tp in partitions]) if partitions else {}
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def begins(self, partitions: list[TP]) -> dict[TP, int]:
        """First offset that is still there, of each."""
        found = await self._consumer.beginning_offsets([_tp(tp) for tp in partitions]) if partitions else {}
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def read(
        self,
        starts: Mapping[TP, int],
        restore: Callable[[TP, list[tuple[bytes, bytes | None]]], None],
        ends: Mapping[TP, int] | None = None,
    ) -> dict[TP, int]:
        """Hand every (key, value) from the start offsets on to `restore`, in order. Where each ended, as of now."""
        until = dict(ends) if ends is not None else await self.ends(list(starts))
        begins = await self.begins(list(starts))
        position = {tp: max(offset, begins[tp]) for tp, offset in starts.items()}
        left = {_tp(tp) for tp in starts if position[tp] < until[tp]}
        if not left:
            return until
        self._consumer.assign(list(left))
        for tp in left:
            self._consumer.seek(tp, position[TP(tp.topic, tp.partition)])
        while left:
            for batch in await wait_for_batches(self._consumer._fetcher, left, CHUNK, lambda: 0, QUIET_S, take_changes):
                tp = TP(batch.topic, batch.partition)
                restore(tp, batch.records)
                until[tp] = max(until[tp], batch.end)
                if batch.end >= batch.highwater:
                    left.discard(_tp(tp))
                await asyncio.sleep(0)
        return until

    async def last(self, tp: TP, end: int) -> Record | None:
        """The record right before `end`; None when nothing is kept there."""
        begins = await self.begins([tp])
        if end <= begins[tp]:
            return None
        self._consumer.assign([_tp(tp)])
        self._consumer.seek(_tp(tp), end - 1)
        found = await wait_for_batches(self._consumer._fetcher, {_tp(tp)}, 1, lambda: 0, QUIET_S)
        records = found[0].records if found else []
        return records[0] if records and records[0].offset < end else None


def _tp(tp: TP) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)
