"""What is published is shown as it comes, to whom it was asked for; a Kafka that is not there yet is waited for."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rich.console import Console
from rich.text import Text

from deploy.local.process import free_port
from streams.commands.tail import TOPICS, Tail, Wanted, follow
from streams.delivery.contracts import Output
from streams.replay.run import Replay
from streams.settings import Settings
from tests.streams.commands import tiny

ROOT = Path(__file__).parents[3]


def published() -> list[Output]:
    outputs: list[Output] = []
    Replay(tiny.definition(), "canonical", outputs.append).run(tiny.lines(tiny.ada()))
    return [output for output in outputs if output.topic in TOPICS]


async def create(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(prefix + topic, 2, 1) for topic in TOPICS])
    finally:
        await admin.close()


async def publish(bootstrap: str, prefix: str, outputs: list[Output]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for output in outputs:
            await producer.send_and_wait(prefix + output.topic, output.value, output.key)


async def shown(
    tail: Callable[[Callable[[Any], None]], Tail], enough: Callable[[list[str]], bool], after: Any = None
) -> list[str]:
    """What a tail shows until it is enough. `after(lines)` runs beside it."""
    return [line.plain for line in await coloured(tail, enough, after)]


async def coloured(
    tail: Callable[[Callable[[Any], None]], Tail], enough: Callable[[list[str]], bool], after: Any = None
) -> list[Text]:
    """The same with its colours."""
    lines: list[str] = []
    found: list[Text] = []

    def show(line: Text) -> None:
        found.append(line)
        lines.append(line.plain)

    tasks = [asyncio.create_task(tail(show).run())]
    if after is not None:
        tasks.append(asyncio.create_task(after(lines)))
    try:
        async with asyncio.timeout(20):
            while not enough(lines):
                assert not tasks[0].done(), tasks[0].exception()
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return found


def styles(line: Text) -> list[tuple[str, str]]:
    """(what is coloured, how) from left to right."""
    return [(line.plain[span.start : span.end], str(span.style)) for span in line.spans]


@pytest.fixture
def prefix() -> str:
    return f"tail-{uuid.uuid4().hex[:8]}."


def where(kafka: str, prefix: str) -> Settings:
    return Settings(bootstrap=kafka, prefix=prefix)


def test_from_the_beginning_everything_is_shown_once(kafka: str, prefix: str) -> None:
    async def work() -> list[str]:
        await create(kafka, prefix)
        await publish(kafka, prefix, published())
        settings = where(kafka, prefix)
        return await shown(lambda show: Tail(settings, Wanted(), True, show), lambda lines: len(lines) >= 13)

    lines = asyncio.run(work())
    assert len(lines) == len(published()) == 13
    assert sum("ALERT opened  ada has gone quiet" in line for line in lines) == 1
    quiet = next(line for line in lines if "quiet: idle 14 d >= 14 d" in line)
    assert re.match(r"2024-01-16 00:00:00  user +ada +risk: healthy → at_risk", quiet)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(kind="account"), 2),
        (Wanted(machine="risk"), 4),
        (Wanted(entity="bob"), 2),
        (Wanted("user", "stage", "ada"), 4),
    ],
)
def test_only_what_was_asked_for_is_shown(kafka: str, prefix: str, wanted: Wanted, count: int) -> None:
    async def work() -> list[str]:
        await create(kafka, prefix)
        last = [output for output in published() if wanted.takes(orjson.loads(output.value or b""))][-1]
        await publish(kafka, prefix, [*published(), last])
        settings = where(kafka, prefix)
        return await shown(lambda show: Tail(settings, wanted, True, show), lambda lines: len(lines) > count)

    assert len(asyncio.run(work())) == count + 1


def test_what_is_shown_has_its_colours(kafka: str, prefix: str) -> None:
    """The state that is new, in that of its kind; when, who and why, paler; what is no record of ours, in yellow."""

    async def work() -> list[Text]:
        await create(kafka, prefix)
        await publish(kafka, prefix, [*published(), Output("alerts", b"k", b"[]")])
        settings = where(kafka, prefix)
        return await coloured(lambda show: Tail(settings, Wanted(), True, show), lambda lines: len(lines) > 13)

    lines = asyncio.run(work())
    quiet = next(line for line in lines if "healthy → at_risk" in line.plain)
    assert styles(quiet) == [
        ("2024-01-16 00:00:00  ", "dim"), ("user    ", "dim"), ("risk: ", "dim"), ("at_risk", "red"), ("   quiet", "italic"),
        (": idle 14 d >= 14 d", "dim"),
    ]  # fmt: skip
    assert [styles(line)[1] for line in lines if "ALERT" in line.plain] == [
        ("ALERT opened", "bold red"), ("ALERT resolved", "green"),
    ]  # fmt: skip
    (stranger,) = [line for line in lines if line.plain.startswith("not a record of ours")]
    assert stranger.style == "yellow"


def test_without_a_beginning_only_what_comes_from_now_on_is_shown(kafka: str, prefix: str) -> None:
    """One record after the other until the first is shown: a reader that stood at the beginning would show the old ones."""

    async def work() -> list[str]:
        await create(kafka, prefix)
        old, new = [[o for o in published() if o.topic == topic] for topic in ("transitions.user", "alerts")]
        await publish(kafka, prefix, old)

        async def later(lines: list[str]) -> None:
            while not lines:
                await publish(kafka, prefix, new[:1])
                await asyncio.sleep(0.2)

        return await shown(lambda show: Tail(where(kafka, prefix), Wanted(), False, show), bool, later)

    assert all("ALERT opened" in line for line in asyncio.run(work()))


def test_what_is_no_record_of_ours_is_said_and_passed_over(kafka: str, prefix: str) -> None:
    async def work() -> list[str]:
        await create(kafka, prefix)
        strangers = [Output("alerts", b"k", value) for value in (b"\xff", b"[]", b'{"status": "opened"}', None)]
        await publish(kafka, prefix, [*strangers, published()[0]])
        settings = where(kafka, prefix)
        return await shown(lambda show: Tail(settings, Wanted(), True, show), lambda lines: len(lines) >= 4)

    lines = asyncio.run(work())
    assert sum(line.startswith("not a record of ours") for line in lines) == 3
    assert sum("· → awareness" in line for line in lines) == 1


def test_topics_that_are_not_there_yet_are_waited_for(kafka: str, prefix: str) -> None:
    async def work() -> list[str]:
        async def later(lines: list[str]) -> None:
            while not lines:
                await asyncio.sleep(0.05)
            await create(kafka, prefix)
            await publish(kafka, prefix, published())

        settings = where(kafka, prefix)
        return await shown(lambda show: Tail(settings, Wanted(), True, show), lambda lines: len(lines) > 13, later)

    lines = asyncio.run(work())
    assert f"there is no topic {prefix}alerts, {prefix}transitions.account" in lines[0]
    assert len(lines) == 14


def test_a_missing_kafka_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.commands.tail.AGAIN", 0.01)
    tries: list[int] = []

    class Counted(Tail):
        async def _attempt(self) -> Any:
            tries.append(1)
            return await super()._attempt()

    address = f"127.0.0.1:{free_port()}"
    settings = where(address, "")
    lines = asyncio.run(shown(lambda show: Counted(settings, Wanted(), False, show), lambda lines: len(tries) > 3))
    assert lines == [f"no Kafka answers at {address}; trying until it does, Ctrl-C ends this"]


def test_a_wrong_kind_or_setting_is_status_2(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("bootsrap = 'x'\n")
    for settings, wanted, message in (
        (None, Wanted("usr"), "write user or account"),
        (None, Wanted(severity="bad"), "write info, low, medium, high or critical"),
        (None, Wanted(severity="high", to="churn"), "leave one of them out"),
        (tmp_path / "wrong.toml", Wanted(), "did you mean"),
    ):
        with (tmp_path / "out").open("w+") as out:
            assert follow(settings, wanted, False, Console(file=out, width=200)) == 2
            out.seek(0)
            assert message in out.read()


def test_ctrl_c_ends_the_command_quietly(kafka: str, prefix: str, tmp_path: Path) -> None:
    asyncio.run(create(kafka, prefix))
    asyncio.run(publish(kafka, prefix, published()))
    settings = tmp_path / "settings.toml"
    settings.write_text(f'bootstrap = "{kafka}"\nprefix = "{prefix}"\n')
    command = [
        sys.executable,
        "-m",
        "streams.cli",
        "tail",
        "--settings",
        str(settings),
        "--beginning",
        "--kind",
        "account",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "acme" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert said == ""


def taken(wanted: Wanted) -> list[dict[str, Any]]:
    """What a filter leaves of all that is published, and asks no topic for in vain."""
    records = [(output.topic, orjson.loads(output.value)) for output in published() if output.value]
    left = [(topic, record) for topic, record in records if wanted.takes(record)]
    assert {topic for topic, _ in left} <= set(wanted.topics(""))
    return [record for _, record in left]


def test_filters_by_account_state_severity_and_origin() -> None:
    acme = taken(Wanted(account="acme"))
    assert {record["kind"] for record in acme} == {"user", "account"}
    assert taken(Wanted(account="other")) == []
    assert {record["to"] for record in taken(Wanted(to="churn"))} == {"churn"}
    assert {record["severity"] for record in taken(Wanted(severity="medium"))} == {"high"}
    assert taken(Wanted(severity="critical")) == []
    assert {record["origin"] for record in taken(Wanted(live=True))} <= {"live"}
    assert len(taken(Wanted(live=True))) < len(taken(Wanted()))
