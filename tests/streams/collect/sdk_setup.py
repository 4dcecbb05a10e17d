"""The environment of the vendors' own SDKs, `.sdks`: Python's from requirements/sdks.txt, Node and npm's beside them.

It is apart from ours: these clients want other versions of what we want. `make sdks` makes it, and so does the first test
that needs it. Nothing in it is named but by package, version and hash.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOME = ROOT / ".sdks"
NODE = HOME / "node"
LOCKS = {"sdks.txt": (), "sdks-apart.txt": ("--no-deps",)}
"""In `requirements`, with pip's further options."""
OWN = Path(__file__).parent / "node"
PYTHON = HOME / "bin" / "python"
NODE_PROGRAM = HOME / "bin" / "node"


def wanted() -> str:
    """What the environment is made of, as a digest."""
    locks = [ROOT / "requirements" / name for name in LOCKS]
    parts = (*locks, OWN / "package.json", OWN / "package-lock.json")
    return sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def is_made() -> bool:
    stamp = HOME / ".installed"
    return stamp.is_file() and stamp.read_text() == wanted()


def make() -> None:
    """Make the environment, if it is not there as it should be: about 100 MB to fetch, 370 MB on disk."""
    if is_made():
        return
    print("sdks: making .sdks", flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(HOME))
    for name, options in LOCKS.items():
        pip = (str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
        _run(*pip, *options, "-r", str(ROOT / "requirements" / name))
    NODE.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(OWN / name, NODE / name)
    quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run(str(HOME / "bin" / "npm"), "ci", *quietly, cwd=NODE)
    (HOME / ".installed").write_text(wanted())


def _run(*command: str, cwd: Path = ROOT) -> None:
    path = os.pathsep.join(
        [str(HOME / "bin"), os.environ.get("PATH", "")]
    )  # npm begins with `env node`: ours, not another
    subprocess.run(command, cwd=cwd, check=True, timeout=280, env={**os.environ, "PATH": path})


if __name__ == "__main__":
    make()
