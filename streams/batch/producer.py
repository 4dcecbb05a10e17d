"""Producer: Faust's Kafka producer, idempotent, in order, and with batches that we fill ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from faust.transport.drivers import aiokafka as driver

from streams.batch.topic_ids import Topic, describe_topics


class BatchProducer(driver.Producer):  # type: ignore[misc]
    """Overrides: `_settings_extra` (idempotent without transactions), `create_topic` (topics are planned, not made)."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """`journeys topics --apply` makes topics; a worker needs no right to."""

    def new_batch(self, size: int) -> BatchBuilder:
        """An empty Kafka record batch of at most `size` bytes (its first record may be larger)."""
        return BatchBuilder(size, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> Any:
        """A future of the batch's metadata; `offset` in it is that of its first record."""
        batch.close()
        return await self._ensure_producer().send_batch(batch, topic, partition=partition)

    async def describe(self, names: Iterable[str]) -> dict[str, Topic]:
        """{name: id and partition count} of the topics that exist."""
        return await describe_topics(self._ensure_producer().client, names)
