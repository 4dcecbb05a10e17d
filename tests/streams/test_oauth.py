"""Bearer tokens from an issuer: asked once while one lives, by client credentials, and no secret in what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from aiokafka.errors import KafkaConnectionError

from deploy.local.process import free_port
from streams.oauth import Tokens
from streams.settings import KafkaSecurity

SECRET = "s3cret-of-the-client"


def with_issuer(answer: Any, status: int, scenario: Callable[[KafkaSecurity, list[Any]], Awaitable[None]]) -> None:
    """Runs a scenario beside a real issuer, which writes down what it is asked."""

    async def run() -> None:
        asked: list[Any] = []

        async def issue(request: web.Request) -> web.Response:
            asked.append((BasicAuth.decode(request.headers["Authorization"]), dict(await request.post())))
            return web.json_response(answer, status=status)

        app = web.Application()
        app.router.add_post("/token", issue)
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{port}/token"
        try:
            await scenario(KafkaSecurity(token_url=url, client_id="me", client_secret=SECRET, scope="kafka"), asked)
        finally:
            await runner.cleanup()

    asyncio.run(run())


def test_a_token_is_asked_by_client_credentials_and_kept_until_most_of_its_life_is_over() -> None:
    async def scenario(kafka: KafkaSecurity, asked: list[Any]) -> None:
        now = [0.0]
        tokens = Tokens(kafka, lambda: now[0])
        assert [await tokens.token(), await tokens.token()] == ["t-1", "t-1"]
        ((auth, form),) = asked
        assert (auth.login, auth.password, form) == (
            "me",
            SECRET,
            {"grant_type": "client_credentials", "scope": "kafka"},
        )
        now[0] = 79.0
        await tokens.token()
        assert len(asked) == 1
        now[0] = 81.0
        await tokens.token()
        assert len(asked) == 2

    with_issuer({"access_token": "t-1", "expires_in": 100}, 200, scenario)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ({"error": "x"}, 401, "answered 401"),
        ({}, 200, "without an access_token"),
        ([1], 200, "without an access_token"),
    ],
)
def test_an_issuer_that_gives_none_is_told_without_the_secret(answer: Any, status: int, says: str) -> None:
    async def scenario(kafka: KafkaSecurity, asked: list[Any]) -> None:
        with pytest.raises(KafkaConnectionError) as caught:
            await Tokens(kafka).token()
        assert says in str(caught.value)
        assert SECRET not in str(caught.value) + repr(kafka)

    with_issuer(answer, status, scenario)


def test_a_file_that_is_gone_is_named() -> None:
    with pytest.raises(KafkaConnectionError, match="the token file /none/such cannot be read"):
        asyncio.run(Tokens(KafkaSecurity(token_file="/none/such")).token())
