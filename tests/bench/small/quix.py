"""The small journey on Quix Streams: a stateful `apply` on a state in RocksDB, with its changelog topic.

At-least-once, a checkpoint every 5 s (its defaults). Its serialisers use orjson already.
"""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application, State

from tests.bench.small.journey import advance, fresh


def follow(event: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """The stage changes of one event."""
    kept = state.get("journey") or fresh()
    moved = advance(kept, event)
    state.set("journey", kept)
    return moved


def main() -> None:
    app = Application(
        broker_address=os.environ["BENCH_KAFKA"],
        consumer_group=os.environ["BENCH_NAME"],
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_STATE"],
        loglevel="WARNING",
    )
    source = app.topic(os.environ["BENCH_SOURCE"], key_deserializer="bytes", value_deserializer="json")
    changes = app.topic(os.environ["BENCH_OUT"], key_serializer="bytes", value_serializer="json")
    app.dataframe(source).apply(follow, stateful=True, expand=True).to_topic(changes)
    app.run()


if __name__ == "__main__":
    main()
