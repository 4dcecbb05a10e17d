"""Connection: aiokafka's to a broker, for an event loop whose transports refuse a write once they are closed.

uvloop raises RuntimeError there where asyncio writes into the void, and aiokafka expects OSError at most
(https://github.com/aio-libs/aiokafka/issues/1038). What is left of a client then depends on who was writing: it was its
only task that asks for metadata, and the client waited for ever after a broker's restart.
"""

from __future__ import annotations

from typing import Any

from aiokafka import conn


class Connection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """Overrides `send` and `_send_sasl_token`: what the other side has closed is closed before it is written to."""

    def send(self, request: Any, expect_response: bool = True) -> Any:
        self._notice_close()
        return super().send(request, expect_response)

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Any:
        self._notice_close()
        return super()._send_sasl_token(payload, expect_response)

    def _notice_close(self) -> None:
        if self._writer is not None and self._writer.is_closing():
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)


def install() -> None:
    """From here on every client of aiokafka in this process makes such connections."""
    conn.AIOKafkaConnection = Connection
