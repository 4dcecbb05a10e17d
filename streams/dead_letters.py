"""Dead letters in Kafka: read back, and sent to where they came from, once each, with a note of what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.deadletter import DeadLetter
from streams.connection import client_options
from streams.delivery.dead import TOPIC
from streams.delivery.outgoing import MOST_BYTES
from streams.settings import Settings, duration_ms
from streams.topics import EVENTS, MEMBERS, PUBLISHED

NOTES = "dead-letters-replayed"
"""Logical name of the topic that says what was sent: key is a dead letter's id. Made by the first replay, and kept as long
as dead letters are, so that a note outlives its letter."""

MARK = "replayed"
"""Header of a record that was sent again: the id of its dead letter."""

AT_ONCE = 500
"""Records sent before their notes are written: what may be sent twice where a replay is killed in between."""

SEND_S = 30.0


class Found(NamedTuple):
    """A dead letter, and when (ms) it was put on its topic."""

    letter: DeadLetter
    at: int


class Note(NamedTuple):
    """What is known of a letter that was sent again: when (ms), and to which topic."""

    at: int
    to: str


@dataclass(frozen=True)
class Filter:
    """None takes all. Times in ms, of when the letter was put aside; `since` is within, `until` is not."""

    reason: str | None = None
    topic: str | None = None
    since: int | None = None
    until: int | None = None
    ids: frozenset[str] = frozenset()

    def takes(self, found: Found) -> bool:
        letter = found.letter
        return (
            self.reason in (None, letter.reason)
            and self.topic in (None, letter.topic)
            and (self.since is None or found.at >= self.since)
            and (self.until is None or found.at < self.until)
            and (not self.ids or letter.id in self.ids)
        )


class Sending(NamedTuple):
    """A record to send, and the letters that it settles: the items of one record have a letter each."""

    to: str
    letter: DeadLetter
    ids: tuple[str, ...]


@dataclass
class Plan:
    """What a replay will do, by letters. `ours`: they come from a topic of ours, and are not sent without a topic given."""

    sendings: list[Sending] = field(default_factory=list)
    sent_before: int = 0
    ours: int = 0


def plan(found: Iterable[Found], notes: Mapping[str, Note], settings: Settings, to: str | None, again: bool) -> Plan:
    """One sending for each record of a source, in the order in which its letters were put aside."""
    made = Plan()
    own = {settings.prefix + name for name in (EVENTS, MEMBERS, *PUBLISHED)}
    records: dict[tuple[str, int, int], list[DeadLetter]] = {}
    known: set[str] = set()
    for letter in (one.letter for one in found):
        if letter.id in known:  # a copy: the worker died between sending it and saying so
            continue
        known.add(letter.id)
        if letter.id in notes and not again:
            made.sent_before += 1
        elif to is None and letter.topic in own:
            made.ours += 1
        else:
            records.setdefault((letter.topic, letter.partition, letter.offset), []).append(letter)
    made.sendings = [
        Sending(to or letters[0].topic, letters[0], tuple(letter.id for letter in letters))
        for letters in records.values()
    ]
    return made


class DeadLetters:
    """`async with DeadLetters(settings) as kafka`. Raises KafkaError and OSError where Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = client_options(settings)
        self._consumer = AIOKafkaConsumer(**self._options, enable_auto_commit=False, auto_offset_reset="earliest")
        self._admin = AIOKafkaAdminClient(**self._options)

    async def __aenter__(self) -> DeadLetters:
        try:
            await self._consumer.start()
            await self._admin.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def read(self, wanted: Filter, unreadable: list[int] | None = None) -> AsyncIterator[Found]:
        """Those wanted, in the order of their partitions. Raises LookupError where there is no such topic.

        A record that is no dead letter is left out; `unreadable` hears its offset.
        """
        topic = self._settings.prefix + TOPIC
        if topic not in await self._consumer.topics():
            raise LookupError(f"there is no topic {topic}: make ours with `journeys topics --apply`")
        async for record in self._records(topic):
            try:
                found = Found(DeadLetter.from_record(record.key, record.value, record.headers), record.timestamp)
            except ValueError:
                if unreadable is not None:
                    unreadable.append(record.offset)
                continue
            if wanted.takes(found):
                yield found

    async def notes(self) -> dict[str, Note]:
        """{id of a letter: its last note}."""
        topic = self._settings.prefix + NOTES
        if topic not in await self._consumer.topics():
            return {}
        found = {}
        async for record in self._records(topic):
            told = orjson.loads(record.value)
            found[record.key.decode()] = Note(told["at"], told["to"])
        return found

    async def missing(self, topics: Iterable[str]) -> list[str]:
        return sorted(set(topics) - await self._consumer.topics())

    async def send(self, sendings: Sequence[Sending], now: int) -> tuple[int, list[str]]:
        """(how many records were sent and noted, why others were not)."""
        await self._make_notes()
        producer = AIOKafkaProducer(
            **self._options, acks="all", enable_idempotence=True, max_request_size=MOST_BYTES + 65_536
        )
        await producer.start()
        sent, refused = 0, list[str]()
        try:
            for begin in range(0, len(sendings), AT_ONCE):
                part = sendings[begin : begin + AT_ONCE]
                answers = await asyncio.gather(*(self._send(producer, one) for one in part), return_exceptions=True)
                done = [one for one, answer in zip(part, answers, strict=True) if not isinstance(answer, BaseException)]
                refused += [f"{a}" or type(a).__name__ for a in answers if isinstance(a, BaseException)]
                await self._note(producer, done, now)
                sent += len(done)
        finally:
            await producer.stop()
        return sent, refused

    async def _send(self, producer: AIOKafkaProducer, one: Sending) -> None:
        """Where it came from it goes back to its partition: whoever keyed the record knew why."""
        letter = one.letter
        headers = [*(pair for pair in letter.headers if pair[0] != MARK), (MARK, letter.id.encode())]
        partitions = await producer.partitions_for(one.to)
        partition = letter.partition if one.to == letter.topic and letter.partition in partitions else None
        sending = producer.send_and_wait(one.to, letter.value, key=letter.key, partition=partition, headers=headers)
        await asyncio.wait_for(sending, SEND_S)

    async def _note(self, producer: AIOKafkaProducer, done: Sequence[Sending], now: int) -> None:
        topic = self._settings.prefix + NOTES
        notes = [
            producer.send_and_wait(topic, orjson.dumps({"at": now, "to": one.to}), key=name.encode())
            for one in done
            for name in one.ids
        ]
        await asyncio.gather(*notes)

    async def _make_notes(self) -> None:
        name = self._settings.prefix + NOTES
        if name in await self._consumer.topics():
            return
        kept = {"retention.ms": str(duration_ms(self._settings.retention))}
        new = NewTopic(name, 1, self._settings.replication, topic_configs=kept)
        for _, code, message in (await self._admin.create_topics([new])).topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise KafkaError(f"topic {name} could not be made: {message or for_code(code).__name__}")

    async def _records(self, topic: str) -> AsyncIterator[Any]:
        """Every record of a topic up to its end of now."""
        (told,) = await self._admin.describe_topics([topic])
        tps = [TopicPartition(topic, number) for number in sorted(p["partition"] for p in told["partitions"])]
        ends = await self._consumer.end_offsets(tps)
        self._consumer.assign(tps)
        await self._consumer.seek_to_beginning(*tps)
        while any([await self._consumer.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await self._consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record
