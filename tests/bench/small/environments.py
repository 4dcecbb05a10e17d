"""What each competitor runs in: an environment of its own under `.bench/`, never ours. Made once, again when its pins change."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.jars import KAFKA_VERSION, cache_folder, jars_of, write_lock

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".bench"
SOURCE = Path(__file__).with_name("Stages.java")
LOCK = Path(__file__).with_name("kafka_streams.lock.toml")
WANTED = (f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:2.0.17")
SIZE_MB = 82


class Missing(Exception):
    """An engine cannot run here. The message says what it lacks; the bench goes on without it."""


def python_with(name: str) -> Path:
    """The Python of an environment with exactly `requirements/bench-<name>.txt`."""
    pins = ROOT / "requirements" / f"bench-{name}.txt"
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if _made(folder, pins.read_bytes()):
        return python
    print(f"making {folder.relative_to(ROOT)} from {pins.relative_to(ROOT)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], name)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    _run([*pip, "--require-hashes", "-r", str(pins)], name)
    _mark(folder, pins.read_bytes())
    return python


def java_with_streams() -> tuple[Path, str]:
    """The `java` of this machine's JDK, and a class path with Kafka Streams and the compiled journey."""
    compiler = _javac()
    jars = jars_of(LOCK, f"Kafka Streams {KAFKA_VERSION}", SIZE_MB, lambda line: print(line, flush=True))
    classes = FOLDER / "kafka-streams"
    inputs = SOURCE.read_bytes() + LOCK.read_bytes()
    if not _made(classes, inputs):
        shutil.rmtree(classes, ignore_errors=True)
        classes.mkdir(parents=True)
        _run([str(compiler), "-cp", os.pathsep.join(map(str, jars)), "-d", str(classes), str(SOURCE)], "Kafka Streams")
        _mark(classes, inputs)
    return compiler.with_name("java"), os.pathsep.join(map(str, [classes, *jars]))


def _javac() -> Path:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=str(Path(home) / "bin")) if home else shutil.which("javac")
    if found is None:
        raise Missing("there is no JDK here: no javac in JAVA_HOME or on the PATH (17 or newer is needed)")
    return Path(found).resolve()


def _run(command: Sequence[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"the environment of {name} could not be made:\n{(done.stderr or done.stdout).strip()[-2000:]}")


def _stamp(folder: Path) -> Path:
    return folder / ".made-of"


def _made(folder: Path, inputs: bytes) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text() == hashlib.sha256(inputs).hexdigest()


def _mark(folder: Path, inputs: bytes) -> None:
    _stamp(folder).write_text(hashlib.sha256(inputs).hexdigest())


if __name__ == "__main__":
    write_lock(LOCK, cache_folder(), WANTED, f"kafka-streams-{KAFKA_VERSION}")
    print(f"wrote {LOCK.name}")
