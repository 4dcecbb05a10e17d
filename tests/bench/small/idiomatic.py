"""The small journey on Faust, as its documentation would have it: an agent, a table, a topic for what comes out."""

from __future__ import annotations

import os
from typing import Any

import faust

from tests.bench.small.journey import advance, fresh

app = faust.App(
    os.environ.get("BENCH_NAME", "bench"),
    broker=f"kafka://{os.environ.get('BENCH_KAFKA', '127.0.0.1:9092')}",
    store="memory://",
    topic_partitions=int(os.environ.get("BENCH_PARTITIONS", "4")),
    table_standby_replicas=0,
    broker_commit_every=10_000,
    broker_max_poll_records=500,
    producer_linger=0.1,  # s: its 0 sends nearly each record by itself, at a third more CPU
    producer_max_batch_size=512 * 1024,
    web_enabled=False,
    cython_optimizations=True,
)
source = app.topic(os.environ.get("BENCH_SOURCE", "bench-source"), key_type=str, key_serializer="raw")
changes = app.topic(os.environ.get("BENCH_OUT", "bench-out"), key_type=str, key_serializer="raw")
users = app.Table("users", partitions=app.conf.topic_partitions)


@app.on_configured.connect
def unbounded(app: faust.App, conf: Any, **kwargs: Any) -> None:
    """The producer's buffer of 100 records stalls an agent that sends two a message."""
    app.producer.buffer.max_messages = 10_000


@app.agent(source)
async def follow(events: faust.Stream[dict[str, Any]]) -> None:
    """Each user's stage, from its events."""
    async for event in events:
        name = event["userId"]
        state = users.get(name) or fresh()
        for change in advance(state, event):
            await changes.send(key=name, value=change)
        users[name] = state
