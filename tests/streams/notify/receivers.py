"""The other side: a mail server and a webhook on ports of this machine, in threads of their own, that keep what they get."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
import threading
import time
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from typing import Any, NamedTuple

import orjson
from aiohttp import web
from aiosmtpd.controller import Controller

from deploy.local.process import free_port


class Mailbox:
    """An SMTP server. `refuse` makes it say no to that many mails first."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.receivers: list[list[str]] = []
        self.refuse = 0
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 come again"
        self.mails.append(message_from_bytes(envelope.content))
        self.receivers.append(list(envelope.rcpt_tos))
        return "250 taken"

    @property
    def keys(self) -> list[str]:
        return [str(mail["Idempotency-Key"]) for mail in self.mails]

    def subjects(self) -> list[str]:
        return [str(make_header(decode_header(mail["Subject"]))) for mail in self.mails]

    def __enter__(self) -> Mailbox:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


class Post(NamedTuple):
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    at: float
    """Seconds of a clock that only goes on."""
    path: str = ""
    """With what stands behind the question mark."""

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]

    @property
    def told(self) -> Any:
        return orjson.loads(self.body)

    def genuine(self, secret: str) -> bool:
        """As a receiver would check it: not old, and signed over time and body."""
        parts = dict(part.split("=", 1) for part in self.headers["Journeys-Signature"].split(","))
        wanted = hmac.new(secret.encode(), parts["t"].encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return abs(time.time() - int(parts["t"])) < 300 and hmac.compare_digest(wanted, parts["v1"])


class Hook:
    """A webhook. `answers`: statuses to give before the usual one; `hold`: keep requests waiting, unanswered, while it is set.

    It takes every path, so that it can stand for a vendor, who says `ok` (Slack's word) with 200 or 202.
    """

    def __init__(self, usual: int = 204, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.port = free_port()
        self._usual, self._tls = usual, tls
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts"

    @property
    def keys(self) -> list[str]:
        return [post.key for post in self.posts]

    async def _take(self, request: web.Request) -> web.Response:
        self.posts.append(Post(dict(request.headers), await request.read(), time.monotonic(), request.path_qs))
        while self.hold.is_set() and not self._stop.is_set():
            await asyncio.sleep(0.02)
        status = self.answers.pop(0) if self.answers else self._usual
        return web.Response(status=status, text=None if status == 204 else "ok")

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self._tls).start()
        self._ready.set()
        await asyncio.to_thread(self._stop.wait)
        await runner.cleanup()

    def __enter__(self) -> Hook:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
