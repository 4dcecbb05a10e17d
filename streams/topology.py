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
from functools import partial
from typing import Any

from schemas.definition.model import Definition
from streams.batch.app import BatchApp, Untouched
from streams.batch.copies import Copies
from streams.batch.fetch import Batch
from streams.delivery.clock import ClockSettings
from streams.delivery.partition import Partitioner
from streams.delivery.settings import TaskSettings
from streams.engine import Engine
from streams.graph import Graph, Stage
from streams.journey.accounts import AccountsLogic
from streams.journey.users import Decoder, UsersLogic
from streams.settings import Settings
from streams.topics import ACCOUNTS_CHANGELOG, EVENTS, MEMBERS, PUBLISHED, USERS_CHANGELOG

Hide = Callable[[Batch], Batch]


def graph_of(settings: Settings, definition: Definition) -> Graph:
    """The topics and tasks of a definition."""
    p = settings.prefix
    partitioner = Partitioner()
    by_user = {source.topic: source.source for source in settings.sources if source.keyed_by == "user"}
    others = {source.topic: source.source for source in settings.sources if source.keyed_by is None}
    members = frozenset({MEMBERS}) if definition.account is not None else frozenset[str]()
    users = Stage(
        UsersLogic(definition, by_user, partial(partitioner.of, p + EVENTS), followed=bool(members)),
        "users",
        p + USERS_CHANGELOG,
        (p + EVENTS, *by_user),
        rekeyed=frozenset({p + EVENTS}),
        sends=members,
        strays=frozenset(
            {EVENTS}
        ),  # what one user tells another; a record that its producer put into the wrong partition
    )
    stages = [users]
    if definition.account is not None:
        topic = p + MEMBERS
        accounts = AccountsLogic(definition)
        stages.append(
            Stage(
                accounts, "accounts", p + ACCOUNTS_CHANGELOG, (topic,), rekeyed=frozenset({topic}),
                strays=frozenset({MEMBERS, EVENTS}),  # what one account tells another, and its members when it is erased
            )
        )  # fmt: skip
    return Graph(
        tuple(stages),
        {topic: Decoder(definition, source).route for topic, source in others.items()},
        sends=members | {EVENTS},
        publishes=frozenset(PUBLISHED),
        prefix=p,
        task=TaskSettings(
            definition=definition.digest,
            text=definition.text.encode(),
            clock=_clock(settings, definition),
            warm=settings.warm,
        ),
        max_skew=definition.clock.max_skew,
        exact=settings.clock.catch_up == "exact",
        until=settings.clock.until_ms,
        partitioner=partitioner,
        dead_letters=settings.dead_letters,
    )


def _clock(settings: Settings, definition: Definition) -> ClockSettings:
    wall = definition.clock.wall if settings.clock.wall is None else settings.clock.wall == "on"
    return ClockSettings(wall=wall and settings.clock.until is None, live_within=definition.clock.live_within)


def declare(
    app: BatchApp, graph: Graph, limit: int = 16_000, hide: Hide = lambda batch: batch, copies: Copies | None = None
) -> Engine:
    """Agents and tables of this graph on the app, and the engine that owns their partitions. `limit`, `copies`: see Engine;
    `hide`: what may be seen of a batch."""
    engine = Engine(app, graph, limit, copies)
    app.owner = engine
    if graph.routes:
        app.agent(_topic(app, sorted(graph.routes)), name="decode")(_hand_over(engine, hide))
    for stage in graph.stages:
        changelog = _topic(app, [stage.changelog], acks=False, internal=True)
        app.Table(stage.table, key_type=bytes, value_type=bytes, changelog_topic=changelog)
        app.agent(_topic(app, stage.inputs), name=stage.table)(_hand_over(engine, hide))
    return engine


def _hand_over(engine: Engine, hide: Hide) -> Callable[[AsyncIterable[Batch]], Coroutine[Any, Any, None]]:
    async def hand_over(batches: AsyncIterable[Batch]) -> None:
        async for batch in batches:
            engine.hand_over(hide(batch))

    return hand_over


def _topic(app: BatchApp, names: Sequence[str], **options: Any) -> Any:
    return app.topic(*names, schema=Untouched(), key_type=bytes, value_type=bytes, allow_empty=True, **options)
