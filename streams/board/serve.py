"""Serving the board: settings to a server that stops when it is told to, with its address and token said aloud."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from functools import partial
from pathlib import Path

from aiohttp import web

from schemas.definition.errors import DefinitionErrors
from schemas.definition.parse import load
from sinks.clickhouse.connect import AddressError, connect
from streams.board.access import Access
from streams.board.app import Board
from streams.board.store import Store
from streams.board.subject import Subject
from streams.settings import Settings, SettingsError, load_settings

STOP_S = 2.0
"""Open pages have this long to hear that the board ends; they connect again by themselves."""


def run_board(path: Path | None, host: str | None = None, port: int | None = None) -> int:
    """Serve until a signal. Exit codes as of the workers: 0 stopped, 2 settings or definition are wrong, 4 the port is taken."""
    try:
        settings = load_settings(path)
        if not settings.definition_path.is_file():
            raise SettingsError(f"there is no definition {settings.definition}; write a path, saas or community")
        subject = Subject.of(load(settings.definition_path))
    except (SettingsError, DefinitionErrors, AddressError) as problem:
        print(f"journeys: {problem}", file=sys.stderr)
        return 2
    where = settings.board
    try:
        return asyncio.run(serve(settings, subject, host or where.host, where.port if port is None else port))
    except OSError as problem:
        print(f"journeys: the board cannot listen there: {problem.strerror or problem}", file=sys.stderr)
        return 4


async def serve(settings: Settings, subject: Subject, host: str, port: int) -> int:
    """Listen, say where, and end on SIGTERM or SIGINT. Port 0 is any that is free."""
    token = settings.board.token or secrets.token_urlsafe(18)
    told, stopped = settings.clickhouse, asyncio.Event()
    access = Access(token, settings.board.proxy_header, tuple(settings.board.proxies.split()))
    board = Board(Store(partial(connect, told.url, told.database, **told.login("read"))), subject, access)
    runner = web.AppRunner(board.app(), access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        print(f"board       {address(runner, host)}{'' if settings.board.token else f'/?token={token}'}", flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()
    return 0


def address(runner: web.AppRunner, host: str) -> str:
    """Where it listens, as a browser on this machine would write it."""
    port = runner.addresses[0][1]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
