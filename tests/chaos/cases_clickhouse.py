"""Cases in which ClickHouse fails: away, slow, failing before or after it applied, refusing a row, full, read-only."""

from __future__ import annotations

import asyncio
from random import Random
from urllib.error import HTTPError
from urllib.request import urlopen

from deploy.local.process import free_port
from tests.chaos.cases import case
from tests.chaos.world import SLOW, Member, NoFault, World, until


async def _running(world: World, **env: str) -> tuple[Member, Member]:
    """A worker and a sink that have partitions, before anything is fed. `env`: of the sink."""
    worker, sink = world.worker().start(), world.sink(**env).start()
    await asyncio.gather(worker.taken(), sink.taken())
    await until(lambda: bool(world.query("SELECT count() FROM stages")[0][0]), "the sink has written its states")
    return worker, sink


async def _happens(world: World, times: int = 1) -> None:
    """Until the fault has happened."""
    try:
        await until(
            lambda: world.servers.clickhouse.faults.happened() >= times, f"the fault happens {times} times", world.log
        )
    except AssertionError as error:
        raise NoFault(str(error)) from None


@case("clickhouse-away")
async def clickhouse_away(world: World, luck: Random) -> None:
    """ClickHouse dies with rows on their way and is away for some seconds; the sink lives, is not ready, and stays."""
    port = free_port()
    _, sink = await _running(world, JOURNEYS_METRICS_PORT=str(port - 1))  # a sink's is one higher
    await until(lambda: _probe(port, "/readyz") == (200, "ok\n"), "the sink is ready", sink.text)
    when = luck.choice(("before", "after"))
    world.servers.clickhouse.faults.add("kill", when=when, match="INSERT INTO `transitions`", skip=luck.randint(0, 1))
    await world.feed(rate=2_000)
    await until(lambda: not world.servers.clickhouse.running, "ClickHouse is killed", sink.text)
    await until(lambda: "write_failed" in sink.text(), "the sink notices", sink.text)
    await asyncio.sleep(luck.uniform(2, 7))
    assert _probe(port, "/livez") == (200, "ok\n")
    waits = (503, "ClickHouse does not take what is written\n")
    await until(lambda: _probe(port, "/readyz") == waits, "the sink says that it waits", sink.text)
    world.servers.clickhouse.restart()
    world.heal()
    await until(lambda: _probe(port, "/readyz")[0] == 200, "the sink is ready again", sink.text)
    assert sink.text().count("partitions_taken") == 1, "it left its group"


def _probe(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


@case("clickhouse-slow")
async def clickhouse_slow(world: World, luck: Random) -> None:
    """Every insert takes seconds."""
    await _running(world)
    world.servers.clickhouse.faults.add(
        "delay", when=luck.choice(("before", "after")), seconds=luck.uniform(0.7, 2), times=0
    )
    await world.feed()
    await _happens(world, 3)
    world.servers.clickhouse.faults.clear()
    world.heal()


@case("clickhouse-fails-after")
async def clickhouse_fails_after(world: World, luck: Random) -> None:
    """Inserts are applied, and then an error is answered or the connection dropped: what is stored is sent again."""
    await _running(world)
    what, times = luck.choice((("error", 3), ("drop", 2), ("drop", 4)))
    world.servers.clickhouse.faults.add(
        what, when="after", times=times, skip=luck.randint(0, 2), code=luck.choice((241, 252, 209))
    )
    await world.feed(rate=2_000)
    await _happens(world, times)
    world.heal()


@case("clickhouse-fails-before")
async def clickhouse_fails_before(world: World, luck: Random) -> None:
    """Inserts fail before they are applied: errors that pass, dropped connections, and a disk that is full for a while."""
    await _running(world)
    what, times = luck.choice((("error", 4), ("drop", 3)))
    code = luck.choice((243, 241, 252, 202))  # 243: not enough space
    world.servers.clickhouse.faults.add(what, when="before", times=times, skip=luck.randint(0, 2), code=code)
    await world.feed(rate=2_000)
    await _happens(world, times)
    world.heal()


@case("clickhouse-hangs")
async def clickhouse_hangs(world: World, luck: Random) -> None:
    """An insert is not answered for seconds; a sink that is told to end does not wait for it."""
    _, sink = await _running(world)
    world.servers.clickhouse.faults.add("hang", when=luck.choice(("before", "after")), skip=luck.randint(0, 1))
    await world.feed(rate=2_000)
    await _happens(world)
    took = await sink.stop()
    assert took < 12 * SLOW, f"it took {took:.0f} s to end"
    if SLOW == 1:  # a starved process may take longer to end than it is given, whatever ClickHouse does
        assert "did not end within" not in sink.text(), "it ended by force"
    world.servers.clickhouse.faults.clear()
    world.heal()
    sink.start()


@case("clickhouse-refuses-a-row")
async def clickhouse_refuses_a_row(world: World, luck: Random) -> None:
    """The table cannot store one user's rows: they are dead letters, and everything else is there."""
    world.refused = f"u{luck.randrange(20)}"
    world.query(f"ALTER TABLE transitions ADD CONSTRAINT not_this_one CHECK entity != '{world.refused}'")
    await _running(world)
    await world.feed()
    world.heal()


@case("clickhouse-read-only")
async def clickhouse_read_only(world: World, luck: Random) -> None:
    """The sink may no longer write: it ends and says why, and loses nothing until somebody grants the right again."""
    _, sink = await _running(world)
    world.servers.clickhouse.faults.add("error", code=164, times=0, skip=luck.randint(0, 2))
    await world.feed(rate=2_000)
    await until(lambda: sink.ended() is not None, "the sink ends", sink.text)
    assert sink.ended() == 1, sink.text()[-1_000:]
    assert "grant INSERT" in sink.text(), sink.text()[-1_000:]
    world.servers.clickhouse.faults.clear()
    world.heal()
    sink.start()
