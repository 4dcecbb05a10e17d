"""Native: which modules of core, replay and sink are also compiled ahead of time, and whether this process runs them so.

`python -m deploy.native` builds them with mypyc from the very sources; results are the same, in about half the time. A build
that is missing, or was made from other sources, is passed over, and so is every build where JOURNEYS_NATIVE is 0.
"""

from __future__ import annotations

import os
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".native"
STAMP = FOLDER / "sources.hash"
SHARED = FOLDER / "shared"
"""What is imported by its own name: the code that all compiled modules share, and modules of ours in C. It is a folder of its
own, for sys.path: beside the packages, it would let Python find those there, without the modules that are not compiled."""

FLAGS = ("-Wno-error", "-fvisibility=hidden")
"""For the C compiler. What it says of generated C is no reason to do without it; nobody outside calls its functions."""

PACKAGES = {
    "schemas": ("draft", "event", "identifiers", "time"),
    "schemas.sources": ("canonical", "outcome", "reading", "segment"),
    "sinks.clickhouse": ("batcher", "rows"),
    "streams.delivery": (),
    "streams.journey": (),
    "streams.replay": ("plant", "run"),
}
"""Package -> the modules of it that are compiled; none named: all. The rest of `schemas` are dataclasses that describe
themselves at run time, which compiled classes cannot; nor can a compiled dataclass be generic."""

ARENAS: Final = "journeys_arenas"
"""A module of our own in C, built with them: memory in large pages, for `streams/memory.py`."""

ARENAS_SOURCE: Final = Path("streams/arenas.c")

State = Literal["compiled", "not built", "out of date", "switched off"]


def sources() -> list[Path]:
    """The files that are compiled, below ROOT."""
    found: list[Path] = []
    for package, names in PACKAGES.items():
        folder = Path(*package.split("."))
        chosen = names or sorted(p.stem for p in (ROOT / folder).glob("*.py") if p.stem != "__init__")
        found += [folder / f"{name}.py" for name in chosen]
    return found


def digest() -> str:
    """What a build must have been made from: these sources, by this Python, in this way."""
    found = blake2b(sys.version.encode(), digest_size=16)
    found.update(repr(FLAGS).encode())
    for path in [*sources(), ARENAS_SOURCE]:
        found.update(path.as_posix().encode() + b"\0" + (ROOT / path).read_bytes())
    return found.hexdigest()


def _state() -> State:
    if os.environ.get("JOURNEYS_NATIVE") == "0":
        return "switched off"
    if not STAMP.is_file():
        return "not built"
    return "compiled" if STAMP.read_text() == digest() else "out of date"


state: State = _state()


def prefer(package: str, path: list[str]) -> None:
    """Let a package find its compiled modules before their sources. `path`: its __path__."""
    if state == "compiled":
        path.insert(0, str(FOLDER / Path(*package.split("."))))
        if str(SHARED) not in sys.path:
            sys.path.append(str(SHARED))
