"""Negative controls: runs in which one protection is switched off. A suite that stays green in one of them shows nothing.

Each has the case in which its protection is all that stands between a fault and a wrong result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

from tests.chaos.cases_input import feed_without_promises
from tests.chaos.cases_kill import died, engine_killed, worker_sleeps
from tests.chaos.history import shuffled
from tests.chaos.world import World

SEEDS = 12
"""Within so many seeds each must have shown; most show with the first."""


class Control(NamedTuple):
    """`run` with `without` switched off in every worker and sink must be judged red."""

    name: str
    run: Callable[[World, Random], Awaitable[None]]
    options: dict[str, Any]


async def killed_after_a_commit(world: World, luck: Random) -> None:
    """The engine dies when it has just committed, with batches in its lanes."""
    worker = world.worker()
    world.sink().start()
    await world.feed()
    worker.start(at=f"after-commit:{luck.randint(1, 2)}")
    await died(worker)
    worker.start()


async def sink_killed_after_a_commit(world: World, luck: Random) -> None:
    """The sink dies when it has just committed, with rows collected."""
    worker, sink = world.worker(), world.sink()
    worker.start()
    sink.start(at="sink-after-commit:1")
    await world.feed(rate=1_500)
    await died(sink)
    sink.start()


async def killed_in_disorder(world: World, luck: Random) -> None:
    """Late events come one by one; the engine dies with outputs published; what it reads again comes in one batch."""
    events = shuffled(world.story.events, world.seed)
    worker = world.worker().start()
    world.sink().start()
    await worker.taken()
    half = len(events) // 2
    feeding = asyncio.create_task(feed_without_promises(world, events[:half], rate=400))
    await asyncio.sleep(luck.uniform(0.5, 1.5))
    worker.kill()
    worker.start(at=f"after-outputs:{luck.randint(5, 20)}")
    await asyncio.gather(died(worker), feeding)
    await feed_without_promises(world, events[half:])
    async with world.feeder() as feeder:
        await feeder.promise(world.story.until)
    worker.start()


async def killed_with_busy_users(world: World, luck: Random) -> None:
    """A few users have most of the events; the engine dies again and again, long after its last checkpoint."""
    worker = world.worker()
    world.sink().start()
    await world.feed()
    for _ in range(3):
        worker.start(at=f"after-changelog:{luck.randint(4, 8)}")
        worker.log.unlink(missing_ok=True)
        await died(worker)
    worker.start()


CONTROLS = (
    Control("commit-early", killed_after_a_commit, {}),
    Control("sink-commits-early", sink_killed_after_a_commit, {}),
    Control("outputs-before-state", killed_in_disorder, {}),
    Control("no-applied-offset", killed_with_busy_users, {"users": 6, "hot": 2, "keyed_by": "user"}),
    Control("no-fencing", worker_sleeps, {}),
    Control("no-deterministic-id", engine_killed, {}),
)
