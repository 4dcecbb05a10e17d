"""The board as a web application: addresses to pages, one look at ClickHouse for all who watch, errors as pages."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sinks.clickhouse import journey
from sinks.clickhouse.board import accounts, operations
from sinks.clickhouse.board.scope import Scope
from streams.board import charts, show
from streams.board.access import Access, protect
from streams.board.address import ATTRIBUTE, LASTING, Address
from streams.board.live import Live
from streams.board.store import Away, Store
from streams.board.subject import Subject

HERE = Path(__file__).parent
NAV = (("Overview", "/"), ("Accounts", "/accounts"), ("Journeys", "/journeys"), ("Operations", "/operations"))
EXPORTED = 200_000
"""Rows of a CSV file at most."""

WARN_S = 60.0
KEPT = 128
"""Pages remembered until something is stored: ten people who watch one page cost one reading."""


class Page(NamedTuple):
    """What a page comes to: its title, its template and what the template is given."""

    title: str
    template: str
    given: dict[str, Any]


class Missing(Exception):
    """There is no such account or user; the message says so."""


class Sheet(NamedTuple):
    """A table to be taken away: a name for the file, the columns, the rows."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


Builder = Callable[["Board", Address, dict[str, str]], Awaitable[Page]]
Exporter = Callable[["Board", Address, dict[str, str]], Awaitable[Sheet]]


class Board:
    """What every page has at hand."""

    def __init__(self, store: Store, subject: Subject, access: Access, live: Live | None = None) -> None:
        self.store, self.subject, self.access = store, subject, access
        self.live = live or Live(store)
        self._kept: dict[tuple[str, str], str] = {}
        self._templates = environment()
        self._warned: list[str] = []
        self._warned_at = -WARN_S

    def app(self) -> web.Application:
        """The application. Its clean-up ends the look at ClickHouse and closes the clients."""
        from streams.board.routes import add_routes

        app = web.Application(middlewares=[self.access.guard])
        app.on_response_prepare.append(protect)
        add_routes(app, self)
        app.cleanup_ctx.append(self._looking)
        return app

    async def _looking(self, _app: web.Application) -> AsyncIterator[None]:
        look = asyncio.create_task(self.live.run())
        yield
        look.cancel()
        with suppress(asyncio.CancelledError):
            await look
        self.store.close()

    async def now(self) -> int:
        """The newest event time on record, ms: what the data calls now. 0 where there is none."""
        return await self.store.ask(journey.newest_event) or 0

    def scope(self, at: Address, now: int, machines: Sequence[str] = ()) -> Scope:
        """The accounts that an address asks for, by attributes that the definition lets them carry."""
        return at.scope(now, machines, self.subject.attributes())

    async def choices(self) -> dict[str, list[str]]:
        """{filter, as an address has it: the values that accounts have}. Names are what the search is for."""
        others = [name for name in self.subject.attributes() if name not in (*LASTING, "name")]
        found = await self.store.ask(accounts.choices)
        texts = await self.store.ask(accounts.texts, others) if others else {}
        return {**found, **{ATTRIBUTE + name: texts[name] for name in others if name in texts}}

    async def warnings(self, now: int) -> list[str]:
        """What every visitor should hear; looked for once a minute, for it changes by the day."""
        from streams.board.pages.operations import matches, warnings

        if time.monotonic() - self._warned_at > WARN_S:
            self._warned = warnings(await matches(self, now), await self.store.ask(operations.pulse))
            self._warned_at = time.monotonic()
        return self._warned

    def page(self, build: Builder) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A page as a handler."""

        async def answer(request: web.Request) -> web.StreamResponse:
            at = Address.of(request.path, request.query)
            key = (str(request.rel_url), self.live.version)
            try:
                text = self._kept.get(key) if self.live.away is None and self.live.version else None
                if text is None:
                    text = self.render(at, await build(self, at, dict(request.match_info)))
                    self._remember(key, text)
                return html(text)
            except Missing as problem:
                return html(self.render(at, Page("Not found", "missing.html", {"what": str(problem)})), 404)
            except Away as problem:
                return html(self.render(at, Page("ClickHouse is away", "away.html", {"why": str(problem)})), 503)

        return answer

    def sheet(self, build: Exporter) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A table as a handler: CSV."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                found = await build(self, Address.of(request.path, request.query), dict(request.match_info))
            except Missing as problem:
                return web.Response(status=404, text=f"{problem}\n")
            except Away as problem:
                return web.Response(status=503, text=f"ClickHouse is away: {problem}\n")
            name = f'attachment; filename="{found.name}.csv"'
            return web.Response(
                text=as_csv(found), content_type="text/csv", charset="utf-8", headers={"Content-Disposition": name}
            )

        return answer

    def render(self, at: Address, page: Page) -> str:
        given = {"now": None, "warnings": [], **page.given}
        return self._templates.get_template(page.template).render(
            title=page.title, at=at, nav=NAV, subject=self.subject, **given
        )

    def _remember(self, key: tuple[str, str], text: str) -> None:
        if len(self._kept) >= KEPT or any(version != key[1] for _, version in self._kept):
            self._kept.clear()
        self._kept[key] = text


def environment() -> Environment:
    """The templates: everything that is put into one is escaped, and a name that is missing is an error."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for name in (
        "money",
        "number",
        "share",
        "day",
        "told_day",
        "clock",
        "duration",
        "ago",
        "words",
        "label",
        "value",
        "clears",
        "because",
    ):
        found.filters[name] = getattr(show, name)
    found.filters["lines"] = lambda rows: [charts.Line(*row) for row in rows]
    found.filters["month_names"] = lambda months: [f"{month:%b %y}" for month in months]
    found.filters["minutes"] = lambda minutes: [f"{minute:%H:%M}" for minute in minutes]
    found.globals.update(
        link=show.link, charts=charts, bar=charts.bar, stacks=charts.growth, month_labels=charts.numbers,
        habit_stacks=lambda counts: [[("way", n)] for n in counts],
        event_stacks=lambda rows: [[("way", row["events"])] for row in rows],
    )  # fmt: skip
    return found


def html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


def as_csv(sheet: Sheet) -> str:
    """RFC 4180. Text that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(sheet.columns)
    writer.writerows([[_cell(value) for value in row] for row in sheet.rows])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def moment(ms: int) -> datetime | None:
    """Milliseconds as ClickHouse's times come: UTC, without saying so."""
    return datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None) if ms else None
