"""Access: who may look. A token, kept as a cookie after the first visit, or the name that a proxy in front has checked."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from aiohttp import web

COOKIE = "journeys_board"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every answer. Nothing is loaded from elsewhere, and nothing inline runs."""

OPEN = ("/sign-in", "/static/", "/health")
"""What anybody may see: the form, what it looks like, and whether the board runs."""


@dataclass(frozen=True)
class Access:
    """The token, and the header that a proxy at one of `proxies` (addresses) sets; "" is none."""

    token: str
    header: str = ""
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")

    @property
    def cookie(self) -> str:
        """What the cookie holds: not the token itself, which opens more boards than this browser's."""
        return hmac.new(self.token.encode(), b"journeys board", sha256).hexdigest()

    def knows(self, token: str) -> bool:
        return same(token, self.token)

    def lets_in(self, request: web.Request) -> bool:
        """Whether a request shows the cookie, the token as a bearer, or comes signed in through the proxy."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        return (
            same(request.cookies.get(COOKIE, ""), self.cookie)
            or (scheme.lower() == "bearer" and self.knows(bearer.strip()))
            or bool(self.header and request.headers.get(self.header) and request.remote in self.proxies)
        )

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who is not let in is sent to the form. A token in the address is taken out of it."""
        given = request.query.get("token", "")
        if given and request.method == "GET" and self.knows(given):
            return self.signed_in(request, str(request.rel_url.without_query_params("token")))
        if request.path.startswith(OPEN) or self.lets_in(request):
            return await handler(request)
        if request.headers.get("Accept", "").startswith("text/html"):
            raise web.HTTPSeeOther(door(str(request.rel_url.without_query_params("token")), bool(given)))
        return web.Response(status=401, text="sign in with the board's token, as a cookie or a bearer\n")

    def signed_in(self, request: web.Request, to: str) -> web.Response:
        """The way on, with the cookie: out of reach of scripts and of other sites, for thirty days."""
        answer = web.Response(status=303, headers={"Location": to})
        answer.set_cookie(
            COOKIE, self.cookie, max_age=30 * 86_400, httponly=True, samesite="Lax", secure=request.secure, path="/"
        )
        return answer


async def protect(_request: web.Request, answer: web.StreamResponse) -> None:
    """The headers above, on whatever the board answers, errors included."""
    answer.headers.update(HEADERS)


def door(to: str, wrong: bool = False) -> str:
    """The address of the form, which leads back to where somebody wanted to go."""
    query = {**({"wrong": "1"} if wrong else {}), **({"to": to} if to != "/" else {})}
    return f"/sign-in?{urlencode(query)}".rstrip("?")


def here(to: object) -> str:
    """An address of this board; the overview in the place of one that leads elsewhere."""
    return to if isinstance(to, str) and re.fullmatch(r"/(?![/\\])[^\\\x00-\x1f]*", to) else "/"


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing about where they differ."""
    return bool(other) and hmac.compare_digest(one.encode(errors="replace"), other.encode())
