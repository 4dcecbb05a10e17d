"""Cases of what a source may hold: repetitions, poison, disorder, large records, gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from deploy.demo.engine import ONE
from tests.chaos.cases import case
from tests.chaos.history import Happened, shuffled
from tests.chaos.world import NoFault, World, until
from tests.streams.test_malformed import CANONICAL

LARGEST = 1_048_588 - 61 - 40
"""Bytes of a value that a topic takes by default: `max.message.bytes` less a batch's own and a record's own."""


@case("offsets-reset")
async def offsets_reset(world: World, luck: Random) -> None:
    """The groups' offsets are set back: everything is read again, and nothing comes of it."""
    worker, sink = world.worker(static=False).start(), world.sink(static=False).start()
    half = luck.randint(800, 2_000)
    await world.feed(world.story.events[:half], last=False)
    await until(lambda: _committed(world, half // 2), "half of it is committed", world.log)
    await asyncio.gather(worker.stop(), sink.stop())  # not static: they leave their groups
    again = sum([await _set_back(world, group, luck) for group in ("engine", "engine-sink")])
    if not again:
        raise NoFault("nothing had been committed")
    await world.feed(world.story.events[half:])
    world.heal()
    worker.start()
    sink.start()


async def _committed(world: World, wanted: int) -> bool:
    return await world.lag() <= wanted


async def _set_back(world: World, group: str, luck: Random) -> int:
    """By a part of what was read of the source; how many records that is."""
    topic, name = world.plan.source_topic, f"{world.plan.prefix}{group}"
    partitions = [TopicPartition(topic, p) for p in range(world.plan.partitions)]
    async with AIOKafkaConsumer(
        bootstrap_servers=world.plan.kafka, group_id=name, enable_auto_commit=False
    ) as consumer:
        consumer.assign(partitions)
        committed = {tp: await consumer.committed(tp) or 0 for tp in partitions}
        back = {tp: int(at * luck.choice((0, 0.3, 0.8))) for tp, at in committed.items()}
        await consumer.commit(back)
    return sum(committed[tp] - back[tp] for tp in partitions)


@case("events-repeated")
async def events_repeated(world: World, luck: Random) -> None:
    """The sender sends a third of its events twice or three times, soon after."""
    events: list[Happened] = []
    for event in world.story.events:
        events.append(event)
        while luck.random() < 0.3:
            events.insert(len(events) - luck.randrange(min(len(events), 5)), event)
    if len(events) < 1.2 * len(world.story.events):
        raise NoFault("hardly anything is there twice")
    world.worker().start()
    world.sink().start()
    world.heal()
    await world.feed(sorted(events, key=lambda event: event.at))


@case("poison")
async def poison(world: World, luck: Random) -> None:
    """Between the events there are records of every malformed kind; each is one dead letter, and hurts nobody else."""
    values = [value for value, reason in CANONICAL.values() if reason != "future" and len(value or b"") < 1_000_000]
    world.expected = replace(world.expected, dead=len(values))
    worker = world.worker().start(at=f"after-outputs:{luck.randint(2, 6)}" if luck.random() < 0.5 else "")
    world.sink().start()
    places = sorted(luck.sample(range(2_400), len(values)))
    async with AIOKafkaProducer(bootstrap_servers=world.plan.kafka, max_request_size=3_000_000) as producer:
        begun = 0
        for place, value in zip(places, luck.sample(values, len(values)), strict=True):
            await world.feed(world.story.events[begun:place], last=False) if place > begun else None
            key = luck.choice((None, b"poison", b"\xff")) if value is not None else b"poison"
            await producer.send_and_wait(world.plan.source_topic, value, key=key)
            begun = place
    await world.feed(world.story.events[begun:])
    world.supervise(worker)
    world.heal()


@case("out-of-order")
async def out_of_order(world: World, luck: Random) -> None:
    """Events arrive up to five minutes late, within the grace period; in half of the cases the engine is killed as well."""
    events = shuffled(world.story.events, world.seed)
    late = sum(one.at > other.at for one, other in pairwise(events))
    if late < 200:
        raise NoFault(f"only {late} are out of order")
    worker = world.worker().start(at=f"after-outputs:{luck.randint(3, 9)}" if luck.random() < 0.5 else "")
    world.sink().start()
    await feed_without_promises(world, events)
    async with world.feeder() as feeder:
        await feeder.promise(world.story.until)
    world.supervise(worker)
    world.heal()


async def feed_without_promises(world: World, events: Iterable[Happened], rate: float = 0) -> None:
    """Nobody promises that nothing earlier follows. `rate`: events a second; 0: as fast as it goes."""
    async with world.feeder() as feeder:
        for event in events:
            await feeder.send(ONE, event.user.encode(), event.line)
            if rate:
                await asyncio.sleep(1 / rate)


@case("large-records")
async def large_records(world: World, luck: Random) -> None:
    """Records as large as the broker takes: an event that is read, poison that is kept; one byte more is not taken at all."""
    chosen = set(luck.sample(range(len(world.story.events)), 3))
    world.expected = replace(world.expected, dead=1)
    world.worker().start()
    world.sink().start()
    async with AIOKafkaProducer(bootstrap_servers=world.plan.kafka, max_request_size=4_000_000) as producer:
        for n, event in enumerate(world.story.events):
            value, key = event.line, event.user.encode()
            if n in chosen:
                told = orjson.loads(value)
                told["properties"]["blob"] = "x" * (LARGEST - len(value) - len(key) - 20)
                value = orjson.dumps(told)
                assert LARGEST - 200 < len(value) <= LARGEST
            await producer.send(world.plan.source_topic, value, key=key)
        await producer.send_and_wait(world.plan.source_topic, b"?" * (LARGEST - 20), key=b"poison")
        try:
            await producer.send_and_wait(world.plan.source_topic, b"?" * (LARGEST + 100), key=b"poison")
        except MessageSizeTooLargeError:
            pass
        else:
            raise NoFault("the broker takes larger ones")
    async with world.feeder() as feeder:
        await feeder.promise(world.story.until)
    world.heal()


@case("gaps-in-the-source")
async def gaps_in_the_source(world: World, luck: Random) -> None:
    """The source is written in transactions, some of them aborted: offsets have gaps, and the lag goes back to nothing."""
    worker, events, aborted = world.worker().start(), list(world.story.events), 0
    world.sink().start()
    producer: Any = AIOKafkaProducer(bootstrap_servers=world.plan.kafka, transactional_id=f"{world.plan.prefix}sender")
    async with producer:
        while events:
            some = [events.pop(0) for _ in range(min(len(events), luck.randint(20, 200)))]
            if luck.random() < 0.4:
                await producer.begin_transaction()
                for n, event in enumerate(some[:20]):
                    ghost = event._replace(id=f"ghost{aborted}-{n}", name="up", amount=1_000_000)
                    await producer.send(world.plan.source_topic, ghost.line, key=event.user.encode())
                await producer.flush()
                await producer.abort_transaction()
                aborted += 1
            async with producer.transaction():
                for event in some:
                    await producer.send(world.plan.source_topic, event.line, key=event.user.encode())
        async with world.feeder() as feeder:
            await feeder.promise(world.story.until)
        async with producer.transaction():  # a marker is the last thing that the partitions hold
            for partition in range(world.plan.partitions):
                again = orjson.dumps({"type": "watermark", "at": world.story.until / 1000})
                await producer.send(world.plan.source_topic, again, partition=partition)
    if not aborted:
        raise NoFault("no transaction was aborted")
    world.heal()
    assert worker.running
