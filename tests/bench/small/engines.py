"""The engines of the comparison: how each is started on a topic, where its records come out, and where it commits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deploy.demo.engine import Plan
from streams.worker import run_topics
from tests.bench.small.environments import ROOT, java_with_streams, python_with

DEFINITION = Path(__file__).with_name("journey.yaml")


class Place(NamedTuple):
    """Where one run happens. `name` is its own; `folder` is empty and its own."""

    name: str
    kafka: str
    source: str
    partitions: int
    folder: Path

    @property
    def out(self) -> str:
        """The topic for stage changes, of those engines that let us choose."""
        return f"{self.name}-out"

    def env(self) -> dict[str, str]:
        """What every app reads."""
        return {
            "BENCH_NAME": self.name, "BENCH_KAFKA": self.kafka, "BENCH_SOURCE": self.source, "BENCH_OUT": self.out,
            "BENCH_PARTITIONS": str(self.partitions), "BENCH_STATE": str(self.folder / "state"), "PYTHONPATH": str(ROOT),
        }  # fmt: skip


class Launch(NamedTuple):
    """A command to run. `out` is None where nothing comes out; `group` None where progress is not committed to Kafka."""

    command: list[str]
    out: str | None
    group: str | None


class Engine(NamedTuple):
    """`prepare` makes what it needs and raises `Missing` where it cannot; it may block."""

    title: str
    prepare: Callable[[Place], Launch]


def _ours(place: Place) -> Launch:
    prefix = f"{place.name}."
    plan = Plan(
        place.folder, prefix, place.kafka, "http://127.0.0.1:1", "none", DEFINITION, "segment", "user", place.partitions,
        topic=place.source,
    )  # fmt: skip
    settings = plan.write()
    if run_topics(settings, True, 0, True):
        raise SystemExit("bench: the topics could not be created")
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(settings)]
    return Launch(command, f"{prefix}transitions.user", f"{prefix}engine")


def _faust(place: Place) -> Launch:
    return Launch(faust_worker("tests.bench.small.idiomatic", place.folder), place.out, place.name)


def faust_worker(app: str, folder: Path) -> list[str]:
    """The command that runs a Faust app at its fastest.

    At a higher level than `info` Faust shows a spinner while it starts, which sets the root logger to DEBUG for good: each send
    makes log records that nobody reads, a tenth of its CPU.
    """
    options = ["--datadir", str(folder), "--loop", "uvloop"]
    return [sys.executable, "-m", "faust", "-A", app, *options, "worker", "--without-web", "-l", "info"]


def _quix(place: Place) -> Launch:
    return Launch([str(python_with("quix")), "-m", "tests.bench.small.quix"], place.out, place.name)


def _bytewax(place: Place) -> Launch:
    python, store = str(python_with("bytewax")), place.folder / "recovery"
    store.mkdir()
    subprocess.run([python, "-m", "bytewax.recovery", str(store), "1"], check=True)
    run = ["-m", "bytewax.run", "tests.bench.small.bytewax_flow:get_flow", "-r", str(store), "-s", "10", "-b", "0"]
    return Launch([python, *run], place.out, None)


def _streams(place: Place) -> Launch:
    java, path = java_with_streams()
    options = ["-Xms256m", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return Launch([str(java), *options, "-cp", path, "Stages"], place.out, place.name)


def _bound(place: Place) -> Launch:
    return Launch([sys.executable, "-m", "tests.bench.small.bound"], None, place.name)


ENGINES = {
    "ours": Engine("ours", _ours),
    "faust": Engine("idiomatic Faust", _faust),
    "quix": Engine("Quix Streams", _quix),
    "bytewax": Engine("Bytewax", _bytewax),
    "streams": Engine("Kafka Streams", _streams),
    "bound": Engine("aiokafka + orjson + dict, nothing kept", _bound),
}


def environment(place: Place) -> dict[str, str]:
    """Ours and what the app reads."""
    return {**os.environ, **place.env(), "PYTHONUNBUFFERED": "1"}
