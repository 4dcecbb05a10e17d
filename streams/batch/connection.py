"""Connection: aiokafka's to a broker, for record batches that are not copied on their way, and for uvloop's transports.

uvloop raises RuntimeError when one writes to what is closed, where asyncio writes into the void, and aiokafka expects OSError at most
(https://github.com/aio-libs/aiokafka/issues/1038). What is left of a client then depends on who was writing: it was its
only task that asks for metadata, and the client waited for ever after a broker's restart.
"""

from __future__ import annotations

import struct
from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.util import wait_for

from streams.batch.requests import KINDS, pieces


class Connection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """Overrides `send` (a produce request goes out in pieces) and `_send_sasl_token`.

    In both of them what the other side has closed is closed before it is written to.
    """

    def send(self, request: Any, expect_response: bool = True) -> Any:
        self._notice_close()
        if expect_response and self._writer is not None and isinstance(request, ProduceRequest):
            produce = request.prepare(self._versions)
            if isinstance(produce, KINDS):
                return self._produce(produce)
        return super().send(request, expect_response)

    def _produce(self, request: Any) -> Any:
        """What the client's `send` does, with all pieces handed over as they are."""
        number = self._next_correlation_id()
        header = request.build_request_header(correlation_id=number, client_id=self._client_id)
        parts = [header.encode(), *pieces(request)]
        try:
            self._writer.writelines([struct.pack(">i", sum(map(len, parts))), *parts])
        except OSError as error:
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error
        answer = self._loop.create_future()
        self._requests.append((number, request, answer))
        return wait_for(answer, self._request_timeout)

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Any:
        self._notice_close()
        return super()._send_sasl_token(payload, expect_response)

    def _notice_close(self) -> None:
        if self._writer is not None and self._writer.is_closing():
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)


def install() -> None:
    """From here on every client of aiokafka in this process makes such connections."""
    conn.AIOKafkaConnection = Connection
