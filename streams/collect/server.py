"""The server of `journeys collect`: a request in, a raw record on Kafka, then the answer.

An answer of yes means that Kafka has the record, acknowledged by all its replicas. Kafka away or slow is 503, too many
requests of a key 429, both with Retry-After, which SDKs and webhooks follow.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from streams.collect.doors import DOORS, Door, presented, raw, verbose
from streams.collect.limits import Rate
from streams.collect.signatures import SIGNED, Call, same
from streams.expect import ANYWHERE, expect

RETRY_S = 5
"""What a sender is told to wait while Kafka is away."""

BUSY = 64 * 1024 * 1024
"""Bytes on their way to Kafka above which nothing more is taken: a second's worth of a fast link."""

BODY_S = 30.0
"""A body has come within this, or its sender is sent away: who sends a byte a minute keeps a place for nothing."""

WEBHOOKS = "/webhooks/"

Write = Callable[[str, bytes], Awaitable[None]]
"""(topic, value): returns once Kafka has it. Raises OSError or TimeoutError where it has not, or may not have."""

log = structlog.get_logger()


class Key(NamedTuple):
    """A source's write key, or its webhooks' secret, and where its records go."""

    source: str
    secret: str
    topic: str


class KeysError(ValueError):
    """The keys are wrong; the message says which and what to write."""


def keys_of(told: str | None, topics: Mapping[str, str]) -> list[Key]:
    """`source:secret,…` as keys. `topics`: source -> topic. Raises KeysError."""
    found = []
    for item in (told or "").split(","):
        source, _, secret = item.strip().partition(":")
        if not source and not secret:
            continue
        if not secret:
            raise KeysError(
                f"JOURNEYS_COLLECT_KEYS: {source!r} has no key; write source:key, several with commas between"
            )
        if source not in topics:
            raise KeysError(
                f"JOURNEYS_COLLECT_KEYS names {source!r}, and no [[sources]] has that source: add its topic"
            )
        found.append(Key(source, secret, topics[source]))
    if not found:
        raise KeysError(
            "JOURNEYS_COLLECT_KEYS is empty: write source:key for each SDK or webhook, or nothing is let in"
        )
    return found


class Collector:
    """Answers requests. `now` is epoch seconds; `public_url` is where senders see us."""

    def __init__(
        self, keys: list[Key], write: Write, rate: int, public_url: str = "", now: Callable[[], float] = time.time
    ) -> None:
        self._keys, self._write, self._now = keys, write, now
        self._rate = Rate(rate)
        self._public_url = public_url.rstrip("/")
        self._busy = 0
        self._largest = 0

    def app(self, largest: int) -> web.Application:
        """The application; bodies above `largest` bytes are refused."""
        self._largest = largest
        app = web.Application(client_max_size=largest)
        app.router.add_get("/health", self._health, expect_handler=expect)
        app.router.add_route("OPTIONS", ANYWHERE, self._preflight, expect_handler=expect)
        app.router.add_route("*", ANYWHERE, self.post, expect_handler=expect)
        return app

    async def post(self, request: web.Request) -> web.Response:
        if request.method not in ("POST", "GET"):
            return refusal(405, "only POST is taken here")
        path = request.path.rstrip("/")
        door, webhook = DOORS.get(path), path.removeprefix(WEBHOOKS) if path.startswith(WEBHOOKS) else None
        if door is None and webhook is None:
            return refusal(404, f"there is no door {path}; doors are {', '.join(sorted(DOORS))} and {WEBHOOKS}SOURCE")
        if request.method == "GET" and (door is None or not door.query):
            return refusal(405, "only POST is taken here")
        try:
            body = await _body(request)
        except TimeoutError:
            return refusal(408, f"the body has not come within {BODY_S:.0f} s")
        except web.RequestPayloadError:
            return refusal(400, "the body is not packed as its Content-Encoding says, or not whole")
        except web.HTTPRequestEntityTooLarge:
            return refusal(413, self._too_large())
        except web.HTTPException as error:
            return refusal(error.status, error.reason)
        call = Call(request.method, self._public_url + request.path_qs, _lower(request.headers), body)
        key = self._known(door, webhook, call, request.query)
        if key is None:
            return refusal(401, "no key that is known, or no signature that is right")
        answered = await self._take(key, door, body)
        return (
            image()
            if door is not None and door.pixel and request.method == "GET" and answered.status < 300
            else answered
        )

    def _too_large(self) -> str:
        return (
            f"the body has more than {self._largest:,} bytes; send smaller batches, or raise `largest` of [collect] "
            "(JOURNEYS_COLLECT_LARGEST), and max.message.bytes of the topic with it"
        )

    def _known(self, door: Door | None, webhook: str | None, call: Call, query: Mapping[str, str]) -> Key | None:
        """The key that a call shows or was signed with."""
        sources = door.sources if door is not None else (webhook,)
        keys = [key for key in self._keys if key.source in sources]
        if webhook in SIGNED:
            return next((key for key in keys if SIGNED[webhook](call, key.secret, self._now())), None)
        for shown in presented(door, call.headers, query, call.body):
            for key in keys:
                if same(shown, key.secret):
                    return key
        return None

    async def _take(self, key: Key, door: Door | None, body: bytes) -> web.Response:
        wait = self._rate.take(f"{key.source}:{key.secret}", self._now())
        if wait:
            return refusal(429, "more requests than this key may send", ceil(wait))
        if not body.strip():
            return refusal(400, "the body is empty")
        try:
            value = raw(door, body)
        except TypeError:  # orjson's, which writes fewer levels than it reads
            return refusal(400, "the body is nested too deeply")
        if self._busy + len(body) > BUSY:
            return refusal(503, "Kafka is slower than what comes in", RETRY_S)
        self._busy += len(body)
        try:
            await self._write(key.topic, value)
        except (OSError, TimeoutError) as error:
            log.warning(
                "collect_not_written", source=key.source, topic=key.topic, error=str(error) or type(error).__name__
            )
            return refusal(503, "Kafka has not taken it", RETRY_S)
        finally:
            self._busy -= len(body)
        return answer(door, verbose(body))

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _preflight(self, request: web.Request) -> web.Response:
        """Browsers ask first whether a page may send here; the key says whether it may."""
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": "86400",
        }
        return web.Response(status=204, headers={**_ANY_ORIGIN, **allowed})


async def _body(request: web.Request) -> bytes:
    """What was sent, or the form in the address. Raises TimeoutError, RequestPayloadError or HTTPException."""
    if request.method == "GET":
        return request.rel_url.raw_query_string.encode()
    async with asyncio.timeout(BODY_S):
        return await request.read()


_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}


def answer(door: Door | None, in_full: bool) -> web.Response:
    """Yes, as the sender's SDK wants to hear it."""
    if door is not None and door.brief is not None and not in_full:
        return web.Response(text=door.brief, headers=_ANY_ORIGIN)
    if door is not None and door.answer is None:
        return web.Response(status=204, headers=_ANY_ORIGIN)
    return web.json_response({} if door is None else door.answer, headers=_ANY_ORIGIN)


PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent GIF of one pixel."""


def image() -> web.Response:
    """Yes, for who sends by showing an image. It must not be kept, or the next call would never come."""
    return web.Response(body=PIXEL, content_type="image/gif", headers={**_ANY_ORIGIN, "Cache-Control": "no-store"})


def refusal(status: int, what: str, retry: int | None = None) -> web.Response:
    """No, with why; `code` and `error` are where SDKs look."""
    told: dict[str, Any] = {"code": status, "error": what, "message": what}
    headers = _ANY_ORIGIN if retry is None else {**_ANY_ORIGIN, "Retry-After": str(max(1, retry))}
    return web.json_response(told, status=status, headers=headers)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """By lower-case name, as text that can be written again: bytes that are no UTF-8 come as half characters."""
    return {name.lower(): value.encode(errors="replace").decode() for name, value in headers.items()}
