"""`journeys demo` says what it promises, in order, ends by itself, and leaves no process behind however it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from deploy.browser import FLAGS, chromium

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "streams.cli", "demo", "--data", "company"]


def environment(**more: str) -> dict[str, str]:
    """Nothing on the PATH but this Python: no Java, no Maven, no Docker."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("KAFKA", "CLICKHOUSE", "ONCE", "JAVA_HOME")
    }
    return {**kept, "PATH": str(Path(sys.executable).parent), "PYTHONUNBUFFERED": "1", "COLUMNS": "140", **more}


def watched(address: str) -> int:
    """How often the board's feed changed by itself in a browser while the demo streams; it has nothing to complain of."""
    seen: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=list(FLAGS), headless=True)
        context = browser.new_context()
        page, complaints = context.new_page(), []
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.on("request", lambda asked: complaints.append(asked.url) if "//127.0.0.1:" not in asked.url else None)
        page.goto(address)
        page.evaluate("window.sameTab = 'yes'")
        for _ in range(40):
            if page.locator("#feed li").count():
                seen.add(page.locator("#feed .feed").inner_text())
            if len(seen) > 3:
                break
            page.wait_for_timeout(1_000)
        assert page.evaluate("window.sameTab") == "yes"
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        browser.close()
    assert complaints == []
    return len(seen)


def test_the_demo_tells_the_story_in_order_its_board_follows_and_it_ends(kafka: str, clickhouse: Any) -> None:
    env = environment(KAFKA=kafka, CLICKHOUSE=clickhouse.url, ONCE="1")
    demo = subprocess.Popen(COMMAND, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line)
        if line.startswith("board "):
            break
    address = lines[-1].split()[1]
    reading = Thread(target=lambda: lines.extend(demo.stdout or ()))
    reading.start()
    try:
        changes = watched(address)
        assert demo.wait(280) == 0, "".join(lines)[-4000:]
    finally:
        demo.terminate()
        reading.join()
    said = "".join(lines)
    assert changes > 3
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
