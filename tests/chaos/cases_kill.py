"""Cases in which a process is killed at a named point, or stopped and awakened as a zombie."""

from __future__ import annotations

import asyncio
from random import Random

from tests.chaos.cases import case
from tests.chaos.process import ENGINE_POINTS, SINK_POINTS
from tests.chaos.world import GO, NoFault, World


@case("engine-killed")
async def engine_killed(world: World, luck: Random) -> None:
    """kill -9 of the engine at a named point, and in half of the cases again while it recovers or soon after."""
    worker, sink = world.worker(), world.sink().start()
    await world.feed()
    worker.start(at=_engine_point(world, luck))
    await died(worker)
    if luck.random() < 0.5:
        worker.log.rename(worker.log.with_suffix(".first"))
        worker.start(at=f"{luck.choice(('after-changelog', 'after-outputs', 'in-outputs'))}:{luck.randint(1, 3)}")
        await died(worker)
    world.heal()
    worker.start()
    await sink.taken()


def _engine_point(world: World, luck: Random) -> str:
    """Seed after seed all of them have their turn."""
    return f"{ENGINE_POINTS[world.seed % len(ENGINE_POINTS)]}:{luck.randint(1, 6)}"


@case("sink-killed")
async def sink_killed(world: World, luck: Random) -> None:
    """kill -9 of the sink at a named point."""
    world.worker().start()
    sink = world.sink().start(at=f"{SINK_POINTS[world.seed % len(SINK_POINTS)]}:{luck.randint(1, 3)}")
    await world.feed(rate=1_000)  # in one go it would be one insert
    await died(sink)
    world.heal()
    sink.start()


@case("worker-sleeps")
async def worker_sleeps(world: World, luck: Random) -> None:
    """SIGSTOP in the middle of a work until the group has given its partitions away; it wakes; then its heir is killed."""
    sleeper, heir = world.worker(), world.worker()
    world.sink().start()
    await world.feed(world.story.events[:1_500], last=False)
    sleeper.start(at=f"stop@{luck.choice(('after-apply', 'in-changelog', 'after-changelog'))}:{luck.randint(1, 6)}")
    await sleeper.reached()
    heir.start()
    await heir.taken()
    await world.feed(world.story.events[1_500:])
    await asyncio.sleep(luck.uniform(0.2, 1.0))
    sleeper.signal(GO)
    await asyncio.sleep(luck.uniform(0.5, 2.0))
    heir.kill()
    world.heal()
    heir.start()
    await heir.taken(2)


async def died(member: object) -> None:
    await member.reached()  # type: ignore[attr-defined]
    for _ in range(100):
        if member.ended() is not None:  # type: ignore[attr-defined]
            return
        await asyncio.sleep(0.02)
    raise NoFault("it came by its point and lives")
