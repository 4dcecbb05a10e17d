"""Store: ClickHouse asked from an event loop, a few questions at a time; its absence is one error with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from queue import Empty, LifoQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.retry import classify

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 4
"""Questions under way; a page asks eight or so, and ClickHouse answers few at a time quicker than many."""


async def together(*questions: Awaitable[Any]) -> list[Any]:
    """The answers to several questions that wait for each other's turn, in order."""
    return list(await asyncio.gather(*questions))


class Away(Exception):
    """ClickHouse does not answer, or refuses; the message is for people."""


class Store:
    """Clients of one database, opened when needed and kept while they work."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._idle: LifoQueue[Client] = LifoQueue()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def ask(self, query: Callable[Concatenate[Client, P], T], /, *args: P.args, **named: P.kwargs) -> T:
        """What a query of sinks/clickhouse/board answers. Raises Away."""
        async with self._turn:
            return await asyncio.to_thread(self._ask, query, args, named)

    def _ask(self, query: Callable[..., T], args: tuple[Any, ...], named: dict[str, Any]) -> T:
        client = None
        try:
            client = self._client()
            found = query(client, *args, **named)
        except Exception as error:
            if client is not None:
                client.close()
            raise Away(str(classify(error))) from error
        self._idle.put(client)
        return found

    def _client(self) -> Client:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._connect()

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return
