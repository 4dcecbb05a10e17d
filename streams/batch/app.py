"""App: a Faust app whose transport hands over whole batches and whose tables are recovered in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import faust
from faust.transport.drivers import aiokafka as driver

from streams.batch.consumer import AT_ONCE, BatchConsumer, Fetching
from streams.batch.fetch import BATCH_BYTES
from streams.batch.owner import Owner
from streams.batch.producer import BatchProducer
from streams.batch.recovery import BatchTableManager


class BatchTransport(driver.Transport):  # type: ignore[misc]
    Consumer = BatchConsumer
    Producer = BatchProducer


class Untouched(faust.Schema):  # type: ignore[misc]
    """Keys and values as they come: a whole batch is one value, and decoding is the lanes' work."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.key

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value


class BatchApp(faust.App):  # type: ignore[misc]
    """Overrides `_new_transport`, `_new_producer_transport` and `_create_directories`. Set `owner` and `fetching` before it starts."""

    owner: Owner | None = None
    fetching: Fetching = AT_ONCE
    failure: BaseException | None = None
    on_failure: Callable[[], None] | None = None
    on_leaving: Callable[[], None] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, TableManager=BatchTableManager, **{**REQUIRED, **options})

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """None: Faust's folders are for stores on disk. State is in Kafka, and the working directory may be read-only."""

    @property
    def batch_consumer(self) -> BatchConsumer:
        return cast(BatchConsumer, self.consumer)

    @property
    def batch_producer(self) -> BatchProducer:
        return cast(BatchProducer, self.producer)

    def fail(self, error: BaseException) -> None:
        """End the process: nothing may be published or committed after this."""
        if self.failure is None:
            self.failure = error
            self._failing = asyncio.create_task(self.crash(error))
            if self.on_failure is not None:
                self.on_failure()

    async def on_stop(self) -> None:
        """Called at SIGTERM while everything still runs: end what was begun and commit it, then stop."""
        if self.on_leaving is not None:
            self.on_leaving()
        consumer = self.batch_consumer if self._consumer is not None else None
        if self.owner is not None and consumer is not None and self.failure is None and not self.crashed:
            await self.owner.give_up(frozenset())
            await consumer.commit_now()
        await super().on_stop()

    def group_options(self) -> dict[str, Any]:
        """Options of a plain AIOKafkaConsumer of the same cluster."""
        transport = self.transport
        return {
            "bootstrap_servers": driver.server_list(transport.url, transport.default_port),
            **driver.credentials_to_aiokafka_auth(self.conf.broker_credentials, self.conf.ssl_context),
        }


REQUIRED = {
    "store": "journeys://",
    "table_standby_replicas": 0,  # standbys apply records one by one
    "stream_wait_empty": False,  # the owner ends what was begun; Faust waits for acks, which mean nothing here
    "stream_buffer_maxsize": 4,  # counts batches; how many wait is the owner's to say
    "topic_disable_leader": True,  # nothing here elects anybody
    "topic_allow_declare": True,  # the producer makes no topic (see BatchProducer), and Faust would warn at each
    "broker_commit_interval": 0.5,
    "consumer_max_fetch_size": BATCH_BYTES,  # of one partition: what is handed over at a time comes in one answer
    "broker_check_crcs": True,
    "cython_optimizations": False,
}
"""Settings that the whole-batch path needs as they are."""
