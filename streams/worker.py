"""Worker: an engine, a sink, or a command about their topics and tables, from settings to an exit code.

Exit codes: 0 done or stopped by a signal, 1 something failed on the way, 2 settings or definition are wrong, 3 the
topics or tables do not fit, 4 a server does not answer, 5 a source has too many dead letters. Each other than 0 comes
with a reason on stderr.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from faust import Worker
from rich.console import Console
from rich.table import Table

from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition
from schemas.definition.parse import load
from sinks.clickhouse.connect import AddressError, connect
from sinks.clickhouse.migrate import MigrationError, migrate
from sinks.clickhouse.retry import classify
from streams import memory
from streams.app import engine_app
from streams.batch import connection
from streams.batch.app import BatchApp
from streams.batch.topic_ids import describe_topics
from streams.connection import reach_kafka
from streams.dead_limit import TooManyDead
from streams.log import configure, say
from streams.metrics import Metrics
from streams.settings import Settings, SettingsError, load_settings
from streams.topics import TopicPlan, TopicsError, apply, check, plan
from streams.watch import watch

OK, FAILED, WRONG_SETTINGS, WRONG_TOPICS, NO_ANSWER, TOO_MANY_DEAD = 0, 1, 2, 3, 4, 5

STOP_S = 10.0
"""A worker that failed and has not ended after this is ended."""

LEAVE_S = 15.0
"""A worker that was told to end and has not after this is ended: the drain takes at most five, and the group and its
offsets answer at once or not at all. What was not committed is read again by the next owner."""


def run_engine(path: Path | None) -> int:
    """An engine worker, until a signal or a failure."""
    return _guarded(_engine, path)


def run_sink(path: Path | None) -> int:
    """A sink worker, until a signal or a failure."""
    return _guarded(_sink, path)


def run_topics(path: Path | None, apply: bool = False, with_sources: int = 0, quiet: bool = False) -> int:
    """Make what is missing if asked to, then check, then show."""
    return _guarded(lambda settings: _at_once(_topics(settings, apply, with_sources, quiet)), path)


def run_migrate(path: Path | None, quiet: bool = False) -> int:
    """Bring ClickHouse's tables and views up to date."""
    return _guarded(lambda settings: _migrate(settings, quiet), path)


def _at_once(coroutine: Coroutine[Any, Any, int]) -> int:
    """In a thread of its own: the caller, a test or the demo, may be inside an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _guarded(role: Callable[[Settings], int], path: Path | None) -> int:
    """Run a role; what went wrong becomes one message and a code."""
    try:
        return role(load_settings(path))
    except (SettingsError, DefinitionErrors, AddressError) as problem:
        return _say(problem, WRONG_SETTINGS)
    except (TopicsError, MigrationError) as problem:
        return _say(problem, WRONG_TOPICS)
    except OSError as problem:
        return _say(problem, NO_ANSWER)
    except KeyboardInterrupt:
        return OK


def _say(problem: object, code: int) -> int:
    say(problem)
    return code


# --- engine and sink ---------------------------------------------------------------------------------------------------


def definition_of(settings: Settings) -> Definition:
    """The definition that the settings name. Raises SettingsError or DefinitionErrors."""
    path = settings.definition_path
    if not path.is_file():
        raise SettingsError(f"there is no definition {settings.definition}; write a path, saas or community")
    return load(path)


def _engine(settings: Settings) -> int:
    configure(settings.log, settings.level)
    definition = definition_of(settings)
    asyncio.run(_checked(settings))
    app = engine_app(settings, definition)
    metrics = Metrics(settings.metrics_port)
    memory.for_entities()
    return run(app, lambda: watch(app.owner, metrics))  # type: ignore[arg-type]  # the owner of an engine app is one


def _sink(settings: Settings) -> int:
    from streams.sink_app import sink_app, watch_sink

    configure(settings.log, settings.level)
    definition = definition_of(settings)
    asyncio.run(_checked(settings))
    metrics = Metrics(settings.metrics_port + 1 if settings.metrics_port else 0)
    app, sink = sink_app(settings, definition)
    memory.for_rows()
    return run(app, lambda: watch_sink(sink, metrics))


async def _checked(settings: Settings) -> None:
    """Wait for Kafka as long as it takes; then the topics must fit."""
    client = await reach_kafka(settings, say)
    try:
        planned = plan(settings)
        check(planned, await describe_topics(client, [topic.name for topic in planned]))
    finally:
        await client.close()


def run(app: BatchApp, beside: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a Faust app until a signal (0) or a failure (1, with its reason). `beside` runs as long as it does."""
    app.task(beside)
    logging.getLogger("mode").setLevel(logging.CRITICAL)  # it prints each failure three times, and we once
    connection.install()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # the consumer's thread makes a loop of its own
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(app, loop=loop, loglevel="WARN", override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it draws on terminals and into files alike
    app.on_failure = lambda: _end_within(STOP_S, "it failed", _code_of(app.failure))
    app.on_leaving = partial(_end_within, LEAVE_S, "it was told to end")
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else FAILED
    except BaseException as error:
        app.failure, code = app.failure or error, FAILED
    reason = app.failure or app.crash_reason or worker.crash_reason
    if reason is None:
        return code
    return _say(reason if isinstance(reason, TooManyDead) else f"{type(reason).__name__}: {reason}", _code_of(reason))


def _code_of(failure: BaseException | None) -> int:
    return TOO_MANY_DEAD if isinstance(failure, TooManyDead) else FAILED


def _end_within(seconds: float, why: str, code: int = FAILED) -> None:
    """Everything is stopped in order; should that hang, the process ends all the same, with this code."""

    def end() -> None:
        _say(f"{why}, and did not end within {seconds:.0f} s: something does not answer", code)
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


# --- commands ----------------------------------------------------------------------------------------------------------


async def _topics(settings: Settings, make: bool, with_sources: int, quiet: bool) -> int:
    client = await reach_kafka(settings, print, patience_s=0 if not make else 10)
    try:
        made = await apply(settings, client, with_sources) if make else []
        planned = plan(settings, with_sources)
        there = await describe_topics(client, [topic.name for topic in planned])
    finally:
        await client.close()
    if not quiet:
        _show(planned, {name: topic.partitions for name, topic in there.items()}, made)
    check(planned, there)
    return OK


def _show(planned: list[TopicPlan], partitions: dict[str, int], made: list[str]) -> None:
    table = Table("topic", "partitions", "kept", "", box=None)
    for topic in planned:
        count = partitions.get(topic.name)
        state = "made now" if topic.name in made else "there" if count else "missing"
        kept = topic.configs.get("cleanup.policy") or ("by retention" if topic.ours else "as its owner says")
        table.add_row(topic.name, str(count or topic.partitions or "?"), kept, state)
    Console().print(table)


def _migrate(settings: Settings, quiet: bool) -> int:
    where = settings.clickhouse
    try:
        client = connect(where.url, None, **where.login("migrate"))
    except AddressError:
        raise
    except Exception as error:
        raise ConnectionError(f"no ClickHouse answers at {where.url.split('@')[-1]}: {classify(error)}") from None
    applied = migrate(client, where.database, (lambda text: None) if quiet else print)
    client.close()
    if not quiet:
        print(f"ClickHouse database {where.database}: {applied} migrations applied" if applied else "nothing to do")
    return OK
