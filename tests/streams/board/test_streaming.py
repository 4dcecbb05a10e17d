"""The board open in a real browser while the real engine streams: Kafka, worker and sink find out, and open pages show it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer
from playwright.sync_api import Browser, expect

from deploy.demo.feed import Feeder, due
from sinks.clickhouse.connect import connect
from tests.integration.live import Live
from tests.streams.board.conftest import ACCOUNTS, SAAS, serving, visiting
from tests.streams.board.filled import company_lines
from tests.streams.board.test_live import stand, standing
from tests.streams.board.test_walk import inspected

SOON_MS = 30_000
PACE = 100.0
"""Events a second, for as long as the test looks: some seven transitions a second."""


class Engine:
    """A worker and a sink that are fed the company's events until told to stop; in a thread, for Playwright has this one's loop."""

    def __init__(self, kafka: str, clickhouse: str) -> None:
        self._kafka, self._clickhouse = kafka, clickhouse
        self.published: list[dict[str, Any]] = []
        self.database = ""
        self._ready, self._fed, self._over = threading.Event(), threading.Event(), threading.Event()
        self._begin, self._enough = threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Engine:
        self._thread.start()
        self._wait(self._ready)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for event in (self._begin, self._enough, self._over):
            event.set()
        self._thread.join()

    def begin(self) -> None:
        """Events flow from now on."""
        self._begin.set()

    def stop(self) -> None:
        """No event more; returns when the engine and the sink have read all of them."""
        self._enough.set()
        self._wait(self._fed)

    def of(self, entity: str, but: set[str]) -> dict[str, Any]:
        """A transition of an entity that the engine publishes from now on."""
        deadline = time.monotonic() + SOON_MS / 1000
        while time.monotonic() < deadline:
            for record in self.published:
                if record["entity"] == entity and record["id"] not in but:
                    return record
            time.sleep(0.05)
        raise AssertionError(f"the engine published nothing more of {entity}")

    def _wait(self, event: threading.Event) -> None:
        assert event.wait(90), "the engine does not get there"
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            asyncio.run(self._play())
        except BaseException as error:
            self._failed = error
        for event in (self._ready, self._fed):
            event.set()

    async def _play(self) -> None:
        async with Live(self._kafka, self._clickhouse, SAAS) as live:
            self.database = live.plan.database
            listening = asyncio.create_task(self._listen(live))
            self._ready.set()
            await asyncio.to_thread(self._begin.wait)
            async with Feeder(live.plan.kafka, live.plan.topics, live.plan.partitions) as feeder:
                lines = (due(line) for line in company_lines(*ACCOUNTS))
                await feeder.play(self._until_enough(lines), 0, lambda _n, _seconds: PACE)
            listening.cancel()
            await live.drained(60)
            self._fed.set()
            await asyncio.to_thread(self._over.wait)

    def _until_enough(self, lines: Iterator[Any]) -> Iterator[Any]:
        for line in lines:
            if self._enough.is_set():
                return
            yield line

    async def _listen(self, live: Live) -> None:
        topics = [live.plan.prefix + name for name in ("transitions.account", "transitions.user")]
        async with AIOKafkaConsumer(*topics, bootstrap_servers=self._kafka, auto_offset_reset="earliest") as consumer:
            async for message in consumer:
                self.published.append(orjson.loads(message.value))


def test_what_the_engine_finds_out_is_on_the_open_pages_while_it_streams(
    browser: Browser, kafka: str, clickhouse: Any, tmp_path: Path
) -> None:
    with Engine(kafka, clickhouse.url) as engine, serving(tmp_path, clickhouse.url, engine.database) as home:
        with visiting(browser, home) as watching, visiting(browser, home) as walking:
            overview = watching.go("/?days=36500")
            overview.evaluate("window.sameTab = 'yes'")
            assert overview.get_by_text("Nothing here yet").is_visible()
            engine.begin()
            began = time.monotonic()
            expect(overview.locator("#tiles")).to_be_visible(timeout=SOON_MS)
            print(f"the first transition is on the page {time.monotonic() - began:.1f} s after the first event")

            account = next(record["entity"] for record in engine.published if record["kind"] == "account")
            page = walking.go(f"/account/{account}")
            page.evaluate("window.sameTab = 'yes'")
            found = engine.of(account, {record["id"] for record in engine.published})
            began = time.monotonic()
            step = page.locator(f'#steps details[data-key="{found["id"]}"]')
            expect(step).to_be_visible(timeout=SOON_MS)
            expect(step).to_contain_text(found["to"].replace("_", " "))
            print(f"{found['machine']} → {found['to']} is on the account's page {time.monotonic() - began:.1f} s later")
            assert page.evaluate("window.sameTab") == "yes"

            user = next(record["entity"] for record in engine.published if record["kind"] == "user")
            for path in (
                "/", "/accounts", f"/account/{account}", f"/user/{user}", "/journeys", "/operations", f"/find?q={account}",
            ):  # fmt: skip
                assert walking.go(path).locator("h1").inner_text() != "Not found"
                inspected(walking, path)

            engine.stop()
            client = connect(clickhouse.url, engine.database)
            expect(overview.locator("#funnel-account td.strong")).to_have_text(standing(client), timeout=SOON_MS)
            assert sum(int(n) for n in stand(overview)) > 1
            assert overview.evaluate("window.sameTab") == "yes"
            assert int(overview.evaluate("document.documentElement.dataset.read")) >= 5
            client.close()
