"""Running the collector: settings to a server that stops when it is told to, with a producer that waits for all replicas."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from contextlib import suppress
from pathlib import Path

from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.collect.server import Collector, Key, KeysError, Write, keys_of
from streams.connection import client_options, reach_kafka
from streams.log import configure
from streams.settings import Collect, Settings, SettingsError, load_settings

ANSWER_S = 10.0
"""Kafka has this long to take a record: below the timeout of every SDK, which is 15 s for Segment's."""


STOP_S = 5.0
"""The producer has this long to say goodbye; with Kafka away it would wait for ever."""


def run_collect(path: Path | None) -> int:
    """Serve until a signal. Exit codes as of the workers: 0 stopped, 2 settings are wrong, 3 a topic is missing."""
    try:
        settings = load_settings(path)
        keys = keys_of(settings.collect.keys, {source.source: source.topic for source in reversed(settings.sources)})
        tls = tls_of(settings.collect)
    except (SettingsError, KeysError) as problem:
        print(f"journeys: {problem}", file=sys.stderr)
        return 2
    configure(settings.log, settings.level)
    return asyncio.run(serve(settings, keys, tls))


def tls_of(door: Collect) -> ssl.SSLContext | None:
    """What the settings' certificate and key come to; None without them. Raises SettingsError."""
    if not door.cert_file and not door.key_file:
        return None
    if not door.cert_file or not door.key_file:
        raise SettingsError("collect.cert_file and collect.key_file go together: name both, or none for plain HTTP")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(door.cert_file, door.key_file)
    except OSError as error:  # an SSLError is one too; its text says what is wrong with the PEM
        raise SettingsError(f"collect.cert_file {door.cert_file} with key_file {door.key_file}: {error}") from None
    return context


async def serve(settings: Settings, keys: list[Key], tls: ssl.SSLContext | None = None) -> int:
    """Connect, open the door, say so, and close it again on SIGTERM or SIGINT. Returns an exit code."""
    door, stopped = settings.collect, asyncio.Event()
    missing = await missing_topics(settings, {key.topic for key in keys})
    if missing:
        print(
            f"journeys: there is no topic {', '.join(missing)}; make it, or try `journeys topics --with-sources 4 --apply`",
            file=sys.stderr,
        )
        return 3
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=True, max_request_size=2 * door.largest
    )
    await producer.start()
    for number in (signal.SIGTERM, signal.SIGINT):  # until here, a signal ends the process as it always does
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    collector = Collector(keys, writing(producer), door.rate, door.public_url)
    runner = web.AppRunner(collector.app(door.largest), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, door.host, door.port, ssl_context=tls)
    await site.start()
    scheme, sources = "http" if tls is None else "https", ", ".join(sorted({key.source for key in keys}))
    print(f"collecting on {scheme}://{door.host}:{door.port} for {sources}", flush=True)
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()  # no new requests; those under way are answered
        with suppress(TimeoutError):  # what Kafka has not taken by now was answered with 503
            await asyncio.wait_for(producer.stop(), STOP_S)
    return 0


async def missing_topics(settings: Settings, names: set[str]) -> list[str]:
    """Those of the topics that Kafka does not have: a producer would wait for them, and every sender with it."""
    client = await reach_kafka(settings, lambda told: print(told, file=sys.stderr))
    try:
        cluster = await client.fetch_all_metadata()
        return sorted(names - cluster.topics(exclude_internal_topics=False))
    finally:
        await client.close()


def writing(producer: AIOKafkaProducer) -> Write:
    """Writes and waits. What Kafka refuses or does not answer in time is an OSError or a TimeoutError."""

    async def write(topic: str, value: bytes) -> None:
        try:
            await asyncio.wait_for(producer.send_and_wait(topic, value), ANSWER_S)
        except KafkaError as error:
            raise OSError(f"{type(error).__name__}: {error}") from None

    return write
