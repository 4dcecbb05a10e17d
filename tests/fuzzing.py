"""HTTP requests nobody should send: seeded, as raw bytes, for every door that we open; and what may come back."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, NamedTuple

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

ANSWER_S = 20.0
"""A whole request is answered within this, or the door hangs. It takes a millisecond; a busy machine takes seconds."""

BROKEN_S = 0.02
"""So long an answer is waited for to what is no whole request; then the sender goes."""

METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW", "M-SEARCH", "")
VERSIONS = ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9", "http/1.1", "")
PARTS = (
    "%00", "%ff", "%zz", "%", "%2e%2e%2f", "../", "//", "\\", ";", "?", "&", "#", "'", '"', "<script>", "{}", "%F0%9F%92%A9",
    "%C0%AF", "+", "%0d%0aSet-Cookie:x=1", "a" * 300, ":80", "@", "*", "%25s", "${x}", "%ED%A0%80", "%20", "%09", "%E2%80%A8",
)  # fmt: skip
WILD = (" ", "a" * 9_000, "ü", "\xff", "\x00", "\t", "\r")
"""What no address may hold."""

NUMBERS = ("0", "-1", "1", "50", "99999999999999999999", "1e9", "0x10", "٣", "²", "NaN", "")
VALUES = (
    "", "x", "\xff\xfe", "ü", "a" * 200, "bytes=0-", "*/*", "text/html", "text/html;q=nonsense", "W/\"x\"", "*",
    "Wed, 99 Nov 9999 99:99:99 GMT", "gzip", "deflate", "br", "zstd", "identity", "x-gzip, gzip", "websocket", "100-continue",
    "keep-alive, Upgrade", "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
    "multipart/form-data; boundary=x", "text/plain; charset=utf-7", "application/json; charset=nonsense", "Basic x", "Basic /w==",
    "Bearer \xff", "Bearer ", "Negotiate", "a=b; c", "=", "$Version=1", "127.0.0.1", "999.1.1.1", "[::1", "t=1,v1=0", "t=,v1=\xff",
    "sha1=\xff", "²",
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Type", "Content-Encoding", "Cookie", "Expect", "Range",
    "If-Modified-Since", "If-None-Match", "If-Range", "Origin", "Referer", "Upgrade", "Connection", "X-Forwarded-For",
    "X-Forwarded-User", "X-HTTP-Method-Override", "Stripe-Signature", "X-Hub-Signature", "X-Signature", "Forwarded", "Via",
    "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3", "Date", "X" * 200, "Sec-WebSocket-Key",
)  # fmt: skip
FRAMES = (
    b"Content-Length: -1\r\n", b"Content-Length: x\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Content-Length: 99999\r\n",
    b"Content-Length: 18446744073709551617\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"Content-Length: +1\r\n", b"\r\n",
    b"no colon\r\n", b" folded\r\n", b"\x00: x\r\n", b"X: \x00\r\n", "Ünicode: x\r\n".encode(), b": x\r\n", b"Accept : x\r\n",
    b"X: " + b"a" * 20_000 + b"\r\n",
)  # fmt: skip
"""Lines that say wrongly how long the body is, or are no header."""


NO_REQUEST = ("method", "version", "frame", "target")
"""With one of these wrong, a server may wait for more, or go without a word."""


class Request(NamedTuple):
    """Bytes, and whether they are a whole request, which has a claim to an answer."""

    raw: bytes
    whole: bool


class Fuzzer:
    """Makes requests for a door. `paths`: what it serves. `queries`: names that it reads. `bodies`: what it takes.
    `headers`: by which it lets in; some requests have them, so that they come past the guard."""

    def __init__(
        self, seed: int, paths: Sequence[str], queries: Sequence[str] = (), bodies: Sequence[bytes] = (),
        headers: Sequence[Mapping[str, str]] = ({},),
    ) -> None:  # fmt: skip
        self.luck = Random(seed)
        self._paths, self._queries, self._bodies, self._headers = paths, queries, bodies, headers

    def request(self) -> Request:
        luck, wild = self.luck, self.luck.choice(("", "", "", "", "", "method", "version", "frame", "target", "cut"))
        packing, body = self._packed(self._body())
        lines = [f"{name}: {value}" for name, value in luck.choice(self._headers).items()]
        lines += [f"{luck.choice(HEADERS)}: {luck.choice(VALUES)}" for _ in range(luck.choice((0, 0, 1, 2, 5)))]
        frame = luck.choice(FRAMES) if wild == "frame" else f"Content-Length: {len(body)}\r\n".encode()
        method = luck.choice(METHODS) if wild == "method" else "POST" if body else "GET"
        version = luck.choice(VERSIONS) if wild == "version" else "HTTP/1.1"
        target = self._target(luck.choice(self._paths)) + (luck.choice(WILD) if wild == "target" else "")
        head = f"{method} {target} {version}\r\nHost: door\r\n{packing}" + "".join(f"{line}\r\n" for line in lines)
        raw = head.encode("latin-1", "replace") + frame + b"\r\n" + body
        return (
            Request(raw[: luck.randrange(len(raw))], False) if wild == "cut" else Request(raw, wild not in NO_REQUEST)
        )

    def _target(self, path: str) -> str:
        luck = self.luck
        for _ in range(luck.choice((0, 0, 0, 1, 2))):
            at = luck.randint(0, len(path))
            path = path[:at] + luck.choice(PARTS) + path[at:]
        names = [luck.choice((*self._queries, "x", "")) for _ in range(luck.choice((0, 0, 1, 2, 4)))]
        query = "&".join(f"{name}={luck.choice((*PARTS, *NUMBERS))}" for name in names)
        target = f"{path}?{query}" if query else path
        return luck.choice((f"http://elsewhere{target}", "*", "door:443")) if luck.random() < 0.05 else target

    def _body(self) -> bytes:
        luck = self.luck
        kind = luck.randrange(8)
        if kind == 0 or not self._bodies:
            return b""
        body = luck.choice(self._bodies)
        if kind == 1:
            return luck.randbytes(luck.choice((1, 10, 1_000)))
        if kind == 2:
            depth = luck.choice((10, 200, 254, 255, 300, 1_023, 1_025, 100_000))
            return luck.choice((b"[" * depth + b"]" * depth, b'{"type":1,"a":' + b"[" * depth + b"]" * depth + b"}"))
        if kind == 3:
            return b"data=" + luck.choice((b"%FF", b"e30", b"=", b"%7B%7D", b"[", b"\xff", b"A" * 5_000))
        for _ in range(luck.choice((0, 0, 1, 3))):
            at = luck.randrange(len(body) + 1)
            piece = luck.choice((b"\x00", b"\xff", b'"', b"{", b"]", b"1e999", b"\\ud800", b"null", b"", b"\r\n"))
            body = body[:at] + piece + body[at + luck.randrange(4) :]
        return body

    def _packed(self, body: bytes) -> tuple[str, bytes]:
        """As it is, packed, packed wrongly, or a bomb: a hundred megabytes in a hundred kilobytes."""
        luck = self.luck
        kind = luck.randrange(12)
        if kind == 0:
            return "Content-Encoding: gzip\r\n", gzip.compress(body)
        if kind == 1:
            return f"Content-Encoding: {luck.choice(('gzip', 'deflate', 'br', 'zstd', 'x', ''))}\r\n", body
        if kind == 2:
            return "Content-Encoding: gzip\r\n", gzip.compress(body)[: luck.randint(0, 40)]
        if kind == 3 and luck.random() < 0.2:
            return "Content-Encoding: deflate\r\n", BOMB
        return "", body


def _bomb() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b"\x00" * (1 << 20)) for _ in range(100)) + packer.flush()


BOMB = _bomb()


class Answer(NamedTuple):
    """Status 0: none came, which only who sent no whole request may see."""

    status: int
    head: str


GO_ON = "HTTP/1.1 100 "


async def ask(port: int, request: Request) -> Answer:
    """Send it, read the head of the answer, go. Raises AssertionError where a whole request is not answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        with suppress(ConnectionError):  # it may refuse before it has read all
            writer.write(request.raw)
            await writer.drain()
        async with asyncio.timeout(ANSWER_S if request.whole else BROKEN_S):
            head = GO_ON
            while head.startswith(GO_ON):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except TimeoutError:
        assert not request.whole, f"not answered: {request.raw[:600]!r}"
        return Answer(0, "")
    except ConnectionError:
        return Answer(0, "")  # it answered and went before it had read the body, and the answer was lost on the way
    except asyncio.IncompleteReadError:
        assert not request.whole, f"not answered: {request.raw[:600]!r}"
        return Answer(0, "")
    finally:
        writer.transport.abort()
    status = head.split(" ", 2)[1]
    assert status.isdecimal(), head
    return Answer(int(status), head)


SAID_ALOUD = (HttpProcessingError, RequestPayloadError, ConnectionResetError)
"""What aiohttp writes to its log of requests that are none, of bodies that nobody reads, and of senders who went."""


@contextmanager
def nothing_raised(logger: str = "aiohttp.server") -> Any:
    """A server writes to its log what its handlers raise: here that fails. Yields what was told."""
    told: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if error is not None and not isinstance(error, SAID_ALOUD):
                told.append(f"{record.getMessage()}: {error!r}")

    handler = Listening()
    logging.getLogger(logger).addHandler(handler)
    try:
        yield told
    finally:
        logging.getLogger(logger).removeHandler(handler)
    assert not told, told[:3]


Good = Callable[[], Awaitable[None]]
Also = Callable[[Answer, Request], None]


async def besiege(
    port: int, fuzzer: Fuzzer, count: int, good: Good, also: Also = lambda answer, request: None
) -> dict[int, int]:
    """So many requests; how often each status came. `also`: what every answer must be. After each twentieth `good` must
    work. Of 500 and above only a 503 may come, which is a door's own word. Raises AssertionError."""
    statuses: dict[int, int] = {}
    for number in range(count):
        request = fuzzer.request()
        answer = await ask(port, request)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        assert answer.status < 500 or answer.status == 503, (answer.head[:300], request.raw[:600])
        also(answer, request)
        if number % 20 == 19:
            await good()
    return statuses
