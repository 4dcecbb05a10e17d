"""The real thing dies in the middle of a stream of inserts: nothing is lost, and nothing shows twice."""

from __future__ import annotations

import threading
import time

import pytest

from deploy.local.clickhouse import LocalClickHouse
from schemas.event import Event
from sinks.clickhouse import queries
from sinks.clickhouse.connect import connect
from sinks.clickhouse.deliver import deliver
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.retry import SinkError
from sinks.clickhouse.rows import event_row
from sinks.clickhouse.writer import ClickHouseWriter

pytestmark = pytest.mark.xdist_group("processes")

BATCHES, ROWS = 60, 500
AT = 1_714_564_800_000


def test_two_kills_of_clickhouse_lose_nothing_and_double_nothing() -> None:
    with LocalClickHouse() as server:
        writer = ClickHouseWriter(connect(server.url))
        migrate(writer._client, "outage", lambda line: None)
        delivered, troubles = [0], list[SinkError]()

        def pause(seconds: float) -> bool:
            time.sleep(min(seconds, 0.1))
            return True

        def stream() -> None:
            for batch in range(BATCHES):
                rows = [
                    event_row(Event(f"{batch}-{n}", "Signed Up", "track", AT, user=f"u{n}")).values for n in range(ROWS)
                ]
                assert deliver(writer, "events", rows, pause, lambda error, _: troubles.append(error)) == []
                delivered[0] += 1

        streaming = threading.Thread(target=stream)
        streaming.start()
        for mark in (BATCHES // 4, BATCHES // 2):
            while delivered[0] < mark:
                time.sleep(0.001)
            server.kill()
            server.restart()
        streaming.join(60)
        assert delivered[0] == BATCHES
        assert troubles
        assert {type(error).__name__ for error in troubles} == {"Unavailable"}
        held = queries.counts(writer._client)["events"]
        assert held.final == BATCHES * ROWS
        assert held.raw >= held.final
        writer.close()
