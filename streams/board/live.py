"""Live: one look a second at whether anything was stored, and everybody who waits for it told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from sinks.clickhouse.board import overview
from streams.board.store import Away, Store

LOOK_S = 1.0
"""Between two looks: a person sees no difference to sooner."""

BEAT_S = 15.0
"""Something is sent at least so often, or proxies take the line for dead."""


class Live:
    """Whether ClickHouse answers, and what it held at the last look. Nobody looks while nobody watches."""

    def __init__(self, store: Store, look_s: float = LOOK_S) -> None:
        self._store = store
        self._look_s = look_s
        self._changed = asyncio.Condition()
        self._watched = asyncio.Event()
        self._watchers = 0
        self.version = ""
        self.away: str | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if not self._watchers:
                self.version, self.away = "", None  # of a while ago, so not known
                self._watched.clear()
                await self._watched.wait()
            try:
                await self._found(await self._store.ask(overview.version), None)
            except Away as problem:
                await self._found(self.version, str(problem))
            await asyncio.sleep(self._look_s)

    async def _found(self, version: str, away: str | None) -> None:
        if (version, away) == (self.version, self.away):
            return
        async with self._changed:
            self.version, self.away = version, away
            self._changed.notify_all()

    async def news(self) -> AsyncGenerator[str]:
        """What to send to a browser, as server-sent events: `fresh`, `away` with the reason, or a comment as a beat."""
        self._watchers += 1
        self._watched.set()
        told: tuple[str, str | None] = ("", None)
        try:
            while True:
                try:
                    await asyncio.wait_for(self._other_than(told), BEAT_S)
                except TimeoutError:
                    yield ": beat\n\n"
                    continue
                told = (self.version, self.away)
                yield self._event()
        finally:
            self._watchers -= 1

    async def _other_than(self, told: tuple[str, str | None]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: (self.version, self.away) != told)

    def _event(self) -> str:
        if self.away is not None:
            return f"event: away\ndata: {' '.join(self.away.split())}\n\n"
        return f"event: fresh\ndata: {self.version}\n\n"
