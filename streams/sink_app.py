"""Sink app: its own Faust app and consumer group, from published and source topics into ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from functools import partial

from schemas.definition.model import Definition
from schemas.event import Event
from sinks.clickhouse.connect import AddressError, connect
from sinks.clickhouse.retry import Refused, classify
from sinks.clickhouse.writer import ClickHouseWriter, Writer
from streams.app import options
from streams.batch.app import BatchApp, Untouched
from streams.batch.fetch import Batch
from streams.delivery.contracts import Record
from streams.journey.users import Decoder
from streams.metrics import Growing, Metrics
from streams.settings import Settings
from streams.sink import Sink
from streams.topics import PUBLISHED


def sink_app(settings: Settings, definition: Definition) -> tuple[BatchApp, Sink]:
    """The app with its one agent, not started, and what owns its partitions."""
    app = BatchApp(settings.sink_group, **options(settings))
    topics = {settings.prefix + name: name for name in PUBLISHED}
    reads = {source.topic: events_of(Decoder(definition, source.source)) for source in settings.sources}
    sink = Sink(app, topics, reads, partial(writer_of, settings), settings.prefix)
    app.owner = sink

    async def store(batches: AsyncIterable[Batch]) -> None:
        async for batch in batches:
            sink.hand_over(batch)

    names = sorted(sink.batched)
    app.agent(app.topic(*names, schema=Untouched(), key_type=bytes, value_type=bytes, allow_empty=True), name="store")(
        store
    )
    return app, sink


def events_of(decoder: Decoder) -> Callable[[Record], list[Event]]:
    """Reads what the engine reads: what it excludes is not in the table either. What it cannot read is a dead letter
    of the engine's, and no row here."""
    router = decoder.router

    def read(record: Record) -> list[Event]:
        events = [found for found in decoder.events(record) if isinstance(found, Event)]
        return [event for event in events if router.excluded(router.selections.match(event)) is None]

    return read


def writer_of(settings: Settings) -> Writer:
    """Connects. Raises the sink's own errors."""
    where = settings.clickhouse
    try:
        return ClickHouseWriter(connect(where.url, where.database, where.password))
    except AddressError as problem:
        raise Refused(str(problem), "address") from None
    except Exception as error:
        raise classify(error) from error


async def watch_sink(sink: Sink, metrics: Metrics) -> None:
    """Figures, once a second, until cancelled."""
    growing = Growing()
    while True:
        collect(sink, metrics, growing)
        await asyncio.sleep(1.0)


def collect(sink: Sink, metrics: Metrics, growing: Growing) -> None:
    """Every figure as of now."""
    rows = {label: float(n) for (name, label), n in sink.counts.items() if name == "rows"}
    failures = {label: float(n) for (name, label), n in sink.counts.items() if name == "failure"}
    for table, added in growing.since("rows", rows):
        metrics.add("journeys_sink_rows_total", added, table)
    for kind, added in growing.since("failures", failures):
        metrics.add("journeys_sink_failures_total", added, kind)
    metrics.set("journeys_sink_waiting_rows", sink.waiting_rows)
    metrics.set("journeys_sink_flush_seconds", sink.flush_seconds)
    metrics.forget(["journeys_committed_lag_records"])
    for topic, partition, behind in sink.lags():
        metrics.set("journeys_committed_lag_records", behind, topic, str(partition))
