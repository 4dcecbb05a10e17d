"""The small journey is the same one in YAML and in Python, and the bench counts what is done by what came out."""

from __future__ import annotations

import random
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.generator import segment_events
from schemas.definition.parse import load
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay.run import Replay
from tests.bench.__main__ import main
from tests.bench.small.compare import table
from tests.bench.small.engines import DEFINITION, ENGINES
from tests.bench.small.environments import Missing, java_with_streams
from tests.bench.small.journey import advance, day_of, fresh, time_of
from tests.bench.small.measure import Run
from tests.bench.small.workload import Filled

START = datetime(2024, 2, 20, tzinfo=UTC)


def told_by_ours(lines: list[bytes]) -> set[tuple[Any, ...]]:
    found = []

    def write(output: Output) -> None:
        if output.topic == "transitions.user":
            found.append(orjson.loads(output.value or b"null"))

    Replay(load(DEFINITION), "segment", write).run(lines, None)
    return {(t["entity"], t["from"], t["to"], parse_time(t["at"])) for t in found if t["valid"]}


def told_in_python(lines: list[bytes]) -> set[tuple[Any, ...]]:
    states: dict[str, list[Any]] = {}
    found = set()
    for event in map(orjson.loads, lines):
        for change in advance(states.setdefault(event["userId"], fresh()), event):
            found.add((change["entity"], change["from"], change["to"], change["at"]))
    return found


def slow(seed: int) -> list[bytes]:
    """Two hundred calls of five people over four months: windows open and close."""
    luck = random.Random(seed)
    days = sorted(luck.uniform(0, 120) for _ in range(200))
    calls = (
        lambda: {"type": "identify", "traits": {"title": "Planner"}},
        lambda: {"type": "page", "name": "Docs", "properties": {"feature": "none of the core"}},
        lambda: {
            "type": "track",
            "event": luck.choice(("Signed Up", "Report Created", "Feature Used", "Other")),
            "properties": {"feature": luck.choice("abcd")} if luck.random() < 0.8 else {},
        },
    )
    own = [
        {
            "messageId": str(n),
            "userId": luck.choice(("ada", "bob", "eve", "kim", "lea")),
            "timestamp": (START + timedelta(days=day)).isoformat(timespec="milliseconds")[:23] + "Z",
        }
        for n, day in enumerate(days)
    ]
    return [orjson.dumps(luck.choices(calls, (1, 1, 4))[0]() | each) for each in own]


def test_on_the_workload_both_tell_the_same_stage_changes() -> None:
    lines = [
        value.replace(b'"groupId":', b'"company":')
        for _, value in segment_events(4_000, 400, 20, seed=1, days=2, jitter=0)
    ]
    ours = told_by_ours(lines)
    assert ours == told_in_python(lines)
    assert {to for _, _, to, _ in ours} == {"awareness", "activation", "engagement", "adoption"}


@pytest.mark.parametrize("seed", range(8))
def test_so_they_do_where_windows_close(seed: int) -> None:
    lines = slow(seed)
    assert told_by_ours(lines) == told_in_python(lines)


@given(st.integers(0, 20 * 365 * 86_400_000).map(lambda ms: START.replace(tzinfo=None) + timedelta(milliseconds=ms)))
def test_a_time_is_read_as_everywhere_else(at: datetime) -> None:
    stamp = at.isoformat(timespec="milliseconds") + "Z"
    assert day_of(stamp[:10]) * 86_400_000 + time_of(stamp) == parse_time(stamp)


def test_what_is_done_is_what_the_records_out_needed() -> None:
    filled = Filled("t", 20, set(), [array("l", [1, 4, 9]), array("l", [2, 11])])
    assert filled.done([0, 0]) == 0
    assert filled.done([2, 1]) == 4 + 2
    assert filled.done([3, 2]) == 20
    assert filled.done([5, 2]) == 20, "more than was expected is no more than all"


def test_the_table_compares_everybody_with_ours() -> None:
    rows = table(
        {"ours": [Run(300, 10, 50), Run(100, 30, 70), Run(200, 20, 60)], "quix": [Run(100, 40, 90)]}
    ).splitlines()
    assert rows[2] == "| ours | 200 | 20.0 | 60 | 1.00 | 1.00 |"
    assert rows[3] == "| Quix Streams | 100 | 40.0 | 90 | 2.00 | 0.50 |"


def test_an_engine_that_nobody_knows_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--journey", "small", "--engines", "ours,flink"])
    with pytest.raises(SystemExit):
        main()
    assert f"flink: there are {', '.join(ENGINES)}" in capsys.readouterr().err


def test_without_a_jdk_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Missing, match="no JDK here"):
        java_with_streams()
