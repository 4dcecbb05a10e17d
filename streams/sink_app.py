"""Sink app: its own Faust app and consumer group, from published and source topics into ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from functools import partial
from typing import Any, Final

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.sources.outcome import Failure, Skipped, Watermark
from sinks.clickhouse.connect import AddressError, connect
from sinks.clickhouse.retry import Refused, classify
from sinks.clickhouse.rows import stage_rows
from sinks.clickhouse.writer import ClickHouseWriter, Writer
from streams.app import NEVER_S, options
from streams.batch.app import BatchApp, Untouched
from streams.batch.consumer import Fetching
from streams.batch.fetch import Batch
from streams.delivery.contracts import Drop, Record
from streams.journey.users import Decoder
from streams.lanes import wall_ms
from streams.metrics import Metrics, Name
from streams.privacy import privacy
from streams.settings import Settings
from streams.sink import Sink
from streams.sink_assignment import Read
from streams.topics import PUBLISHED

UNHURRIED: dict[str, Any] = {"stream_processing_timeout": NEVER_S, "broker_commit_livelock_soft_timeout": NEVER_S}
"""Faust complains of partitions that stand still, each of them every second. Ours do while ClickHouse is away, which the
sink says itself."""

MUCH: Final = Fetching(min_bytes=1024 * 1024, max_wait_ms=200)
"""Rows are collected for half a second anyway. Of records that were fetched a few at a time each cost twice as much."""

OF_SINK: dict[str, Name] = {"rows": "journeys_sink_rows_total", "failure": "journeys_sink_failures_total"}
"""What only a sink counts."""


def sink_app(settings: Settings, definition: Definition) -> tuple[BatchApp, Sink]:
    """The app with its one agent, not started, and what owns its partitions."""
    app = BatchApp(settings.sink_group, **options(settings), **UNHURRIED)
    topics = {settings.prefix + name: name for name in PUBLISHED}
    reads = {source.topic: events_of(Decoder(definition, source.source)) for source in settings.sources}
    stages = stage_rows(definition, wall_ms())
    sink = Sink(app, topics, reads, stages, partial(writer_of, settings), settings.prefix)
    app.owner, app.fetching = sink, MUCH
    hide = privacy(settings).batch

    async def store(batches: AsyncIterable[Batch]) -> None:
        async for batch in batches:
            sink.hand_over(hide(batch))

    names = sorted(sink.batched)
    app.agent(app.topic(*names, schema=Untouched(), key_type=bytes, value_type=bytes, allow_empty=True), name="store")(
        store
    )
    return app, sink


def events_of(decoder: Decoder) -> Read:
    """Reads what the engine reads: what it excludes is not in the table either. What it cannot read is a dead letter
    of the engine's, and no row here."""
    router = decoder.router

    def judged(found: Event | Failure | Skipped) -> Event | Drop:
        if isinstance(found, Failure):
            return Drop(f"undecodable:{found.reason}")
        if isinstance(found, Skipped):
            return Drop(found.reason)
        excluded = router.excluded(router.selections.match(found))
        return found if excluded is None else Drop(f"excluded:{excluded}")

    def read(record: Record) -> list[Event | Drop]:
        return [judged(found) for found in decoder.events(record) if not isinstance(found, Watermark)]

    return read


def writer_of(settings: Settings) -> Writer:
    """Connects. Raises the sink's own errors."""
    where = settings.clickhouse
    try:
        return ClickHouseWriter(connect(where.url, where.database, **where.login("write")))
    except AddressError as problem:
        raise Refused(str(problem), "address") from None
    except Exception as error:
        raise classify(error) from error


async def watch_sink(sink: Sink, metrics: Metrics) -> None:
    """Figures and health, once a second, until cancelled. Raises Stalled, which ends the process."""
    while True:
        collect(sink, metrics)
        metrics.health.look(sink.standing(), sink.ready, sink.waits)
        metrics.health.must_live()
        await asyncio.sleep(1.0)


def collect(sink: Sink, metrics: Metrics) -> None:
    """Every figure as of now; what was counted is emptied."""
    for name, label in [key for key in sink.counts if key[0] in OF_SINK]:
        metrics.add(OF_SINK[name], sink.counts.pop((name, label)), label)
    metrics.take(sink.counts)
    metrics.set("journeys_sink_waiting_rows", sink.waiting_rows)
    metrics.set("journeys_sink_flush_seconds", sink.flush_seconds)
    metrics.forget(["journeys_committed_lag_records"])
    for topic, partition, behind in sink.lags():
        metrics.set("journeys_committed_lag_records", behind, topic, str(partition))
