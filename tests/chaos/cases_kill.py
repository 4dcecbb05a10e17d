"""Cases in which a process is killed at a named point, or stopped and awakened as a zombie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.chaos.cases import case
from tests.chaos.cases_input import feed_without_promises
from tests.chaos.history import shuffled
from tests.chaos.process import ENGINE_POINTS, SINK_POINTS
from tests.chaos.world import GO, Member, World, until


@case("engine-killed")
async def engine_killed(world: World, luck: Random) -> None:
    """kill -9 of the engine at a named point, and in half of the cases again while it recovers or soon after."""
    worker, sink = world.worker(), world.sink().start()
    worker.start(at=_engine_point(world, luck))
    await world.feed(world.story.events[:1_700], rate=400, last=False)  # in one go there would be one commit
    await died(worker)
    await world.feed(world.story.events[1_700:])
    if luck.random() < 0.5:
        worker.log.rename(worker.log.with_suffix(".first"))
        worker.start(at=f"{luck.choice(('after-changelog', 'after-outputs', 'in-outputs'))}:{luck.randint(1, 3)}")
        await died(worker)
    world.heal()
    worker.start()
    await sink.taken()


def _engine_point(world: World, luck: Random) -> str:
    """Seed after seed all of them have their turn. A commit comes once a second."""
    point = ENGINE_POINTS[world.seed % len(ENGINE_POINTS)]
    return f"{point}:{luck.randint(1, 3 if point.endswith('-commit') else 6)}"


@case("sink-killed")
async def sink_killed(world: World, luck: Random) -> None:
    """kill -9 of the sink at a named point."""
    world.worker().start()
    sink = world.sink().start(at=f"{SINK_POINTS[world.seed % len(SINK_POINTS)]}:{luck.randint(1, 3)}")
    await world.feed(rate=400)  # in one go it would be one insert
    await died(sink)
    world.heal()
    sink.start()


@case("worker-sleeps")
async def worker_sleeps(world: World, luck: Random, ready: Callable[[Member], Awaitable[None]] | None = None) -> None:
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
    if ready is not None:
        await ready(heir)
    heir.kill()
    world.heal()
    heir.start()
    await heir.taken(2)


@case("killed-after-commit", count=6_000)
async def killed_after_a_commit(world: World, luck: Random) -> None:
    """The engine dies when it has just committed, with batches in its lanes."""
    worker = world.worker()
    world.sink().start()
    await world.feed()
    worker.start(at=f"after-commit:{luck.randint(1, 2)}")
    await died(worker)
    world.heal()
    worker.start()


@case("sink-killed-after-commit")
async def sink_killed_after_a_commit(world: World, luck: Random) -> None:
    """The sink dies when it has just committed, with rows collected."""
    worker, sink = world.worker(), world.sink()
    worker.start()
    sink.start(at=f"sink-after-commit:{luck.randint(1, 2)}")
    await world.feed(rate=500)  # in one go it would be one insert, and one commit
    await died(sink)
    world.heal()
    sink.start()


@case("killed-in-disorder")
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
    world.heal()
    worker.start()


@case("killed-with-busy-users", users=6, hot=2, keyed_by="user")
async def killed_with_busy_users(world: World, luck: Random) -> None:
    """A few users have most of the events; the engine dies long after its last checkpoint."""
    worker = world.worker()
    world.sink().start()
    await world.feed()
    worker.start(at=f"after-changelog:{luck.randint(5, 9)}")
    await died(worker)
    world.heal()
    worker.start()


async def died(member: Member) -> None:
    """Until it has come by its point, and is gone."""
    await member.reached()
    await until(lambda: member.ended() is not None, "a process that killed itself is gone", member.text)
