"""From nothing to the first live transition on the board, timed: own Kafka and ClickHouse, engine, sink and board, one person
who signs up now.

`make first-transition`; `deploy/from-clone.sh` times the same from a fresh clone on.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession
from aiokafka import AIOKafkaConsumer

from deploy.demo.engine import Plan, Process, board
from deploy.demo.feed import Feeder, due
from deploy.local.process import HOST, ServiceError, free_port
from deploy.local.services import Services, local_services
from sinks.clickhouse.connect import connect
from streams.worker import run_migrate, run_topics

SAAS = Path(__file__).parents[1] / "schemas" / "definitions" / "saas.yaml"

PATIENCE_S = 120.0


class Late(RuntimeError):
    """It did not come; the message says what was waited for."""


def main() -> int:
    """Print each step with its second. Status: 0, or 1 with a reason."""
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        with local_services(say=tell) as services, tempfile.TemporaryDirectory(prefix="journeys-first-") as folder:
            tell("Kafka and ClickHouse answer")
            asyncio.run(_play(services, Path(folder), tell))
    except (ServiceError, Late) as problem:
        print(f"journeys: {problem}", file=sys.stderr)
        return 1
    return 0


async def _play(services: Services, folder: Path, tell: Callable[[str], None]) -> None:
    plan = Plan(folder, "first.", services.kafka, services.clickhouse, "journeys_first", SAAS)
    settings = plan.write()
    if await asyncio.to_thread(run_topics, settings, True, plan.partitions, True) or await asyncio.to_thread(
        run_migrate, settings, True
    ):
        raise Late("topics or tables could not be made; the lines above say why")
    tell("topics and tables are there")
    token, port = token_urlsafe(12), free_port()
    processes = [Process(role, settings, folder / f"{role}.log").start() for role in ("worker", "sink")]
    processes.append(board(settings, folder / "board.log", port, token).start())
    try:
        consumer = AIOKafkaConsumer(
            "first.transitions.user", bootstrap_servers=plan.kafka, auto_offset_reset="earliest"
        )
        async with consumer, Feeder(plan.kafka, plan.topics, plan.partitions) as feeder:
            now = time.time()
            event = {"id": "first", "event": "Signed Up", "user": "ana", "account": "acme", "at": now}
            await feeder.play([due(orjson.dumps(event))], int(now * 1000), lambda n, seconds: 1_000.0)
            tell("an event is on the source topic: ana signed up")
            record = await _within(_transition(consumer), "a transition on Kafka", processes)
            moved = f"{record['kind']} {record['entity']}, {record['machine']} → {record['to']}"
            tell(f"transition on Kafka: {moved} ({record['name']}, {record['origin']})")
            await _within(_row(plan), "a row in ClickHouse", processes)
            tell("and in ClickHouse, where boards and Grafana read it")
            home = f"http://{HOST}:{port}"
            await _within(_on_the_board(home, token, record), "the transition on the board", processes)
            tell(f"and on the board's page {home}/, as a browser is given it")
    finally:
        for process in processes:
            process.stop()


async def _within(coming: Any, what: str, processes: list[Process]) -> Any:
    try:
        return await asyncio.wait_for(coming, PATIENCE_S)
    except TimeoutError:
        logs = "\n".join(f"--- {process.role}\n{process.tail()}" for process in processes)
        raise Late(f"{what} did not come within {PATIENCE_S:.0f} s\n{logs}") from None


async def _transition(consumer: AIOKafkaConsumer) -> dict[str, Any]:
    async for message in consumer:
        found: dict[str, Any] = orjson.loads(message.value)
        return found
    raise Late("the topic ended")


async def _row(plan: Plan) -> None:
    client = await asyncio.to_thread(connect, plan.clickhouse, plan.database)
    while not (await asyncio.to_thread(client.query, "SELECT count() FROM valid_transitions")).result_rows[0][0]:
        await asyncio.sleep(0.1)
    client.close()


async def _on_the_board(home: str, token: str, record: dict[str, Any]) -> None:
    """Until the overview shows this very transition."""
    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as browser:
        while True:
            try:
                async with browser.get(f"{home}/") as answer:
                    if f'data-key="{record["id"]}"' in await answer.text():
                        return
            except ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
