"""An alert of the real engine reaches a mail server and a webhook, once, through a kill -9 of the notifier."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from schemas.time import rfc3339
from tests.integration.live import Live, wait_for
from tests.streams.commands import tiny
from tests.streams.notify.receivers import Hook, Mailbox

ROOT = Path(__file__).parents[2]
DAY_S = 86_400

RULES = """\
language: 1
link: "https://board.acme.io/{kind}/{entity}#alert-{alert}"
channels:
  mail: {url: "$SMTP?from=journeys@acme.io&to=cs@acme.io"}
  hook: {webhook: $HOOK, secret: $SECRET}
routes:
  - {when: {severity: ">= medium"}, send: [mail, hook]}
retry: {first: 1s, most: 1s}
"""


class Notifier:
    """`journeys notify` as a process of its own."""

    def __init__(self, live: Live, folder: Path, mailbox: Mailbox, hook: Hook) -> None:
        (folder / "notify.yaml").write_text(RULES)
        self._command = [
            sys.executable,
            "-m",
            "streams.cli",
            "notify",
            str(folder / "notify.yaml"),
            "--beginning",
            "--settings",
            str(live.settings),
        ]
        more = {
            "SMTP": f"mailto://127.0.0.1:{mailbox.port}",
            "HOOK": hook.url,
            "SECRET": "s3cret",
            "JOURNEYS_LOG": "json",
        }
        self._env = {**os.environ, **more, "PYTHONPATH": str(ROOT)}
        self.log = folder / "notify.log"

    def start(self) -> Notifier:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log)
        return self

    def stop(self, number: int) -> None:
        self._process.send_signal(number)
        self._process.wait(20)

    def told(self, channel: str) -> set[str]:
        """Keys of messages whose note is durable."""
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return {line["key"] for line in lines if line.get("event") == "told" and line["channel"] == channel}


def quiet(users: range, now: int) -> list[dict[str, Any]]:
    """People whose second active day was 14 days and an hour ago: at risk since an hour."""
    last = now - 14 * DAY_S - 3600
    found = [
        {"id": f"{u}-{n}", "event": "Signed Up", "user": f"u{u}", "at": at}
        for u in users
        for n, at in enumerate((last - 2 * DAY_S, last))
    ]
    return sorted(found, key=lambda event: event["at"])


def test_alerts_reach_mail_and_webhook_once_through_kill_9(kafka: str, clickhouse: Any, tmp_path: Path) -> None:
    definition = tmp_path / "tiny.yaml"
    definition.write_text(tiny.TEXT)
    asyncio.run(_play(kafka, clickhouse.url, definition, tmp_path))


async def _play(kafka: str, clickhouse: str, definition: Path, folder: Path) -> None:
    now = int(time.time())
    with Mailbox() as mailbox, Hook() as hook:
        async with Live(kafka, clickhouse, definition, sink=False) as live:
            notifier = Notifier(live, folder, mailbox, hook).start()
            try:
                await live.feed(tiny.lines(quiet(range(6), now)), now * 1000)
                await _all_told(notifier, 6)
                notifier.stop(signal.SIGKILL)  # everything is noted, and maybe not committed

                hook.hold.set()
                await live.feed(tiny.lines(quiet(range(6, 10), now)), (now + 1) * 1000)
                notifier.start()
                await wait_for(_true(lambda: len(notifier.told("mail")) == 10 and len(hook.posts) == 7), 120)
                flying = hook.keys[-1]
                notifier.stop(signal.SIGKILL)  # the webhook has the seventh, and nobody knows whether it took it
                hook.hold.clear()

                notifier.start()
                await _all_told(notifier, 10)
                notifier.stop(signal.SIGTERM)
            finally:
                if notifier._process.poll() is None:
                    notifier.stop(signal.SIGKILL)
            opened = [orjson.loads(record.value) for record in await live.read("alerts")]
    keys = {f"{alert['id']}.{alert['detected_at']}" for alert in opened}
    assert len(keys) == 10
    assert {alert["origin"] for alert in opened} == {"live"}
    assert Counter(mailbox.keys) == dict.fromkeys(keys, 1)
    assert Counter(hook.keys) == {**dict.fromkeys(keys, 1), flying: 2}, (
        "only what was on its way is sent again, under its key"
    )
    assert all(post.genuine("s3cret") for post in hook.posts)
    assert {post.told["alerts"][0]["entity"] for post in hook.posts} == {f"u{n}" for n in range(10)}
    assert rfc3339(now * 1000)[:4] in opened[0]["at"]


async def _all_told(notifier: Notifier, count: int) -> None:
    await wait_for(_true(lambda: min(len(notifier.told(name)) for name in ("mail", "hook")) >= count), 120)


def _true(condition: Any) -> Any:
    async def reached() -> bool:
        return bool(condition())

    return reached
