"""Writing: rows into ClickHouse from threads of their own, which can be left behind in the middle of a call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sinks.clickhouse.deliver import Bad, deliver
from sinks.clickhouse.retry import SinkError, Unavailable
from sinks.clickhouse.writer import Writer

Rows = Sequence[tuple[Any, ...]]


class Writing:
    """The way to ClickHouse of one assignment of partitions; one write at a time.

    Each write has a thread, and a daemon: an insert may hang for a minute, and neither the end of the process nor the
    next assignment, which connects anew, may wait for it. Rows that one left behind stores late are written again with
    the same keys and versions, so they do no harm.

    connect  makes a Writer; called in the thread, again after a failure. Raises a SinkError
    told     hears of each failure and how often this write had failed before; called in the event loop
    """

    def __init__(self, connect: Callable[[], Writer], told: Callable[[SinkError, int], None]) -> None:
        self._writer = Connecting(connect)
        self._told = told
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    async def write(self, tables: Mapping[str, Rows]) -> dict[str, list[Bad]]:
        """Returns what ClickHouse cannot store of each table, when all else is stored, however long that takes.

        Raises Stopped after `hurry`, Refused where waiting is useless.
        """
        if not tables:
            return {}
        loop = asyncio.get_running_loop()
        landing: asyncio.Future[dict[str, list[Bad]]] = loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(tables, loop, landing), name="clickhouse", daemon=True
        )  # fmt: skip
        self._thread.start()
        return await landing

    def hurry(self) -> None:
        """A write under way may end; one that fails is not tried again."""
        self._hurry.set()

    def close(self) -> None:
        """Nothing more is written. A client that is still at it is left to its thread."""
        self.hurry()
        if self._thread is None or not self._thread.is_alive():
            self._writer.close()

    def _run(
        self, tables: Mapping[str, Rows], loop: asyncio.AbstractEventLoop, landing: asyncio.Future[dict[str, list[Bad]]]
    ) -> None:
        def tell(problem: SinkError, attempt: int) -> None:
            _call(loop, self._told, problem, attempt)

        try:
            bad = {table: deliver(self._writer, table, rows, self._pause, tell) for table, rows in tables.items()}
        except Exception as error:
            _call(loop, _land, landing, {}, error)
        else:
            _call(loop, _land, landing, bad, None)

    def _pause(self, seconds: float) -> bool:
        return not self._hurry.wait(seconds)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with suppress(RuntimeError):  # the loop has ended meanwhile: nobody is there to be told
        loop.call_soon_threadsafe(function, *arguments)


def _land(landing: asyncio.Future[Any], found: Any, error: Exception | None) -> None:
    if landing.done():  # whoever waited was cancelled
        return
    if error is None:
        landing.set_result(found)
    else:
        landing.set_exception(error)


class Connecting:
    """A Writer that connects when it is needed, and anew after ClickHouse was away."""

    def __init__(self, connect: Callable[[], Writer]) -> None:
        self._connect = connect
        self._writer: Writer | None = None

    def write(self, table: str, rows: Rows) -> None:
        if self._writer is None:
            self._writer = self._connect()
        try:
            self._writer.write(table, rows)
        except Unavailable:
            self.close()
            raise

    def ping(self) -> None:
        if self._writer is None:
            self._writer = self._connect()
        self._writer.ping()

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
