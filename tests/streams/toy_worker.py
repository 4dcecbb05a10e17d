"""A worker process with the toy logics of the simulation: the real engine, on real Kafka, with an oracle to hold it to.

    python -m tests.streams.toy_worker BOOTSTRAP PREFIX [WORK_MS [INSTANCE [STATE_DIR]]]

WORK_MS: how long each batch of an entity takes, so that a signal finds it in the middle of something. INSTANCE: static
member of the group, which after a kill need not wait until the group has forgotten its predecessor. STATE_DIR: where it
keeps copies of its tables, however small they are.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from faust import Worker

from streams.batch.app import BatchApp
from streams.batch.copies import Copies
from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import Outcome, Record
from streams.delivery.task import TaskSettings
from streams.graph import Graph, Stage
from streams.topology import declare
from tests.simulation import toys

TASK = TaskSettings(clock=ClockSettings(wall=False), checkpoint_every=300, heartbeat_every=200)


class Users(toys.CountingUsers):
    """The toys know their topics by logical name."""

    def __init__(self, prefix: str, work_s: float) -> None:
        self._prefix, self._work_s = prefix, work_s

    def read(self, record: Record) -> list[Outcome]:
        return super().read(record._replace(topic=record.topic.removeprefix(self._prefix)))

    def advance(self, *args: Any) -> Any:
        time.sleep(self._work_s)
        return super().advance(*args)


def graph(prefix: str, work_s: float = 0.0) -> Graph:
    def name(topic: str) -> str:
        return prefix + topic

    users = Stage(
        Users(prefix, work_s), "users", name("users-changelog"), (name("events"), name("direct")),
        frozenset({name("events")}), sends=frozenset({"members"}), strays=frozenset({"events"}),
    )  # fmt: skip
    accounts = Stage(
        toys.FoldingAccounts(), "accounts", name("accounts-changelog"), (name("members"),), frozenset({name("members")})
    )
    return Graph(
        (users, accounts), {name("raw"): toys.route}, frozenset({"events", "members"}),
        frozenset({"transitions", "dead-letters"}), prefix, TASK,
    )  # fmt: skip


def main(bootstrap: str, prefix: str, work_ms: str = "0", instance: str | None = None, state_dir: str = "") -> None:
    app = BatchApp(
        f"{prefix}engine", broker=f"kafka://{bootstrap}", web_enabled=False,
        broker_session_timeout=6.0, broker_heartbeat_interval=1.0, broker_request_timeout=30.0,
        consumer_group_instance_id=instance,
    )  # fmt: skip
    copies = Copies(Path(state_dir), fewest=20) if state_dir else None
    declare(app, graph(prefix, float(work_ms) / 1000), copies=copies)
    Worker(app, loglevel="INFO", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
