"""`journeys demo` says what it promises, in order, ends by itself, and leaves no process behind however it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "streams.cli", "demo", "--data", "company"]


def environment(**more: str) -> dict[str, str]:
    """Nothing on the PATH but this Python: no Java, no Maven, no Docker."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("KAFKA", "CLICKHOUSE", "ONCE", "JAVA_HOME")
    }
    return {**kept, "PATH": str(Path(sys.executable).parent), "PYTHONUNBUFFERED": "1", "COLUMNS": "140", **more}


@pytest.mark.timeout(
    660
)  # three minutes on two quiet cores, five on slow ones, and the suite's other half runs beside it
def test_the_demo_tells_the_story_in_order_and_ends(kafka: str, clickhouse: Any) -> None:
    env = environment(KAFKA=kafka, CLICKHOUSE=clickhouse.url, ONCE="1")
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    said = done.stdout
    assert done.returncode == 0, said[-4000:] + done.stderr[-4000:]
    steps = [
        "kafka       ", "clickhouse  ", "definition  saas version", "board       http://127.0.0.1:", "rate        ",
        "accounts by stage", "accounts by stage",
        "from first touch to onboarding", "→ consideration", "→ conversion", "→ onboarding",
        "account_at_risk opened", "owner", "MRR", "renews", "why", "clears when", "evidence",
        "it recovers, and the alert resolves by itself", "ALERT resolved",
        "lines to paste", "journeys tail", "journeys explain",
        "fed and drained",
        "20 s at a steady 500 events/s", "produce → transition", "p95", "produce → ClickHouse row", "p95",
        "what ClickHouse holds", "transitions", "company: ", "alerts opened", "dead letters",
        "demo: done",
    ]  # fmt: skip
    at = 0
    for step in steps:
        found = said.find(step, at)
        assert found >= 0, f"{step!r} is not said after {said[max(0, at - 200) : at]!r}\n…\n{said[-3000:]}"
        at = found + len(step)
    assert "NOT as many as live" not in said


@pytest.mark.parametrize("seconds", [1.5, 9.0])
def test_ctrl_c_leaves_no_process_behind(seconds: float) -> None:
    demo = subprocess.Popen(COMMAND, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not psutil.Process(demo.pid).children() and demo.poll() is None:  # a busy machine takes seconds to import it
        time.sleep(0.05)
    time.sleep(seconds)
    children = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said.decode()[-2000:]
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, [process.cmdline() for process in alive]
    assert b"stopped; nothing is left running" in said


def test_an_unknown_data_set_is_refused_with_the_known_ones() -> None:
    done = subprocess.run(
        [*COMMAND[:-1], "campany"], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "company or community" in done.stdout


def test_a_kafka_that_does_not_answer_is_a_clear_message() -> None:
    env = environment(KAFKA="127.0.0.1:1")
    done = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no Kafka answers at KAFKA=127.0.0.1:1" in done.stdout
