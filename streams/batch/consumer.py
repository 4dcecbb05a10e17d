"""Consumer: Faust's Kafka consumer, handing over whole batches and committing what the owner says.

What is overridden and why: `_getmany` (one pseudo-record a partition batch; partitions held back are left out before
the fetch, because Faust's `pause_partitions` loses what was fetched), `_to_message` (of such a record), `ack`,
`_filter_tps_with_pending_acks` and `_new_offset` (commits follow the owner's ledger; an agent that raises or is
cancelled acks all the same), `_add_gap` (offsets between batches are no gap), `perform_seek` (to where the next batch
begins, not to the commit), `_commit` (what the group really took is remembered), `on_partitions_revoked` (what was
begun is ended and committed first), and in the thread `_create_worker_consumer` (the fetch wait of 1500 ms is
hard-coded, and aborted transactions would be read) and `verify_event_path` (whether all moves is for `health.py` to say).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from aiokafka.structs import TopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.batch.fetch import Batch, wait_for_batches

if TYPE_CHECKING:
    from streams.batch.app import BatchApp


class Fetching(NamedTuple):
    """What the broker waits for before it answers a fetch: so many bytes, or so many ms.

    It answers one fetch of a client at a time, so a partition whose records were just taken waits this long for its next
    ones while the others are idle.
    """

    min_bytes: int
    max_wait_ms: int


AT_ONCE: Final = Fetching(min_bytes=1, max_wait_ms=50)
"""Whatever there is; where nothing is, soon again."""


HELD_POLL_S = 0.01
"""How soon a partition that was held back is looked at again."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that fetches."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = self.consumer.app.fetching
        consumer._isolation_level = "read_committed"  # what a sender took back never happened
        return consumer

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own look, which complains of every changelog: those are ours, and only read while taking over."""

    async def batches(self, wanted: set[TP], limit: int, timeout: float) -> list[Batch]:
        return cast(list[Batch], await self.call_thread(self._batches, wanted, limit, timeout))

    async def _batches(self, wanted: set[TP], limit: int, timeout: float) -> list[Batch]:
        if not self.consumer.flow_active:  # asked before a rebalance began, looked at after
            return []
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            return await wait_for_batches(fetcher, wanted, limit, lambda: consumer._coordinator.generation, timeout)

    def ask(self, fetching: Fetching) -> None:
        """From the next fetch on. Two numbers that the thread reads when it makes one, so any thread may set them."""
        fetcher = self._ensure_consumer()._fetcher
        fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = fetching

    async def seek_all(self, offsets: Mapping[TP, int]) -> None:
        await self.call_thread(self._seek_all, offsets)

    async def _seek_all(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            consumer.seek(TopicPartition(tp.topic, tp.partition), offset)

    async def stop_fetching(self, partitions: Iterable[TP]) -> None:
        await self.call_thread(self._stop_fetching, list(partitions))

    async def _stop_fetching(self, partitions: list[TP]) -> None:
        self._ensure_consumer().pause(*(TopicPartition(tp.topic, tp.partition) for tp in partitions))

    def progress(self, tp: TP) -> tuple[int, int]:
        """(highwater, time of the last answer in ms) of a partition; (-1, 0) while there was none."""
        assignment = self._ensure_consumer()._subscription.subscription.assignment
        try:
            state = assignment.state_value(TopicPartition(tp.topic, tp.partition))
        except (KeyError, AttributeError, IllegalStateError):
            return -1, 0
        if state is None or state.highwater is None:
            return -1, 0
        return state.highwater, state.timestamp or 0


class Forgetful(dict[TP, Any]):
    """Faust drops records below the last offset it has seen. The owner knows better, and seeks back where it must."""

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: Any) -> None:
        pass


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """A consumer of whole batches. Leader and reply topics go through as they do in Faust."""

    _thread: BatchConsumerThread
    app: BatchApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = Forgetful()
        self._taken: dict[TP, int] = {}

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- fetching ----------------------------------------------------------------------------------------------------

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        if active_partitions is None or self.app.owner is None:
            return cast(Mapping[TP, list[Any]], await super()._getmany(active_partitions, timeout))
        owner = self.app.owner
        batched = {tp for tp in active_partitions if tp.topic in owner.batched}
        wanted = {tp for tp in batched if not owner.held(tp)}
        others = {tp for tp in active_partitions if tp.topic not in owner.batched and not self._is_changelog_tp(tp)}
        found: dict[TP, list[Any]] = {}
        if others:
            found.update(await super()._getmany(others, 0.0))
        if not wanted:
            await asyncio.sleep(HELD_POLL_S)
            return found
        short = found or others or len(wanted) < len(batched)
        for batch in await self._thread.batches(wanted, owner.limit, HELD_POLL_S if short else timeout):
            owner.fetched(batch)
            found[TP(batch.topic, batch.partition)] = [batch]
        return found

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if type(record) is not Batch:
            return super()._to_message(tp, record)
        return ConsumerMessage(
            record.topic, record.partition, record.end - 1, None, 0, (), None, record, None, 0, 0, tp,
            generation_id=record.generation,
        )  # fmt: skip

    # --- positions ---------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        starts = self._starts()
        await self.seek_batches(starts)

    def _starts(self) -> dict[TP, int]:
        owner = self.app.owner
        if owner is None:
            return {}
        starts = ((tp, owner.start_of(tp)) for tp in self.assignment() if tp.topic in owner.batched)
        return {tp: offset for tp, offset in starts if offset is not None}

    async def seek_batches(self, offsets: Mapping[TP, int]) -> None:
        """Read on from here. What is on its way is recognised by its offsets and thrown away by the owner."""
        if offsets:
            await self._thread.seek_all(offsets)

    async def committed(self) -> dict[TP, int | None]:
        """Committed offset of every assigned partition; leaves positions where the commits are."""
        if not self.assignment():
            return {}  # more members than partitions: aiokafka takes that for a mistake
        found = await self._thread.seek_to_committed()
        return {ensure_TP(tp): offset for tp, offset in found.items()}

    def progress(self, tp: TP) -> tuple[int, int]:
        return self._thread.progress(tp)

    def ask(self, fetching: Fetching) -> None:
        """What the broker is to wait for before it answers the next fetches."""
        self._thread.ask(fetching)

    async def stop_fetching(self, partitions: Iterable[TP]) -> None:
        await self._thread.stop_fetching(partitions)

    # --- commits -----------------------------------------------------------------------------------------------------

    def ack(self, message: Any) -> bool:
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        return None

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        owner = self.app.owner
        return iter(list(owner.committable()) if owner is not None else [])

    def _new_offset(self, tp: TP) -> int | None:
        owner = self.app.owner
        return owner.committable().get(tp) if owner is not None else None

    def committed_to(self, tp: TP) -> int | None:
        """What the group coordinator has last taken from us for this partition."""
        return self._taken.get(tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done: bool = await super()._commit(offsets)
        if done:  # Faust notes them as committed in either case
            self._taken.update(offsets)
        return done

    async def commit_now(self) -> None:
        """Commit what is durable at this moment, even where another commit is under way."""
        if not await self.commit():
            await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        if self.app.owner is not None and not self.app.should_stop:
            self.stop_flow()
            await self.app.owner.give_up(revoked)
            await self.commit_now()
            self.app.owner.gave_up()
        self._taken.clear()
        await super().on_partitions_revoked(revoked)
