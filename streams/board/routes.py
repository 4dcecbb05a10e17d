"""Routes: which address is which page."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from urllib.parse import parse_qs

from aiohttp import web

from streams.board.access import COOKIE, Handler, door, here
from streams.board.address import Address
from streams.board.app import HERE, Board, Missing, Page, html
from streams.board.pages import account, accounts, find, journeys, operations, overview, user
from streams.expect import ANYWHERE, expect

SLOW_S = 0.5
"""A wrong token is answered after this, so that trying them takes for ever."""

FORM_S = 10.0
"""The form has come within this, or it counts as empty."""


def add_routes(app: web.Application, board: Board) -> None:
    """Every address. All but signing in and out is GET: there is nothing to be changed."""
    add = partial(app.router.add_get, expect_handler=expect)
    add("/", board.page(overview.page))
    add("/alerts.csv", board.sheet(overview.sheet))
    add("/accounts", board.page(accounts.page))
    add("/accounts.csv", board.sheet(accounts.sheet))
    add("/account/{id}", board.page(account.page))
    add("/account/{id}/people.csv", board.sheet(account.sheet))
    add("/account/{id}/steps.csv", board.sheet(account.steps))
    add("/user/{id}", board.page(user.page))
    add("/user/{id}/steps.csv", board.sheet(user.sheet))
    add("/journeys", board.page(journeys.page))
    add("/journeys.csv", board.sheet(journeys.sheet))
    add("/operations", board.page(operations.page))
    add("/find", board.page(find.page))
    add("/live", _live(board))
    add("/health", _health)
    add("/sign-in", _form(board))
    app.router.add_post("/sign-in", _sign_in(board), expect_handler=expect)
    app.router.add_post("/sign-out", _sign_out, expect_handler=expect)
    app.router.add_static("/static/", HERE / "static", expect_handler=expect)
    app.router.add_route("*", ANYWHERE, board.page(_nowhere), expect_handler=expect)


async def _nowhere(_board: Board, at: Address, _match: dict[str, str]) -> Page:
    raise Missing(f"There is no page {at.path}.")


async def _health(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _live(board: Board) -> Handler:
    async def live(request: web.Request) -> web.StreamResponse:
        """Server-sent events, until the browser goes."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await answer.prepare(request)
        async with aclosing(board.live.news()) as news:
            with suppress(ConnectionResetError):
                async for event in news:
                    await answer.write(event.encode())
        return answer

    return live


def _form(board: Board) -> Handler:
    async def form(request: web.Request) -> web.StreamResponse:
        page = Page("Sign in", "sign_in.html", {"wrong": "wrong" in request.query, "to": here(request.query.get("to"))})
        return html(board.render(Address.of("/sign-in", {}), page))

    return form


def _sign_in(board: Board) -> Handler:
    async def sign_in(request: web.Request) -> web.StreamResponse:
        given, to = await _told(request)
        if board.access.knows(given):
            return board.access.signed_in(request, to)
        await asyncio.sleep(SLOW_S)
        return web.Response(status=303, headers={"Location": door(to, wrong=True)})

    return sign_in


async def _told(request: web.Request) -> tuple[str, str]:
    """The token in the form, and where its reader wanted to go; "" and the overview for what no form of ours sends."""
    try:
        async with asyncio.timeout(FORM_S):
            told = parse_qs((await request.read()).decode("ascii", "replace"), max_num_fields=4)
    except (TimeoutError, ValueError, web.HTTPException, web.RequestPayloadError):
        return "", "/"
    return told.get("token", [""])[0].strip(), here(told.get("to", ["/"])[0])


async def _sign_out(_request: web.Request) -> web.StreamResponse:
    answer = web.Response(status=303, headers={"Location": "/sign-in"})
    answer.del_cookie(COOKIE, path="/")
    return answer
