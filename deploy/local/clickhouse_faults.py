"""Faults: a door of its own beside the local ClickHouse, through which its answers are made to fail. There when asked for.

    GET    /faults   [{what, when, times, skip, match, seconds, code, happened}, …]
    POST   /faults   one of these, or what of it is not the default
    DELETE /faults   all are forgotten, and what hangs goes on

On loopback only, and without a password: whoever reaches it can end the server.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Middleware

What = Literal["drop", "error", "delay", "hang", "kill"]
When = Literal["before", "after"]
Text = Callable[[web.Request], Awaitable[bytes]]
"""The head of the statement that a request brings."""


@dataclass
class Fault:
    """What goes wrong with the next statements.

    what     drop the connection with a reset, answer with an error, answer late, not answer at all, kill the process
    when     before or after the statement was applied
    times    statements that it happens to; 0: all, until it is taken away
    skip     statements that pass before it begins
    match    only those whose text holds this, such as `INSERT INTO` or the name of a table
    seconds  how late; of a hang, how long at most (0: until it is taken away)
    code     of the error; 252 (TOO_MANY_PARTS) is one that passes by itself
    """

    what: What
    when: When = "before"
    times: int = 1
    skip: int = 0
    match: str = "INSERT INTO"
    seconds: float = 0.0
    code: int = 252
    happened: int = 0

    def __post_init__(self) -> None:
        if self.what not in get_args(What) or self.when not in get_args(When):
            raise ValueError(f"a fault is one of {get_args(What)}, {get_args(When)}; not {self.what!r}, {self.when!r}")

    def meets(self, text: bytes) -> bool:
        """Whether it happens to this statement; it is counted then."""
        if self.match.encode() not in text or (self.times and self.happened >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.happened += 1
        return True


class Faults:
    """All that are set, as a middleware of the server and as the door's own application."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._set: list[Fault] = []
        self._cleared = asyncio.Event()

    def middleware(self) -> Middleware:
        @web.middleware
        async def faulty(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            text = await self._text(request)
            met = [fault for fault in self._set if fault.meets(text)]
            for fault in met:
                if fault.when == "before" and (answer := await self._do(fault, request)) is not None:
                    return answer
            answer = await handler(request)
            for fault in met:
                if fault.when == "after":
                    answer = await self._do(fault, request) or answer
            return answer

        return faulty

    async def _do(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """Let it happen; the answer, where it makes one."""
        match fault.what:
            case "drop":
                _reset(request)
                return web.Response()  # to nobody
            case "error":
                text = f"Code: {fault.code}. DB::Exception: a fault was asked for. (FAULT_INJECTED)\n"
                return web.Response(status=500, text=text, headers={"X-ClickHouse-Exception-Code": str(fault.code)})
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "hang":
                await self._hang(fault.seconds)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return None

    async def _hang(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds or None):
                await self._cleared.wait()
        except TimeoutError:
            pass

    def door(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/faults", self._list)
        app.router.add_post("/faults", self._add)
        app.router.add_delete("/faults", self._clear)
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(fault) for fault in self._set])

    async def _add(self, request: web.Request) -> web.Response:
        try:
            self._set.append(Fault(**await request.json()))
        except (TypeError, ValueError) as problem:
            return web.Response(status=400, text=f"{problem}\n")
        return web.Response(text="Ok.\n")

    async def _clear(self, _request: web.Request) -> web.Response:
        self._set.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()
        return web.Response(text="Ok.\n")


def _reset(request: web.Request) -> None:
    """The connection ends with a reset, as when the server's machine is gone."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class FaultDoor:
    """The same door from outside. Raises OSError where the server is not there."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    def add(self, what: What, **how: Any) -> None:
        """See Fault."""
        self._ask("POST", {"what": what, **how})

    def happened(self) -> int:
        """How many statements something happened to, of the faults that are set."""
        return sum(fault["happened"] for fault in json.loads(self._ask("GET")))

    def clear(self) -> None:
        self._ask("DELETE")

    def _ask(self, method: str, body: dict[str, Any] | None = None) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        try:
            connection.request(method, "/faults", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(text.decode().strip())
        return text
