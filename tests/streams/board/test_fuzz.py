"""Whatever is sent to the board, it answers: never a 500, always with its headers, and goes on."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import pytest
from aiohttp import web
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from streams.board import routes
from streams.board.access import HEADERS, Access
from streams.board.app import Board
from streams.board.store import Store
from streams.board.subject import Subject
from tests.fuzzing import Answer, Fuzzer, Request, ask, besiege, nothing_raised
from tests.streams.board.conftest import SAAS
from tests.streams.board.test_access import nobody

TOKEN = "secret-of-the-board"
PATHS = (
    "/", "/accounts", "/accounts.csv", "/alerts.csv", "/account/a-ashdown", "/account/a-ashdown/people.csv",
    "/account/a-ashdown/steps.csv", "/user/u", "/user/u/steps.csv",
    "/journeys", "/journeys.csv", "/operations", "/find", "/health", "/sign-in", "/sign-out", "/static/board.css", "/static/", "/nowhere",
)  # fmt: skip
QUERIES = (
    "q", "owner", "plan", "segment", "sort", "order", "page", "risk", "stage", "signal", "renews", "days", "people", "kind", "token",
    "attr.currency", "attr.name", "attr.mrr",
)  # fmt: skip
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SHOWN = (
    {}, {"Authorization": "Bearer \xff"}, {"Cookie": "journeys_board=\xff"}, {**BEARER, "Expect": "\xff"}, {**BEARER, "Range": "bytes=0-5"},
)  # fmt: skip
FORMS = (
    {}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"},
)  # fmt: skip
BODIES = (
    f"token={TOKEN}".encode(),
    b"token=%FF",
    b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\na\r\n--x--\r\n',
)


def protected(answer: Answer, request: Request) -> None:
    """What aiohttp says of bytes that are no HTTP never reaches the board, and has no headers of ours."""
    if answer.status not in (0, 400):
        for name, value in HEADERS.items():
            assert f"\r\n{name}: {value}\r\n" in answer.head, (answer.head, request.raw[:300])


ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "200"))


async def besieged(store: Store, fuzzer: Fuzzer, path: str) -> dict[int, int]:
    """Statuses by how often they came; `path` is answered with 200 in between."""
    runner = web.AppRunner(Board(store, Subject.of(load(SAAS)), Access(TOKEN)).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    async def good() -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        assert (await ask(port, Request(head.encode(), True))).status == 200

    try:
        with nothing_raised():
            return await besiege(port, fuzzer, ROUNDS, good, also=protected)
    finally:
        await runner.cleanup()


def test_the_board_answers_whatever_it_is_sent(
    company: Client, clickhouse: LocalClickHouse | ClickHouseAddress
) -> None:
    store = Store(partial(connect, clickhouse.url, company.database))
    fuzzer = Fuzzer(1, PATHS, QUERIES, BODIES, [BEARER, BEARER, BEARER, *SHOWN])
    statuses = asyncio.run(besieged(store, fuzzer, "/account/a-ashdown"))
    assert {200, 303, 400, 401, 404} <= statuses.keys(), statuses
    assert 503 not in statuses, "ClickHouse refused what a page asked"


def test_the_form_answers_whatever_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SLOW_S", 0)
    statuses = asyncio.run(
        besieged(Store(nobody), Fuzzer(3, ("/sign-in", "/sign-out"), QUERIES, BODIES, FORMS), "/health")
    )
    assert {303, 400, 401} <= statuses.keys(), statuses


def test_a_form_that_never_comes_to_its_end_counts_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SLOW_S", 0)
    monkeypatch.setattr(routes, "FORM_S", 0.2)

    async def half() -> None:
        app = Board(Store(nobody), Subject.of(load(SAAS)), Access(TOKEN)).app()
        runner = web.AppRunner(app, access_log=None, lingering_time=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        asked = f"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\ntoken={TOKEN}".encode()
        answer = await ask(runner.addresses[0][1], Request(asked, True))
        assert (answer.status, "Location: /sign-in?wrong=1" in answer.head) == (303, True)
        await runner.cleanup()

    asyncio.run(half())
