"""Cases in which members come and go, and in which the broker does."""

from __future__ import annotations

import asyncio
import os
import signal
from random import Random

from tests.chaos.cases import case
from tests.chaos.world import SLOW, NoFault, World, child_of, until


@case("rebalance-storm")
async def rebalance_storm(world: World, luck: Random) -> None:
    """Workers join and leave every second, some of them by force, with and without static membership."""
    static = world.seed % 2 == 0
    workers = [world.worker(static=static) for _ in range(3)]
    world.sink().start()
    workers[0].start()
    await workers[0].taken()
    feeding = asyncio.create_task(world.feed(rate=250))
    steps = luck.randint(6, 8)
    for step in range(40):
        if step >= steps and _taken(world) >= 4:
            break
        one = luck.choice(workers)
        if not one.running:
            taken = one.text().count("partitions_taken")
            one.start()
            if luck.random() < 0.6:
                await one.taken(taken + 1)
        elif luck.random() < 0.7:
            await one.stop()
        else:
            one.kill()
        await asyncio.sleep(luck.uniform(0.3, 1.5))
    await feeding
    if _taken(world) < 4:
        raise NoFault("nothing to speak of happened")
    world.heal()
    for worker in workers:
        if not worker.running:
            worker.start()


def _taken(world: World) -> int:
    """How often anybody was given partitions; where starting a worker takes long, many are killed before they are."""
    return world.log().count("partitions_taken")


@case("broker-killed")
async def broker_killed(world: World, luck: Random) -> None:
    """The broker dies with records in flight and comes back: who cannot go on ends, and is started again."""
    worker, sink = world.worker().start(), world.sink().start()
    await asyncio.gather(worker.taken(), sink.taken())
    world.supervise(worker, sink)
    feeding = asyncio.create_task(world.feed(rate=600))
    await asyncio.sleep(luck.uniform(1.0, 2.5))
    assert not feeding.done(), "nothing was in flight"
    world.servers.kafka.kill()
    await asyncio.sleep(luck.uniform(1.0, 4.0))
    await asyncio.to_thread(world.servers.kafka.restart)
    world.heal()
    await feeding


@case("broker-hangs-at-sigterm", judged=False)
async def broker_hangs_at_sigterm(world: World, luck: Random) -> None:
    """The broker does not answer while worker and sink are told to end: they end all the same."""
    worker, sink = world.worker().start(), world.sink().start()
    await asyncio.gather(worker.taken(), sink.taken())
    feeding = asyncio.create_task(world.feed(rate=400))
    await until(lambda: world.lag(), "something is in flight")
    broker = child_of(world.servers.kafka.pid)
    os.kill(broker, signal.SIGSTOP)
    try:
        took = await asyncio.gather(worker.stop(), sink.stop())
    finally:
        os.kill(broker, signal.SIGCONT)
    assert max(took) < 19 * SLOW, f"they took {took} s"
    await feeding
