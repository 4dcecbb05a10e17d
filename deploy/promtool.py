"""Prometheus' own checker of rules and queries: the machine's, else out of Debian's package `prometheus`, kept beside us.

`python -m deploy.promtool` says where it is, and fetches it where it is not. The package is not installed: that would
start a Prometheus.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.cache import kept
from deploy.debian import DebianError, apt, own, run

Say = Callable[[str], None]

VARIABLE = "PROMTOOL"
"""Names a promtool of your own."""


class PromtoolError(RuntimeError):
    """There is no promtool and none can be had here; the message says what to do."""


def promtool(say: Say = print) -> Path:
    """The promtool of this machine; fetched, and told through `say`, where there is none. Raises PromtoolError."""
    found = installed() or unpacked()
    if found is not None:
        return found
    if shutil.which("apt-get") is None:
        raise PromtoolError(
            f"there is no promtool here, and no apt-get to get one: install Prometheus, or name it with {VARIABLE}="
        )
    folder = kept("promtool")
    say(f"promtool: none on this machine; fetching Debian's package prometheus (about 20 MB) into {folder}")
    try:
        _unpack(folder)
    except DebianError as problem:
        raise PromtoolError(
            f"{problem}; there is no promtool: install Prometheus, or name it with {VARIABLE}="
        ) from None
    return folder / "promtool"


def installed() -> Path | None:
    """The one that is named, or that on the PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise PromtoolError(f"{VARIABLE}={named} is no program that can be run: correct the path, or leave it out")
        return Path(named)
    found = shutil.which("promtool")
    return Path(found) if found else None


def unpacked() -> Path | None:
    """The one that we unpacked earlier."""
    program = kept("promtool") / "promtool"
    return program if program.is_file() else None


def _unpack(into: Path) -> None:
    """Fetch the package without a right of root, and keep that one program of it: it needs nothing but the C library."""
    work = into / "work"
    shutil.rmtree(work, ignore_errors=True)
    options = own(work / "lists", work / "cache")
    apt(*options, "update")
    apt(*options, "download", "prometheus", folder=work)
    (package,) = work.glob("prometheus_*.deb")
    run("dpkg-deb", "-x", str(package), str(work / "root"))
    (work / "root" / "usr" / "bin" / "promtool").replace(into / "promtool")
    shutil.rmtree(work)


def main() -> int:
    try:
        print(f"promtool: {promtool()}")
    except PromtoolError as problem:
        print(f"promtool: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
