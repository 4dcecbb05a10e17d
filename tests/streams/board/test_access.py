"""Who may look, and what every answer carries; over HTTP, on a board whose ClickHouse is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from clickhouse_connect.driver.client import Client
from yarl import URL

from deploy.local.process import free_port
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from streams.board.access import COOKIE, HEADERS, Access
from streams.board.app import Board, Sheet, as_csv
from streams.board.store import Store
from streams.board.subject import Subject
from tests.streams.board.conftest import SAAS

TOKEN = "secret-of-the-board"


def nobody() -> Client:
    return connect(f"http://127.0.0.1:{free_port()}")


def asked(
    ask: Callable[[TestClient], Awaitable[None]], header: str = "", proxies: tuple[str, ...] = ("127.0.0.1",)
) -> None:  # type: ignore[type-arg]
    """Ask a board of its own."""

    async def run() -> None:
        board = Board(Store(nobody), Subject.of(load(SAAS)), Access(TOKEN, header, proxies))
        async with TestClient(TestServer(board.app())) as client:
            await ask(client)

    asyncio.run(run())


async def get(client: TestClient, path: str, **headers: str) -> ClientResponse:  # type: ignore[type-arg]
    return await client.get(
        path, allow_redirects=False, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.mark.parametrize(
    "path", ["/", "/accounts", "/accounts.csv", "/account/a", "/user/u", "/operations", "/live", "/find?q=a"]
)
def test_nothing_is_shown_to_who_is_not_signed_in(path: str) -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        person = await get(client, path, Accept="text/html")
        led = URL(person.headers["Location"])
        assert (person.status, led.path, led.query.get("to", "/")) == (303, "/sign-in", path)
        assert (await get(client, path, Accept="*/*")).status == 401
        for wrong in (f"{TOKEN}x", TOKEN[:-1], ""):
            assert (await get(client, path, Accept="*/*", Authorization=f"Bearer {wrong}")).status == 401
            assert (await get(client, path, Accept="*/*", Cookie=f"{COOKIE}={wrong}")).status == 401

    asked(ask)


def test_a_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        answer = await get(client, f"/accounts?risk=at_risk&token={TOKEN}")
        assert (answer.status, answer.headers["Location"]) == (303, "/accounts?risk=at_risk")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert TOKEN not in cookie
        assert (await get(client, "/accounts", Accept="text/html")).status == 503  # signed in; ClickHouse is away
        await client.post("/sign-out")
        assert (await get(client, "/accounts", Accept="text/html")).status == 303

    asked(ask)


def test_the_form_takes_the_token_and_nothing_else() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        wrong = await client.post("/sign-in", data={"token": "guess"}, allow_redirects=False)
        assert wrong.headers["Location"] == "/sign-in?wrong=1"
        assert "Set-Cookie" not in wrong.headers
        right = await client.post("/sign-in", data={"token": TOKEN}, allow_redirects=False)
        assert right.headers["Location"] == "/"
        assert COOKIE in right.headers["Set-Cookie"]

    asked(ask)


def test_who_followed_a_link_is_led_back_to_it_and_nowhere_else() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        form = await get(client, "/sign-in?to=%2Faccounts%3Frisk%3Dat_risk", Accept="text/html")
        assert 'name="to" value="/accounts?risk=at_risk"' in await form.text()
        for to, leads in (
            ("/account/a%20b?people=all", "/account/a%20b?people=all"), ("//elsewhere.example", "/"), ("/\\elsewhere.example", "/"),
            ("https://elsewhere.example/", "/"), ("javascript:alert(1)", "/"), ("/a\r\nSet-Cookie: x=1", "/"), ("", "/"),
        ):  # fmt: skip
            right = await client.post("/sign-in", data={"token": TOKEN, "to": to}, allow_redirects=False)
            assert right.headers["Location"] == leads
        wrong = await client.post("/sign-in", data={"token": "guess", "to": "/accounts"}, allow_redirects=False)
        assert wrong.headers["Location"] == "/sign-in?wrong=1&to=%2Faccounts"

    asked(ask)


def test_a_bearer_token_lets_programs_in() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        answer = await get(client, "/accounts.csv", Authorization=f"Bearer {TOKEN}")
        assert answer.status == 503
        assert (await answer.text()).startswith("ClickHouse is away: ")

    asked(ask)


def test_a_proxys_header_is_believed_from_the_proxy_alone() -> None:
    async def ask(client: TestClient, status: int = 503) -> None:  # type: ignore[type-arg]
        assert (await get(client, "/", Accept="text/html", X_Forwarded_User="ines")).status == status
        assert (await get(client, "/", Accept="text/html")).status == 303

    async def refused(client: TestClient) -> None:  # type: ignore[type-arg]
        await ask(client, 303)

    asked(ask, "X-Forwarded-User")
    asked(refused, "X-Forwarded-User", ("10.0.0.1",))
    asked(refused)  # no header is configured


def test_every_answer_has_the_headers_and_nothing_can_be_changed() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        for path in ("/", "/sign-in", "/static/board.css", "/nowhere", "/accounts.csv"):
            answer = await get(client, path, Authorization=f"Bearer {TOKEN}")
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            answer = await client.request(method, "/accounts", headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status in (404, 405)

    asked(ask)


def test_what_comes_from_outside_is_escaped() -> None:
    async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
        for path in (
            "/nowhere/%3Cscript%3Ealert(1)%3C/script%3E",
            "/accounts?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        ):
            text = await (await get(client, path, Authorization=f"Bearer {TOKEN}")).text()
            assert "<script>alert" not in text

    asked(ask)


def test_a_cell_is_no_formula_and_commas_stay_in_their_cell() -> None:
    text = as_csv(Sheet("x", ["a", "b"], [["=HYPERLINK(1)", 'one, "two"'], ["-1+2", None], ["plain", 3]]))
    assert text.splitlines() == ["a,b", '\'=HYPERLINK(1),"one, ""two"""', "'-1+2,", "plain,3"]
