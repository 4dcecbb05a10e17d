"""The bound that no Python engine reads faster than: aiokafka `getmany`, orjson, a dictionary that is lost. Nothing comes out."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import orjson
from aiokafka import AIOKafkaConsumer

COMMIT_S = 0.5
"""So that the bench sees how far it is. It keeps nothing that a commit could promise."""


async def main() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    counts: dict[str, int] = {}
    consumer = AIOKafkaConsumer(
        os.environ["BENCH_SOURCE"],
        bootstrap_servers=os.environ["BENCH_KAFKA"],
        group_id=os.environ["BENCH_NAME"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    async with consumer:
        due = 0.0
        while not stopped.is_set():
            for records in (await consumer.getmany(timeout_ms=50)).values():
                for record in records:
                    user = orjson.loads(record.value)["userId"]
                    counts[user] = counts.get(user, 0) + 1
            if time.monotonic() > due:
                await consumer.commit()
                due = time.monotonic() + COMMIT_S


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
