"""Whatever is sent to the board, it answers: never a 500, always with its headers, and goes on."""

from __future__ import annotations

import asyncio
import os
from functools import partial

from aiohttp import web
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from streams.board.access import HEADERS, Access
from streams.board.app import Board
from streams.board.store import Store
from streams.board.subject import Subject
from tests.fuzzing import Answer, Fuzzer, Request, ask, besiege, nothing_raised
from tests.streams.board.conftest import SAAS

TOKEN = "secret-of-the-board"
PATHS = (
    "/", "/accounts", "/accounts.csv", "/account/a-ashdown", "/account/a-ashdown/people.csv", "/user/u", "/user/u/steps.csv",
    "/journeys", "/journeys.csv", "/operations", "/find", "/health", "/sign-in", "/sign-out", "/static/board.css", "/static/", "/nowhere",
)  # fmt: skip
QUERIES = (
    "q", "owner", "plan", "segment", "sort", "order", "page", "risk", "stage", "signal", "renews", "days", "people", "kind", "token",
)  # fmt: skip
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SHOWN = (
    {}, {"Authorization": "Bearer \xff"}, {"Cookie": "journeys_board=\xff"}, {**BEARER, "Expect": "\xff"}, {**BEARER, "Range": "bytes=0-5"},
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


def test_the_board_answers_whatever_it_is_sent(
    company: Client, clickhouse: LocalClickHouse | ClickHouseAddress
) -> None:
    fuzzer = Fuzzer(1, PATHS, QUERIES, BODIES, [BEARER, BEARER, BEARER, *SHOWN])

    async def besieged() -> None:
        store = Store(partial(connect, clickhouse.url, company.database))
        runner = web.AppRunner(Board(store, Subject.of(load(SAAS)), Access(TOKEN)).app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]

        async def good() -> None:
            head = f"GET /account/a-ashdown HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            assert (await ask(port, Request(head.encode(), True))).status == 200

        with nothing_raised():
            statuses = await besiege(port, fuzzer, ROUNDS, good, also=protected)
        assert {200, 303, 400, 401, 404} <= statuses.keys(), statuses
        assert 503 not in statuses, "ClickHouse refused what a page asked"
        await runner.cleanup()

    asyncio.run(besieged())
