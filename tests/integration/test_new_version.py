"""A new version of the definition on real Kafka: the same changelog, taken over at a batch boundary, as in process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from deploy.demo.engine import Process
from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.journey.accounts import AccountsLogic
from streams.journey.users import UsersLogic
from streams.replay.plant import Plant
from streams.replay.run import Replay
from tests.integration.live import Live, gapless, truth, wait_for
from tests.streams import linked

FIRST = linked.definition("2h", forget=False)
SECOND = parse(
    FIRST.text.replace("loyal", "devoted").replace(
        "version: 1\n",
        "version: 2\nmigrate: {from: [1], states: {user.stage.loyal: devoted}}\n",
    )
)
STRANGE = parse(FIRST.text.replace("version: 1", "version: 3").replace("idle >= 20d", "idle >= 21d"))
END = linked.BEGIN + 40 * linked.DAY


def people() -> list[bytes]:
    """Thirty people of four accounts over a month, each under one name, so that partitions tell each other nothing."""
    luck = Random(7)
    times = sorted(linked.BEGIN + luck.randrange(39 * linked.DAY) for _ in range(130))
    told = ((n, at, luck.randrange(30)) for n, at in enumerate(times))
    return [
        orjson.dumps({"id": f"e{n:03}", "event": "Alpha", "at": at / 1000, "user": f"u{who}", "account": f"a{who % 4}"})
        for n, at, who in told
    ]


def in_process(lines: list[bytes]) -> list[dict[str, Any]]:
    """What the second version says when it takes over, at the instant to which the first one has come, all in one process."""
    replay = Replay(FIRST, "canonical", lambda output: None)
    replay.run(lines, END)
    assert replay.accounts is not None
    found: list[dict[str, Any]] = []
    for plant, logic in ((replay.users, UsersLogic(SECOND)), (replay.accounts, AccountsLogic(SECOND))):
        found += taken_over(plant, logic)
    return found


def taken_over(plant: Plant, logic: UsersLogic | AccountsLogic) -> list[dict[str, Any]]:
    former = logic.former(FIRST.text.encode())
    assert former is not None
    told = []
    for key, entity in plant.entities.items():
        taken = logic.take_over(former, key, plant.logic.dump(entity), END, END, plant.beside(key))
        told += [orjson.loads(o.value or b"") for o in taken.outputs if o.topic.startswith("transitions")]
    return told


def migrated(transitions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {id: t for id, t in truth(transitions).items() if t["cause"] == {"definition": 2}}


@pytest.fixture
def definitions(tmp_path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    given: dict[str, Definition] = {"first": FIRST, "second": SECOND, "strange": STRANGE}
    for name, definition in given.items():
        found[name] = tmp_path / f"{name}.yaml"
        found[name].write_text(definition.text)
    return found


def test_a_new_version_takes_over_what_the_first_one_kept_and_a_strange_one_is_refused(
    kafka: str, clickhouse: Any, definitions: dict[str, Path]
) -> None:
    lines = people()
    expected = migrated(in_process(lines))
    assert len(expected) >= 5, "nobody stands in the state that has another name now"

    async def run() -> None:
        async with Live(kafka, clickhouse.url, definitions["first"], sink=False) as live:
            await live.feed(lines, END)
            await live.drained()
            assert not migrated(await live.transitions())
            live.workers[0].stop()
            assert live.workers[0].ended() == 0, live.workers[0].tail(60)

            await refused(live, definitions["strange"])
            after = live.plan._replace(definition=definitions["second"]).write("second.toml")
            live.workers = [Process("worker", after, live.plan.folder / "second.log").start()]

            async def all_told() -> bool:
                live.alive()
                return len(migrated(await live.transitions())) >= len(expected)

            await wait_for(all_told, 150)
            await live.drained()
            transitions = await live.transitions()
            assert migrated(transitions) == expected
            assert {t["origin"] for t in transitions if t["cause"] == {"definition": 2}} == {"migration"}
            gapless(transitions)
            log = await live.read("users-changelog")
            newest = {(r.partition, r.key): r.value for r in log if r.key.startswith(b"e:") and r.value is not None}
            assert {value[1] >> 2 for value in newest.values()} == {1}, "a state is left under the first version"

    asyncio.run(run())


async def refused(live: Live, definition: Path) -> None:
    """A worker whose definition does not know the one that the partitions are kept under ends, and says why."""
    settings = live.plan._replace(definition=definition).write("strange.toml")
    worker = Process("worker", settings, live.plan.folder / "strange.log").start()
    try:

        async def ended() -> bool:
            return worker.ended() is not None

        try:
            await wait_for(ended, 150)
        except AssertionError:
            raise AssertionError(f"it goes on:\n{worker.tail(60)}") from None
        assert worker.ended() == 1
        said = worker.tail(20)
        assert "kept under" in said, said
        assert "migrate" in said, said
    finally:
        worker.stop()
