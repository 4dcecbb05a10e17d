"""Cases of time: clocks that are wrong or jump, partitions that are silent or held back, workers of two versions."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import orjson

from deploy.demo.engine import ONE
from tests.chaos.cases import case
from tests.chaos.oracle import DEFINITION, move, moves
from tests.chaos.world import GO, STOP, Member, NoFault, World, until

LIVE = Path(__file__).with_name("chaos_live.yaml")


@case("clocks-differ")
async def clocks_differ(world: World, luck: Random) -> None:
    """One worker's clock is an hour fast, the other's an hour slow or jumping, and partitions go from one to the other."""
    fast = world.worker(CHAOS_CLOCK="3600000")
    other = world.worker(CHAOS_CLOCK=luck.choice(("-3600000", "jumps")))
    world.sink(CHAOS_CLOCK="jumps").start()
    half = luck.randint(800, 1_700)
    fast.start()
    await world.feed(world.story.events[:half], last=False)
    other.start()
    await other.taken()
    fast.kill() if luck.random() < 0.5 else await fast.stop()
    await world.feed(world.story.events[half:])
    world.heal()


@case("silent-beside-stopped", judged=False, definition=LIVE, env={"JOURNEYS_CLOCK_WALL": "on"})
async def silent_beside_stopped(world: World, luck: Random) -> None:
    """A partition's worker stands still while its users go on: nobody of them is called silent; who is silent elsewhere is."""
    first, second = world.worker(), world.worker()
    first.start()
    await first.taken()
    second.start()
    await asyncio.gather(first.taken(2), second.taken())
    busy, silent = [f"u{n}" for n in range(12)], [f"s{n}" for n in range(12)]
    stopped, began, number, stood = False, time.monotonic(), 0, 0.0
    async with world.feeder() as feeder:
        last = began
        while time.monotonic() - began < 16:
            seconds = time.monotonic() - began
            last, stood = began + seconds, max(stood, began + seconds - last)
            if seconds > 3 and not stopped:
                stopped = True
                first.signal(STOP)
            if stopped and seconds > 8:
                first.signal(GO)
            for user in busy + (silent if seconds < 3 else []):
                number += 1
                told = {"id": f"e{number}", "event": "ping", "user": user, "at": time.time()}
                await feeder.send(ONE, user.encode(), orjson.dumps(told))
            await asyncio.sleep(0.4)
        records = [orjson.loads(record.value) for record in await world.read("transitions.user")]
    quiet = {told["entity"] for told in records if told["to"] == "quiet"}
    if stood > 2:
        raise NoFault(f"the feed itself stood still for {stood:.1f} s")
    assert not quiet & set(busy), f"called silent, and are not: {sorted(quiet & set(busy))}"
    if not stopped or quiet != set(silent):
        raise NoFault(f"of {len(silent)} silent users {len(quiet)} were noticed: {world.log()[-1_000:]}")


@case("rolling-upgrade", judged=False)
async def rolling_upgrade(world: World, luck: Random) -> None:
    """Two workers go from one version of the definition to the next, one after the other, while events come."""
    old = [world.worker(static=False), world.worker(static=False)]
    for worker in old:
        worker.start()
    await asyncio.gather(*(worker.taken() for worker in old))
    text = DEFINITION.read_text().replace("version: 1", "version: 2\nmigrate: {from: [1]}", 1)
    newer = world.plan.folder / "version2.yaml"
    newer.write_text(text.replace("    paid:", "    more:     {count: down}\n    paid:", 1))
    new = [world.worker(JOURNEYS_DEFINITION=str(newer)) for _ in old]
    parts = [world.story.events[first : first + 900] for first in (0, 900, 1_800)]
    for part, before, after in zip(parts, old, new, strict=False):
        feeding = asyncio.create_task(world.feed(part, rate=400, last=False))
        await asyncio.sleep(luck.uniform(0.5, 2.0))
        await before.stop() if luck.random() < 0.5 else before.kill()
        after.start()
        await asyncio.gather(feeding, after.taken())
    await world.feed(parts[2])
    await world.drained(sinks=False)
    records = [orjson.loads(r.value) for r in await world.read("transitions.user", "transitions.account")]
    newest = {}
    for told in records:
        newest[told["id"]] = max(newest.get(told["id"], told), told, key=lambda t: t["seq"])
    versions: dict[int, int] = defaultdict(int)
    found = []
    for told in newest.values():
        if told["valid"]:
            versions[told["version"]] += 1
            found.append(move(told))
    if min(versions[1], versions[2]) < 20:
        raise NoFault(f"one version did nearly everything: {dict(versions)}")
    wanted = moves(world.story.events, world.story.until)
    assert set(found) == wanted, f"lost {sorted(wanted - set(found))[:3]}, extra {sorted(set(found) - wanted)[:3]}"
    assert len(found) == len(wanted), "a move was published under both versions"


@case("disk-full")
async def disk_full(world: World, luck: Random) -> None:
    """Worker and sink cannot write a byte to any file, not even to their own log: they do without."""
    worker, sink = world.worker(CHAOS_DISK="full").start(), world.sink(CHAOS_DISK="full").start()
    world.supervise(worker, sink)
    await world.feed()
    world.heal()


@case("changelog-deleted", judged=False)
async def changelog_deleted(world: World, luck: Random) -> None:
    """The changelog is deleted and made anew: the worker refuses to start, and says what to do."""
    worker = await _worked(world)
    await world.remake(luck.choice(("users-changelog", "accounts-changelog")), world.plan.partitions)
    worker.start()
    await until(lambda: worker.ended() is not None, "the worker ends", worker.text)
    assert worker.ended() == 1, worker.ended()
    assert "the changelog was deleted. To build the state again, reset the offsets" in worker.text(), worker.text()


@case("changelog-partitions", judged=False)
async def changelog_partitions(world: World, luck: Random) -> None:
    """The changelog has another number of partitions than its input: the worker refuses to start, and says what to do."""
    worker = await _worked(world)
    await world.remake(
        luck.choice(("users-changelog", "accounts-changelog")), world.plan.partitions + luck.randint(1, 3)
    )
    worker.start()
    await until(lambda: worker.ended() is not None, "the worker ends", worker.text)
    assert worker.ended() == 3, worker.ended()
    assert "they need the same number: make" in worker.text(), worker.text()


async def _worked(world: World) -> Member:
    """A worker that has done something and was ended in good order."""
    worker = world.worker().start()
    await world.feed(world.story.events[:400], last=False)
    await worker.taken()
    await until(lambda: _is_committed(world), "it has committed", worker.text)
    await worker.stop()
    return worker


async def _is_committed(world: World) -> bool:
    return await world.lag(topics=("events",)) == 0
