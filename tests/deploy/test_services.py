"""Both services for one run: existing ones are used and never started, our own never outlive us."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from deploy.local import services
from deploy.local.clickhouse import LocalClickHouse, why_no_clickhouse
from deploy.local.kafka import why_no_kafka
from deploy.local.process import ServiceError, free_port
from deploy.local.services import local_services

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 90.0


def never(*_: object, **__: object) -> None:
    pytest.fail("a service was started although an address was given")


def test_existing_services_are_used_and_not_started(
    kafka: str, clickhouse: LocalClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LocalKafka", never)
    monkeypatch.setattr(services, "LocalClickHouse", never)
    address = f"{clickhouse.host}:{clickhouse.port}"
    with local_services(kafka, address) as both:
        assert both == services.Services(kafka, address, None, None)
    assert why_no_kafka(kafka) is None
    assert why_no_clickhouse(address) is None


def test_what_is_missing_is_started_and_ends_with_the_run(kafka: str) -> None:
    with local_services(kafka) as both:
        assert both.local_kafka is None
        assert both.local_clickhouse is not None
        assert why_no_clickhouse(both.clickhouse) is None
    assert why_no_clickhouse(both.clickhouse) is not None


def test_a_kafka_that_does_not_answer_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LocalClickHouse", never)
    address = f"127.0.0.1:{free_port()}"
    with (
        pytest.raises(ServiceError, match=rf"no Kafka answers at KAFKA={address} .*leave KAFKA out"),
        local_services(address),
    ):
        pytest.fail("it must not begin")


def test_a_clickhouse_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LocalKafka", never)
    address = f"http://me:secret@127.0.0.1:{free_port()}"
    with pytest.raises(ServiceError, match=r"no ClickHouse answers at CLICKHOUSE=http://127") as caught:
        with local_services(None, address):
            pytest.fail("it must not begin")
    assert "secret" not in str(caught.value)


class Foreground:
    """`python -m deploy.local`, up and announced."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "deploy.local", "--kafka", "", "--clickhouse", ""]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.said = ""

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C" in line:
                return
        pytest.fail(f"it ended with {self.process.wait()}, saying:\n{self.said}")

    def everything(self) -> list[psutil.Process]:
        """Itself, both guards, Java and the engine."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def folders(self, family: list[psutil.Process]) -> list[Path]:
        """The temporary folders named in the command lines."""
        words = " ".join(word for process in family for word in process.cmdline())
        return [Path(found) for found in sorted(set(re.findall(r"\S*/journeys-local\w+-\w+", words)))]


@pytest.fixture
def foreground() -> Iterator[Foreground]:
    running = Foreground()
    yield running
    running.process.kill()
    running.process.communicate()


def assert_gone(family: list[psutil.Process], folders: list[Path]) -> None:
    _, left = psutil.wait_procs(family, timeout=PATIENCE_S)
    # A container may have nobody who reads the exit status of orphans: those are dead, not running.
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
    deadline = time.monotonic() + PATIENCE_S
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < deadline, f"still there: {folders}"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left_behind_however_it_ends(foreground: Foreground, number: signal.Signals) -> None:
    foreground.wait_until_up()
    family = foreground.everything()
    folders = foreground.folders(family)
    assert len(family) == 5, [process.cmdline() for process in family]
    assert len(folders) == 2
    foreground.process.send_signal(number)
    assert foreground.process.wait(PATIENCE_S) == (-number if number == signal.SIGKILL else 0)
    assert_gone(family, folders)


def test_ctrl_c_while_it_starts_leaves_nothing(foreground: Foreground) -> None:
    own = psutil.Process(foreground.process.pid)
    deadline = time.monotonic() + PATIENCE_S
    while not any("kafka.Kafka" in process.cmdline() for process in own.children(recursive=True)):
        assert time.monotonic() < deadline, "Java was never started"
        time.sleep(0.02)
    family = foreground.everything()
    folders = foreground.folders(family)
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.process.wait(PATIENCE_S) == 0
    assert_gone(family, folders)
