"""Cases of workers that keep copies of their tables, and go on from them after all that a worker can suffer."""

from __future__ import annotations

import asyncio
import re
import shutil
from random import Random

from tests.chaos.cases import case
from tests.chaos.cases_groups import rebalance_storm
from tests.chaos.cases_kill import worker_sleeps
from tests.chaos.world import Member, World, until


@case("killed-with-copies", copies=True)
async def killed_with_copies(world: World, luck: Random) -> None:
    """kill -9 three times, at any moment once there are copies; before the last start an old one is put back, as from a backup."""
    worker = world.worker().start()
    world.sink().start()
    feeding = asyncio.create_task(world.feed(rate=180))
    folder = world.copies_of(worker)
    old = folder.with_suffix(".old")
    for life in range(1, 4):
        await worker.taken(life)
        await _copies_more(worker)
        await asyncio.sleep(luck.uniform(0, 0.8))
        worker.kill()
        if life == 1:
            shutil.copytree(folder, old)
        elif life == 3:
            shutil.rmtree(folder)
            old.rename(folder)
        worker.start()
    await feeding
    world.heal()
    await _goes_on_from_copies(world, 3)


@case("worker-sleeps-with-copies", copies=True)
async def worker_sleeps_with_copies(world: World, luck: Random) -> None:
    """A worker sleeps, its heir takes over and is killed, both with copies: what the sleeper copied is of another time."""
    await worker_sleeps(world, luck, _copies_more)
    await _goes_on_from_copies(world, 1)


@case("rebalance-storm-with-copies", copies=True)
async def rebalance_storm_with_copies(world: World, luck: Random) -> None:
    """Partitions go round among workers, and come back to copies that others have gone on from since; in the end all are killed."""
    await rebalance_storm(world, luck)
    for worker in world.members[:3]:
        worker.kill()
        worker.start()
    await _goes_on_from_copies(world, 1)


async def _copies_more(worker: Member) -> None:
    """Until two more copies of its tables are complete."""
    known = _copied(worker)
    await until(lambda: _copied(worker) >= known + 2, "copies are complete", worker.text)


def _copied(worker: Member) -> int:
    return len(re.findall(r"\] copied ", worker.text()))


async def _goes_on_from_copies(world: World, times: int) -> None:
    """Until so many starts have found a copy: without that a case shows nothing."""

    def found() -> int:
        return len(re.findall(r"partitions_taken .*\bcopied=[1-9]", world.log()))

    await until(lambda: found() >= times, "workers go on from copies", world.log)
