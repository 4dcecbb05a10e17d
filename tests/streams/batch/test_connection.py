"""A broker that goes away in the middle of a request is an error that aiokafka knows, on the event loop that we use."""

from __future__ import annotations

import asyncio
import struct

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from streams.batch.connection import Connection

VERSIONS = struct.pack(">h i hhh hhh", 0, 2, 3, 0, 1, 18, 0, 0)
"""A broker's first answer: no error; Metadata in versions 0 to 1, ApiVersions in version 0."""


async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    request = await reader.readexactly(size)
    answer = request[4:8] + VERSIONS  # with the number of the request
    writer.write(struct.pack(">i", len(answer)) + answer)
    await reader.read()
    writer.close()


async def write_after_close(kind: type[AIOKafkaConnection]) -> None:
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    connection = kind(*server.sockets[0].getsockname())
    try:
        await connection.connect()
        assert connection.connected()
        connection._writer.transport.abort()
        await asyncio.sleep(0)  # closed, and the task that reads has not heard of it
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


def test_a_write_to_a_closed_connection_is_an_error_of_kafka() -> None:
    with pytest.raises(KafkaConnectionError):
        uvloop.run(write_after_close(Connection))


def test_aiokafka_alone_does_not_know_that_error_yet() -> None:
    """When it does, `streams/batch/connection.py` may go."""
    with pytest.raises(RuntimeError, match="handler is closed"):
        uvloop.run(write_after_close(AIOKafkaConnection))
