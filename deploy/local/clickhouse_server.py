"""ClickHouse's HTTP interface over the engine in this process, so that its ordinary clients cannot tell the difference.

    python -m deploy.local.clickhouse_server FOLDER PORT [PORT_OF_FAULTS]

Faithful where clickhouse-connect, Grafana and curl look: text in URL, form or body; settings and bound parameters in
the URL; INSERT in any format, plain or lz4, zstd, gzip, deflate; the same headers, error codes and words. An answer is
complete before its first byte is sent, so an error always comes as a status and never in the middle of a result.
Not here: users and grants (anybody is in), sessions and temporary tables, TLS, query_log, external tables, native TCP.

With a third argument there is a door for faults as well, see clickhouse_faults.py.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import sys
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
from aiohttp import web
from aiohttp.typedefs import Middleware

from deploy.local import statement
from deploy.local.clickhouse_engine import Answer, Call, Engine, Refused
from deploy.local.clickhouse_faults import Faults

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HOST = "127.0.0.1"
THREADS = 16
"""Requests running at once; more wait. The engine itself uses every core for one query."""
BODY_BYTES = 1 << 30
"""A million rows, the largest insert we make, are some 100 MB."""

ENGINE = web.AppKey("engine", Engine)
THREAD_POOL = web.AppKey("thread_pool", ThreadPoolExecutor)

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": lambda body: gzip.compress(body, compresslevel=1),
    "deflate": zlib.compress,
}
"""In the order in which we choose, fastest first."""

DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}


def make_app(engine: Engine, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """The whole interface as an aiohttp application."""
    app = web.Application(client_max_size=BODY_BYTES, middlewares=middlewares)
    app[ENGINE] = engine
    app[THREAD_POOL] = ThreadPoolExecutor(THREADS, thread_name_prefix="query")
    app.router.add_get("/ping", fine)
    app.router.add_get("/replicas_status", fine)
    app.router.add_route("*", "/", statement_request)
    return app


async def fine(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def statement_request(request: web.Request) -> web.Response:
    """Run the statement of a request; a request without one is answered as a ping is."""
    engine, threads = request.app[ENGINE], request.app[THREAD_POOL]
    headers = {
        "X-ClickHouse-Query-Id": request.query.get("query_id") or str(uuid.uuid4()),
        "X-ClickHouse-Timezone": request.query.get("session_timezone") or engine.timezone,
        "X-ClickHouse-Server-Display-Name": "journeys",
    }
    try:
        body, fields = await _content(request)
    except Refused as refused:
        return _error(refused, headers)
    words = {**request.query, **fields}
    if not body and not words.get("query"):
        return await fine(request)
    accepts = request.headers.get("Accept-Encoding", "") if words.get("enable_http_compression") == "1" else ""
    encoding = request.headers.get("Content-Encoding", "")

    def work() -> web.Response:
        try:
            answer = engine.run(_call(request, words, _decompress(body, encoding)))
        except Refused as refused:
            return _error(refused, headers)
        return _response(answer, headers, accepts)

    return await asyncio.get_running_loop().run_in_executor(threads, work)


async def _content(request: web.Request) -> tuple[bytes, dict[str, str]]:
    """The body, or a form's fields in its place. Any other type is a bare statement or data, as `curl -d` sends it."""
    if request.content_type != "multipart/form-data":
        return await request.read(), {}
    form = await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if len(fields) < len(form):  # a file
        raise _refused(statement.NOT_IMPLEMENTED, "External tables are not supported here", "NOT_IMPLEMENTED")
    return b"", fields


def _call(request: web.Request, words: Mapping[str, str], body: bytes) -> Call:
    query = words.get("query", "").encode()
    return Call(
        text=b"\n".join(part for part in (query, body) if part),
        database=words.get("database") or request.headers.get("X-ClickHouse-Database") or "default",
        settings=statement.settings_in(words),
        parameters=statement.parameters_in(words),
        format=words.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated",
        read_only=request.method == "GET",
    )


def _response(answer: Answer, headers: dict[str, str], accepts: str) -> web.Response:
    headers = {**headers, "X-ClickHouse-Summary": json.dumps(answer.summary)}
    if answer.format is not None:
        headers["X-ClickHouse-Format"] = answer.format
    encoding = next((name for name in COMPRESSORS if name in accepts), None)
    body = answer.body
    if encoding is not None and body:
        headers["Content-Encoding"] = encoding
        body = COMPRESSORS[encoding](body)
    return web.Response(body=body, headers=headers, content_type=_content_type(answer.format))


def _content_type(name: str | None) -> str:
    if name is None or name.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values"
    return "application/json" if name.startswith("JSON") else "application/octet-stream"


def _error(refused: Refused, headers: dict[str, str]) -> web.Response:
    status = statement.STATUS_BY_CODE.get(refused.code, 500)
    headers = {**headers, "X-ClickHouse-Exception-Code": str(refused.code)}
    return web.Response(status=status, text=f"{refused}\n", headers=headers)


def _decompress(body: bytes, encoding: str) -> bytes:
    """The body as it was. Several frames one after the other are one body: clickhouse-connect sends one a block."""
    if not encoding or encoding == "identity":
        return body
    make = DECOMPRESSORS.get(encoding)
    if make is None:
        raise _refused(statement.NOT_IMPLEMENTED, f"Unknown Content-Encoding {encoding}", "NOT_IMPLEMENTED")
    pieces = []
    try:
        while body:
            frame = make()
            pieces.append(frame.decompress(body))
            if not frame.eof:
                raise EOFError("the last frame is cut short")
            body = frame.unused_data
    except (RuntimeError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise _refused(
            statement.CANNOT_DECOMPRESS, f"Cannot decompress {encoding}: {error}", "CANNOT_DECOMPRESS"
        ) from error
    return b"".join(pieces)


def _refused(code: int, message: str, name: str) -> Refused:
    return Refused(code, f"Code: {code}. DB::Exception: {message}. ({name})")


async def _head(request: web.Request) -> bytes:
    """What a statement says, and the beginning of its data where it brings some."""
    body = await request.read()
    try:
        return request.query.get("query", "").encode() + _decompress(body, request.headers.get("Content-Encoding", ""))
    except Refused:
        return body


async def serve(folder: Path, port: int, faults_port: int | None = None) -> None:
    """Open the engine and serve until SIGTERM."""
    engine = Engine(folder)
    faults = None if faults_port is None else Faults(_head)
    app = make_app(engine, [faults.middleware()] if faults else [])
    # The statement's own data comes compressed in ways aiohttp does not know; all of them are ours to undo.
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=2.0)
    await runner.setup()
    if faults is not None:
        door = web.AppRunner(faults.door(), access_log=None)
        await door.setup()
        await web.TCPSite(door, HOST, faults_port).start()
    await web.TCPSite(runner, HOST, port).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()
    engine.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), *map(int, sys.argv[2:4])))
