"""What streams/batch relies on in faust-streaming and aiokafka: every private method it overrides or calls, by its source.

python -m tests.streams.batch.contracts      prints the table anew, after somebody has read what changed
"""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.protocol.struct import Struct
from aiokafka.protocol.types import Array, Bytes, Schema
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver

VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.6.0"}

OVERRIDDEN: dict[type[Any], tuple[str, ...]] = {
    AIOKafkaConnection: ("send", "_send_sasl_token"),
    driver.AIOKafkaConsumerThread: ("_create_worker_consumer", "verify_event_path"),
    driver.Consumer: ("_to_message", "_new_consumer_thread"),
    consumer.ThreadDelegateConsumer: ("_getmany", "_commit"),
    consumer.Consumer: (
        "perform_seek", "ack", "_add_gap", "_filter_tps_with_pending_acks", "_new_offset", "on_partitions_revoked",
    ),
    driver.Producer: ("_settings_extra", "create_topic"),
    Recovery: ("need_recovery", "_seek_offsets", "on_recovery_completed", "_resume_streams"),
    TableManager: ("recovery",),
    App: ("_new_transport", "_new_producer_transport", "_create_directories", "on_stop"),
}  # fmt: skip
"""Class -> methods that a subclass of ours replaces."""

RELIED_ON: dict[type[Any], tuple[str, ...]] = {
    AIOKafkaConnection: ("close", "connect"),
    Struct: ("encode",),
    Schema: ("encode",),
    Array: ("encode",),
    Bytes: ("encode",),
    driver.AIOKafkaConsumerThread: ("_fetch_records", "seek_to_committed"),
    driver.Producer: ("_ensure_producer",),
    consumer.Consumer: (
        "getmany", "_wait_next_records", "_should_commit", "_filter_committable_offsets", "_commit_offsets", "commit",
        "force_commit", "_drain_messages",
    ),
    Recovery: ("_restart_recovery",),
    App: ("_stop_consumer", "_on_partitions_revoked", "_on_partitions_assigned"),
    Fetcher: ("fetched_records", "_create_fetch_waiter", "_notify", "_get_actions_per_node"),
    FetchResult: ("check_assignment", "getall", "has_more"),
    PartitionRecords: (
        "_unpack_records", "_consumer_record", "_consume_aborted_up_to", "_contains_abort_marker", "__next__",
    ),
    MessageAccumulator: ("add_batch", "_append_batch", "_pop_batch"),
    MessageBatch: ("__init__", "remaining_linger", "set_producer_state", "get_data_buffer", "is_empty"),
    AIOKafkaProducer: ("send_batch",),
}  # fmt: skip
"""Class -> methods whose inner workings we take for granted."""

SOURCES = {
    "AIOKafkaConnection._send_sasl_token": "7a3d948fc526",
    "AIOKafkaConnection.close": "28f164aa1e4f",
    "AIOKafkaConnection.connect": "b0f9ba7f0cf6",
    "AIOKafkaConnection.send": "5909ea32f4ef",
    "AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f",
    "AIOKafkaConsumerThread._fetch_records": "39a2c6c79fc1",
    "AIOKafkaConsumerThread.seek_to_committed": "775ab0adc4b0",
    "AIOKafkaConsumerThread.verify_event_path": "b983e7735f64",
    "AIOKafkaProducer.send_batch": "bf42b0f0c5c0",
    "App._create_directories": "a9f571c3b04a",
    "App._new_producer_transport": "eb3b4aa6a896",
    "App._new_transport": "42db531312dd",
    "App._on_partitions_assigned": "de932b7927db",
    "App._on_partitions_revoked": "d5c895bbe57d",
    "App._stop_consumer": "55854a5de12c",
    "App.on_stop": "bfe5a933defb",
    "Array.encode": "26bc52f6c02a",
    "Bytes.encode": "ca5c8b815204",
    "Consumer._add_gap": "4df2573ded7c",
    "Consumer._commit_offsets": "1a6979904118",
    "Consumer._drain_messages": "44a2500309e8",
    "Consumer._filter_committable_offsets": "dc5e9baf5d99",
    "Consumer._filter_tps_with_pending_acks": "f6f923977423",
    "Consumer._new_consumer_thread": "0870ec53dea7",
    "Consumer._new_offset": "1d2c7ea89a7a",
    "Consumer._should_commit": "5ce941793947",
    "Consumer._to_message": "7c24f6511b2f",
    "Consumer._wait_next_records": "6218e1969a63",
    "Consumer.ack": "5fcf41cf4515",
    "Consumer.commit": "a354437baaa0",
    "Consumer.force_commit": "cc094614d22c",
    "Consumer.getmany": "4b168d84882a",
    "Consumer.on_partitions_revoked": "d04b7ae72c6f",
    "Consumer.perform_seek": "0e8c130ff4b0",
    "FetchResult.check_assignment": "b5340df67e3f",
    "FetchResult.getall": "3e717e30de50",
    "FetchResult.has_more": "a25ee8ab9340",
    "Fetcher._create_fetch_waiter": "61d840568746",
    "Fetcher._get_actions_per_node": "1dab2cf937d1",
    "Fetcher._notify": "d3a30d94f34f",
    "Fetcher.fetched_records": "be4348896b9b",
    "MessageAccumulator._append_batch": "4762abfc42cb",
    "MessageAccumulator._pop_batch": "41cc98a298ef",
    "MessageAccumulator.add_batch": "5ed1c5b1367a",
    "MessageBatch.__init__": "6fd2fe1c2df1",
    "MessageBatch.get_data_buffer": "81c4aaef84b0",
    "MessageBatch.is_empty": "2825b0028dbf",
    "MessageBatch.remaining_linger": "6f296891237b",
    "MessageBatch.set_producer_state": "3ae8627bb3db",
    "PartitionRecords.__next__": "63ac34a08c30",
    "PartitionRecords._consume_aborted_up_to": "56876530cd64",
    "PartitionRecords._consumer_record": "e668541600b0",
    "PartitionRecords._contains_abort_marker": "17e9ad2322ef",
    "PartitionRecords._unpack_records": "b803e6d46480",
    "Producer._ensure_producer": "5592a4bbdf25",
    "Producer._settings_extra": "a4c7bc41b638",
    "Producer.create_topic": "d2d406c4b9a4",
    "Recovery._restart_recovery": "6bd8a8558a2d",
    "Recovery._resume_streams": "d986a6710c1a",
    "Recovery._seek_offsets": "19598ca63d94",
    "Recovery.need_recovery": "fd1dc345b5d5",
    "Recovery.on_recovery_completed": "6ef567acf072",
    "Schema.encode": "0cf5f9852ba2",
    "Struct.encode": "ede5976c899d",
    "TableManager.recovery": "f0bf5de78b4c",
    "ThreadDelegateConsumer._commit": "a20eec84e4b2",
    "ThreadDelegateConsumer._getmany": "f9d47aa9010b",
}
"""`Class.method` -> the first 12 digits of the SHA-256 of its source."""


def found() -> dict[str, str]:
    """The same of what is installed."""
    tables = (*OVERRIDDEN.items(), *RELIED_ON.items())
    return {f"{kind.__qualname__}.{name}": digest(kind, name) for kind, names in tables for name in names}


def digest(kind: type[Any], name: str) -> str:
    method = inspect.getattr_static(kind, name)
    method = method.fget if isinstance(method, property) else getattr(method, "fun", method)  # mode wraps its tasks
    return hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:12]


if __name__ == "__main__":
    for name, text in sorted(found().items()):
        print(f'    "{name}": "{text}",')
