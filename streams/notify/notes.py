"""Notes on Kafka: what was told of each alert on each channel, on a compacted topic of its own, read back at each take-over."""

from __future__ import annotations

from typing import get_args, get_type_hints

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.connection import client_options
from streams.notify.desk import Note, Told
from streams.settings import Settings

_STATUSES = get_args(get_type_hints(Note)["status"])


def encode(told: Told, note: Note) -> tuple[bytes, bytes]:
    """(key, value) of one note."""
    opens, channel = told
    return f"{opens}/{channel}".encode(), orjson.dumps({"status": note.status, "detected_at": note.detected_at})


def decode(key: bytes | None, value: bytes | None) -> tuple[Told, Note] | None:
    """None for what is no note of ours, or a deleted one."""
    try:
        opens, _, channel = (key or b"").decode().partition("/")
        found = orjson.loads(value or b"")
        note = Note(found["status"], found["detected_at"])
    except (ValueError, KeyError, TypeError):
        return None
    return ((opens, channel), note) if channel and note.status in _STATUSES else None


class Notes:
    """The topic, for one notifier. Kafka's errors go through: the caller ends, and reads again when it is started."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._producer = AIOKafkaProducer(**client_options(settings), acks="all", enable_idempotence=True)

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def write(self, notes: dict[Told, Note]) -> None:
        """Returns when all are durable."""
        sent = [
            await self._producer.send(self._topic, value, key)
            for key, value in (encode(*pair) for pair in notes.items())
        ]
        for future in sent:
            await future

    async def read(self) -> dict[Told, Note]:
        """All there are, up to the topic's end as of now."""
        found: dict[Told, Note] = {}
        options = client_options(self._settings)
        async with AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
            partitions = [
                TopicPartition(self._topic, p)
                for p in consumer.partitions_for_topic(self._topic) or await _known(consumer, self._topic)
            ]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.update(pair for record in records if (pair := decode(record.key, record.value)) is not None)
        return found


async def _known(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer.topics()  # asks the broker; a consumer without a subscription knows no topic
    return consumer.partitions_for_topic(topic) or {0}
