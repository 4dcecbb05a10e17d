"""What is sent is what aiokafka sends, and a broker that goes away is an error that it knows, on the event loop that we use."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.batch.connection import Connection

VERSIONS = struct.pack(">h i hhh hhh hhh", 0, 3, 0, 3, 7, 3, 0, 1, 18, 0, 0)
"""A broker's first answer: no error; Produce in versions 3 to 7, Metadata in versions 0 to 1, ApiVersions in version 0."""


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    request = await reader.readexactly(size)
    answer = request[4:8] + VERSIONS  # with the number of the request
    writer.write(struct.pack(">i", len(answer)) + answer)


async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await greet(reader, writer)
    await reader.read()
    writer.close()


async def what_is_sent(kind: type[AIOKafkaConnection], requests: list[Any]) -> bytes:
    """The bytes of these requests, as a broker reads them."""
    sent = asyncio.get_running_loop().create_future()

    async def reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        sent.set_result(await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(reading, "127.0.0.1", 0)
    connection = kind(*server.sockets[0].getsockname())
    try:
        await connection.connect()
        answers = [asyncio.ensure_future(connection.send(request)) for request in requests]
        connection._writer.write_eof()
        found: bytes = await sent
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        return found
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


RECORDS = ProduceRequest(None, -1, 40_000, [("out", [(0, b"records")])])


async def write_after_close(kind: type[AIOKafkaConnection], request: Any = None) -> None:
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    connection = kind(*server.sockets[0].getsockname())
    try:
        await connection.connect()
        assert connection.connected()
        connection._writer.transport.abort()
        await asyncio.sleep(0)  # closed, and the task that reads has not heard of it
        await connection.send(request or MetadataRequest([]))
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


def test_record_batches_go_out_in_the_clients_own_bytes() -> None:
    sending = [
        ProduceRequest(
            None, -1, 40_000, [("out", [(0, bytes(700_000)), (3, b"small")]), ("log", [(1, b"x" * 90_000)])]
        ),
        MetadataRequest(["out"]),
        ProduceRequest(None, 1, 40_000, []),
    ]
    ours, theirs = (uvloop.run(what_is_sent(kind, sending)) for kind in (Connection, AIOKafkaConnection))
    assert ours == theirs
    assert len(ours) > 790_000


@pytest.mark.parametrize("request_", [MetadataRequest([]), RECORDS], ids=["a question", "records"])
def test_a_write_to_a_closed_connection_is_an_error_of_kafka(request_: Any) -> None:
    with pytest.raises(KafkaConnectionError):
        uvloop.run(write_after_close(Connection, request_))


def test_records_that_the_system_refuses_to_send_close_the_connection_and_wait_for_no_answer() -> None:
    async def refused() -> None:
        server = await asyncio.start_server(broker, "127.0.0.1", 0)
        connection = Connection(*server.sockets[0].getsockname())
        await connection.connect()

        def reset(parts: list[bytes]) -> None:
            raise ConnectionResetError("reset by peer")

        writer = connection._writer
        writer.writelines = reset
        try:
            with pytest.raises(KafkaConnectionError, match="broken: reset by peer"):
                connection.send(RECORDS)
            assert not connection.connected()
            assert not connection._requests
        finally:
            writer.close()
            server.close()
            await server.wait_closed()

    uvloop.run(refused())


def test_aiokafka_alone_does_not_know_that_error_yet() -> None:
    """When it does, `streams/batch/connection.py` may go."""
    with pytest.raises(RuntimeError, match="handler is closed"):
        uvloop.run(write_after_close(AIOKafkaConnection))
