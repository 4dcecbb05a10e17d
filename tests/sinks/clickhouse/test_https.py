"""ClickHouse over HTTPS: TLS before the real engine, its certificate checked against the authority that the settings name."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from deploy.local.process import free_port
from sinks.clickhouse.connect import connect
from streams.settings import ClickHouse


class Door(NamedTuple):
    url: str
    ca_file: str


@pytest.fixture(scope="module")
def door(clickhouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """What a proxy that ends TLS does."""
    authority, port = trustme.CA(), free_port()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file: Path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the other side is gone
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(clickhouse.host, clickhouse.port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, told: None)  # a client that turns away is what one test is about
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", port, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield Door(f"https://127.0.0.1:{port}", str(ca_file))
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    server.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()


def test_the_named_authority_is_trusted(door: Door) -> None:
    settings = ClickHouse(url=door.url, ca_file=door.ca_file)
    client = connect(settings.url, None, **settings.login("read"))
    assert client.query("SELECT 1 + 1").result_rows == [(2,)]
    client.close()


def test_a_certificate_that_nobody_known_signed_is_refused(door: Door) -> None:
    with pytest.raises(Exception, match=r"(?i)certificate"):
        connect(door.url)
