"""Running the collector: settings to a server that stops when it is told to, with a producer that waits for all replicas."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.collect.server import Collector, KeysError, Write, keys_of
from streams.connection import client_options, reach_kafka
from streams.log import configure
from streams.settings import Settings, SettingsError, load_settings

ANSWER_S = 10.0
"""Kafka has this long to take a record: below the timeout of every SDK, which is 15 s for Segment's."""


def run_collect(path: Path | None) -> int:
    """Serve until a signal. Exit codes as of the workers: 0 stopped, 2 settings are wrong."""
    try:
        settings = load_settings(path)
        keys = keys_of(settings.collect.keys, {source.source: source.topic for source in reversed(settings.sources)})
    except (SettingsError, KeysError) as problem:
        print(f"journeys: {problem}", file=sys.stderr)
        return 2
    configure(settings.log, settings.level)
    asyncio.run(serve(settings, keys))
    return 0


async def serve(settings: Settings, keys: list[Any]) -> None:
    """Connect, open the door, say so, and close it again on SIGTERM or SIGINT."""
    door, stopped = settings.collect, asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await (await reach_kafka(settings, print)).close()
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=True, max_request_size=2 * door.largest
    )
    await producer.start()
    collector = Collector(keys, writing(producer), door.rate, door.public_url)
    runner = web.AppRunner(collector.app(door.largest), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, door.host, door.port)
    await site.start()
    print(
        f"collecting on http://{door.host}:{door.port} for {', '.join(sorted({key.source for key in keys}))}",
        flush=True,
    )
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()  # no new requests; those under way are answered
        await producer.stop()


def writing(producer: AIOKafkaProducer) -> Write:
    """Writes and waits. What Kafka refuses or does not answer in time is an OSError or a TimeoutError."""

    async def write(topic: str, value: bytes) -> None:
        try:
            await asyncio.wait_for(producer.send_and_wait(topic, value), ANSWER_S)
        except KafkaError as error:
            raise OSError(f"{type(error).__name__}: {error}") from None

    return write
