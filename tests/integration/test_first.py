"""The timed way from nothing to the first live transition on the board: all of it happens, in order, below what is promised."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROMISED_S = 300
"""From a fresh clone on, with all that is installed; deploy/from-clone.sh fails above it."""


def test_one_person_who_signs_up_is_seen_on_the_board() -> None:
    """With a Kafka and a ClickHouse of its own, started and stopped by it."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.first"], cwd=ROOT, capture_output=True, text=True, timeout=PROMISED_S - 20,
        env={name: value for name, value in os.environ.items() if name not in ("KAFKA", "CLICKHOUSE")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [re.fullmatch(r" *(\d+\.\d) s  (.+)", line) for line in done.stdout.splitlines()]
    told = [(float(step[1]), re.sub(r":\d+/", "/", step[2])) for step in steps if step is not None]
    assert [words for _, words in told[-6:]] == [  # before them a service may tell what it fetches
        "Kafka and ClickHouse answer",
        "topics and tables are there",
        "an event is on the source topic: ana signed up",
        "transition on Kafka: user ana, stage → awareness (begins, live)",
        "and in ClickHouse, where boards and Grafana read it",
        "and on the board's page http://127.0.0.1/, as a browser is given it",
    ]
    seconds = [at for at, _ in told]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] < PROMISED_S
