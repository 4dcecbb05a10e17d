"""Topology: the whole graph on one page, as Faust agents and tables.

    source topics ──▶ decode ──▶ events ──▶ users ──▶ members ──▶ accounts
                        │                     │ ▲                    │
                        └─▶ dead-letters      │ └─ sources keyed     ├─▶ transitions.account
                                              │    by user id        ├─▶ alerts
                                              ├─▶ transitions.user   └─▶ state.account
                                              └─▶ alerts, state.user

An agent here only hands a whole batch to its lane: `engine.py` says which, `lanes.py` what happens to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Sequence
from typing import Any

from streams.batch.app import BatchApp, Untouched
from streams.batch.fetch import Batch
from streams.engine import Engine
from streams.graph import Graph


def declare(app: BatchApp, graph: Graph) -> Engine:
    """Agents and tables of this graph on the app, and the engine that owns their partitions."""
    engine = Engine(app, graph)
    app.owner = engine
    if graph.routes:
        app.agent(_topic(app, sorted(graph.routes)), name="decode")(_hand_over(engine))
    for stage in graph.stages:
        changelog = _topic(app, [stage.changelog], acks=False, internal=True)
        app.Table(stage.table, key_type=bytes, value_type=bytes, changelog_topic=changelog)
        app.agent(_topic(app, stage.inputs), name=stage.table)(_hand_over(engine))
    return engine


def _hand_over(engine: Engine) -> Callable[[AsyncIterable[Batch]], Coroutine[Any, Any, None]]:
    async def hand_over(batches: AsyncIterable[Batch]) -> None:
        async for batch in batches:
            engine.hand_over(batch)

    return hand_over


def _topic(app: BatchApp, names: Sequence[str], **options: Any) -> Any:
    return app.topic(*names, schema=Untouched(), key_type=bytes, value_type=bytes, allow_empty=True, **options)
