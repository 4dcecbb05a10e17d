"""What is compiled: built from these very sources or passed over, and the same to the byte as plain Python."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from deploy.demo.company import Company
from deploy.demo.generator import segment_events
from schemas import native

FILES = ("transitions.jsonl", "alerts.jsonl", "entities.jsonl", "dead_letters.jsonl")

HAS_COMPILER = shutil.which(os.environ.get("CC", "cc")) is not None


def python(*arguments: str, **env: str) -> str:
    command = [sys.executable, *arguments]
    given = {k: v for k, v in os.environ.items() if k != "JOURNEYS_NATIVE"} | {"PYTHONPATH": str(native.ROOT)} | env
    return subprocess.run(command, cwd=native.ROOT, env=given, capture_output=True, text=True, check=True).stdout


def test_every_file_that_is_compiled_is_there() -> None:
    assert all((native.ROOT / path).is_file() for path in native.sources())
    assert len(native.sources()) > 30


def test_a_switch_turns_it_off() -> None:
    said = (
        "from schemas import native; import streams.journey.fold as f; print(native.state, f.__file__.endswith('.py'))"
    )
    assert python("-c", said, JOURNEYS_NATIVE="0").strip() == "switched off True"


def test_a_build_of_other_sources_is_passed_over(tmp_path: Path) -> None:
    """What stands in the stamp is not what the sources are: nothing of that build may run."""
    for package in ("schemas", "sinks", "streams"):
        shutil.copytree(native.ROOT / package, tmp_path / package)
    (tmp_path / ".native").mkdir()
    (tmp_path / ".native" / "sources.hash").write_text("of something else")
    said = "from schemas import native; import schemas.time as t; print(native.state, t.__file__.endswith('.py'))"
    done = subprocess.run(
        [sys.executable, "-c", said],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "out of date True"


def test_what_is_not_compiled_is_found_beside_what_is(tmp_path: Path) -> None:
    """From any folder, as the command `journeys` is called: there the sources are on no path but the installer's own."""
    said = "import streams.cli, sinks.clickhouse.rows, sinks.clickhouse.queries as q; print(q.__file__)"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", said], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == native.ROOT / "sinks" / "clickhouse" / "queries.py"


def generated() -> bytes:
    return b"\n".join(value for _, value in segment_events(4_000, 300, 20, days=120)) + b"\nno json\n"


def company() -> bytes:
    made = Company()
    return b"\n".join(made.line(event) for event in islice(made.events(), 12_000))


def community() -> bytes:
    """The busiest six years."""
    lines = gzip.decompress((native.ROOT / "deploy/demo/data/kafka-contributors.jsonl.gz").read_bytes()).splitlines()
    return b"\n".join(lines[-20_000:])


INPUTS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "generated": (generated, "saas", "segment"), "company": (company, "saas", "canonical"),
    "community": (community, "community", "canonical"),
}  # fmt: skip


ROWS = """
import sys
from pathlib import Path
from sinks.clickhouse.rows import rows_of
from streams.delivery.contracts import Record

for topic, name in (("transitions.user", "transitions"), ("alerts", "alerts"), ("state.account", "entities")):
    for n, line in enumerate(Path(sys.argv[1], f"{name}.jsonl").read_bytes().splitlines()):
        *before, after = line.split(b'":"', 1 + n % 9)
        spoilt = b'":"'.join(before) + b'":7,"was":"' + after  # a number in place of one of its texts
        for value in (line, spoilt, line[: n % 300]):
            print(rows_of(topic, Record(topic, 0, n, n, b"key", value)))
"""
"""Prints the rows of what a replay wrote, and why there are none of the same when it is spoilt."""


@pytest.mark.skipif(not HAS_COMPILER, reason="there is no C compiler, so nothing is compiled here")
@pytest.mark.parametrize("name", INPUTS)
def test_compiled_and_plain_python_publish_the_same_bytes_and_make_the_same_rows_of_them(
    tmp_path: Path, name: str
) -> None:
    assert python("-c", "from schemas import native; print(native.state)").strip() == "compiled", "run `make setup`"
    make, definition, source = INPUTS[name]
    path = tmp_path / "in.jsonl"
    path.write_bytes(make())
    for way, switch in (("plain", "0"), ("compiled", "1")):
        python(
            "-m", "streams.cli", "replay", str(path), "-d", definition, "--source", source, "--out", str(tmp_path / way),
            JOURNEYS_NATIVE=switch,
        )  # fmt: skip
    for file in FILES:
        plain, compiled = ((tmp_path / way / file).read_bytes() for way in ("plain", "compiled"))
        assert plain == compiled, file
    assert (tmp_path / "plain" / "transitions.jsonl").stat().st_size > 500_000
    plain, compiled = (python("-c", ROWS, str(tmp_path / "plain"), JOURNEYS_NATIVE=switch) for switch in "01")
    assert plain == compiled
    assert (
        min(plain.count(found) for found in ("Row(table='transitions'", "Row(table='alerts'", "wrong_type", "not_json"))
        > 0
    )
