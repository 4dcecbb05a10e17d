"""The small journey on Faust, as its documentation would have it: an agent, a table, a topic for what comes out."""

from __future__ import annotations

import os
from typing import Any

import faust

from tests.bench.faust_settings import FASTEST
from tests.bench.small.journey import advance, fresh

app = faust.App(
    os.environ.get("BENCH_NAME", "bench"),
    broker=f"kafka://{os.environ.get('BENCH_KAFKA', '127.0.0.1:9092')}",
    topic_partitions=int(os.environ.get("BENCH_PARTITIONS", "4")),
    **FASTEST,
)
source = app.topic(os.environ.get("BENCH_SOURCE", "bench-source"), key_type=str, key_serializer="raw")
changes = app.topic(os.environ.get("BENCH_OUT", "bench-out"), key_type=str, key_serializer="raw")
users = app.Table("users", partitions=app.conf.topic_partitions)


@app.agent(source)
async def follow(events: faust.Stream[dict[str, Any]]) -> None:
    """Each user's stage, from its events."""
    async for event in events:
        name = event["userId"]
        state = users.get(name) or fresh()
        for change in advance(state, event):
            await changes.send(key=name, value=change)
        users[name] = state
