"""Worker processes: what they say and how they end when something is wrong, and what an engine of ours tells."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from streams.worker import run_topics
from tests.streams.cluster import ROOT, wait_for


def settings(folder: Path, kafka: str, prefix: str, more: str = "") -> Path:
    path = folder / "journeys.toml"
    path.write_text(
        f'bootstrap = "{kafka}"\nprefix = "{prefix}"\ngroup = "{prefix}engine"\ndefinition = "community"\n'
        f'session = "6s"\n{more}\n[[sources]]\ntopic = "{prefix}source"\n'
    )
    return path


def run(role: str, path: Path, seconds: float = 30) -> tuple[int, str]:
    command = [sys.executable, "-m", "streams.cli", role, "--settings", str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    return ended.returncode, ended.stderr


def test_wrong_settings_end_with_2_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "journeys.toml"
    path.write_text('prefx = "x"\n')
    code, said = run("worker", path)
    assert (code, f"{path}:1: prefx is no setting; did you mean prefix?" in said) == (2, True)


def test_a_missing_definition_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "journeys.toml"
    path.write_text('definition = "nowhere.yaml"\n')
    code, said = run("sink", path)
    assert (code, "there is no definition nowhere.yaml; write a path, saas or community" in said) == (2, True)


def test_missing_topics_end_with_3_and_the_command_that_makes_them(kafka: str, tmp_path: Path) -> None:
    code, said = run("worker", settings(tmp_path, kafka, f"w{os.getpid()}a."))
    assert code == 3
    assert "make ours with `journeys topics --apply`" in said


def test_a_worker_waits_for_kafka_and_says_so(tmp_path: Path) -> None:
    path = settings(tmp_path, "127.0.0.1:9", "nobody.")
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        wait_for(
            lambda: "no Kafka answers at 127.0.0.1:9" in (tmp_path / "log").read_text(),
            20,
            (tmp_path / "log").read_text,
        )
        time.sleep(1)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()  # nothing, where it has ended


def test_an_engine_logs_json_tells_figures_and_ends_with_0(kafka: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = settings(tmp_path, kafka, f"w{os.getpid()}b.", f'metrics_port = {port}\nlog = "json"\npartitions = 2')
    assert run_topics(path, apply=True, with_sources=2, quiet=True) == 0
    log, here = tmp_path / "log", tmp_path / "here"
    here.mkdir()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "worker", "--settings", str(path)],
            cwd=here, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=file, stdout=file,
        )  # fmt: skip
    try:
        wait_for(lambda: "partitions_taken" in log.read_text(), 30, log.read_text)
        told = [json.loads(line) for line in log.read_text().splitlines()]
        assert any(line["event"] == "partitions_taken" and line["tasks"] == 6 for line in told)

        def figures() -> str:
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return str(answer.read().decode())

        wait_for(lambda: "journeys_recovery_seconds 0.0" not in figures(), 10, figures)
        assert f'journeys_committed_lag_records{{partition="0",topic="w{os.getpid()}b.source"}} 0.0' in figures()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(15)
    assert code == 0, log.read_text()[-3000:]
    assert list(here.iterdir()) == [], "a worker writes no file: an image's root is read-only"


def test_a_worker_for_whom_no_partition_is_left_waits_for_one(kafka: str, tmp_path: Path) -> None:
    path = settings(tmp_path, kafka, f"w{os.getpid()}d.", 'log = "json"\npartitions = 1')
    assert run_topics(path, apply=True, with_sources=1, quiet=True) == 0
    logs = [tmp_path / f"log{n}" for n in range(2)]
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(path)]
    workers: list[subprocess.Popen[bytes]] = []

    def taken(log: Path, tasks: int) -> bool:
        return any(json.loads(line).get("tasks") == tasks for line in log.read_text().splitlines())

    try:
        for log in logs:
            with log.open("wb") as file:
                workers.append(subprocess.Popen(command, cwd=ROOT, stderr=file, stdout=file))
            wait_for(lambda: "partitions_taken" in log.read_text(), 60, log.read_text)  # noqa: B023
        wait_for(lambda: any(taken(log, 0) for log in logs), 30, logs[1].read_text)
        idle = next(n for n, log in enumerate(logs) if json.loads(log.read_text().splitlines()[-1]).get("tasks") == 0)
        before = logs[idle].read_text().count("partitions_taken")
        assert workers[idle].poll() is None
        workers[1 - idle].send_signal(signal.SIGTERM)
        wait_for(lambda: logs[idle].read_text().count("partitions_taken") > before, 60, logs[idle].read_text)
        assert taken(logs[idle], 3)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        codes = [worker.wait(20) for worker in workers]
    assert codes == [0, 0], [log.read_text()[-2000:] for log in logs]


def test_faust_itself_can_start_the_engine(kafka: str, tmp_path: Path) -> None:
    path = settings(tmp_path, kafka, f"w{os.getpid()}c.", "partitions = 2")
    assert run_topics(path, apply=True, with_sources=2, quiet=True) == 0
    log = tmp_path / "log"
    command = [sys.executable, "-m", "faust", "-A", "streams.app", "worker", "-l", "info"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "JOURNEYS_SETTINGS": str(path)}, stdout=file, stderr=file
        )
    try:
        wait_for(lambda: "Worker ready" in log.read_text() or process.poll() is not None, 40, log.read_text)
        assert "partitions_taken" in log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(15)
    assert code == 0, log.read_text()[-3000:]


def test_a_worker_that_does_not_come_to_its_end_is_ended_and_says_why() -> None:
    code = (
        "import time; from streams.worker import _end_within; _end_within(0.2, 'it was told to end'); time.sleep(300)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert "it was told to end, and did not end within 0 s: something does not answer" in done.stderr
