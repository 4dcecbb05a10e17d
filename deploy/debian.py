"""Debian's packages, for programs that tests need and PyPI does not have: apt as root, or with lists and a cache of our own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WAIT_S = 900
"""Seconds for apt to fetch and unpack about 100 MB; another apt on the machine is waited for."""


class DebianError(RuntimeError):
    """apt or dpkg failed; the message has its last words."""


def own(lists: Path, cache: Path) -> tuple[str, ...]:
    """Options by which apt keeps its lists and what it fetches there, which asks for no right of root."""
    for path in (lists / "partial", cache / "archives" / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    return "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}", "-o", "Debug::NoLocking=1"


def apt(*words: str, folder: Path | None = None) -> None:
    """apt-get, which asks nothing; `folder` is where it leaves what it downloads."""
    run("apt-get", "-q", "-o", f"DPkg::Lock::Timeout={WAIT_S // 2}", *words, folder=folder)


def run(*command: str, folder: Path | None = None) -> None:
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_S, cwd=folder,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )  # fmt: skip
    if told.returncode:
        raise DebianError(f"{command[0]} failed: {_last(told.stderr or told.stdout)}")


def _last(text: str, lines: int = 3) -> str:
    return " ".join(text.split("\n")[-lines - 1 :]).strip()
