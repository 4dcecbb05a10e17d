"""A Chromium for tests and pictures: the machine's own, else Debian's packages, installed as root or unpacked beside us.

`python -m deploy.browser` says where it is, and fetches it where it is not.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.cache import kept
from deploy.debian import DebianError, apt, own, run

Say = Callable[[str], None]

VARIABLE = "CHROMIUM"
"""Names a Chromium of your own."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability",
    "--disable-client-side-phishing-detection", "--no-first-run", "--no-default-browser-check", "--metrics-recording-only",
)  # fmt: skip
"""No window, no sandbox (as root there is none), and nothing that it asks of the network by itself."""


class BrowserError(RuntimeError):
    """There is no Chromium and none can be had here; the message says what to do."""


def chromium(say: Say = print) -> Path:
    """The Chromium of this machine; fetched, and told through `say`, where there is none. Raises BrowserError."""
    found = installed() or unpacked()
    if found is not None:
        return found
    if shutil.which("apt-get") is None:
        raise BrowserError(
            f"there is no Chromium here, and no apt-get to get one: install it, or name it with {VARIABLE}="
        )
    try:
        _fetch(say)
    except DebianError as problem:
        raise BrowserError(f"{problem}; there is no Chromium: install one, or name it with {VARIABLE}=") from None
    found = installed() or unpacked()
    if found is None:
        raise BrowserError(f"apt-get has brought no Chromium: install one, or name it with {VARIABLE}=")
    return found


def _fetch(say: Say) -> None:
    if os.geteuid() == 0:
        say("browser: no Chromium on this machine; installing Debian's package chromium with apt-get (about 100 MB)")
        apt("update")
        apt("install", "-y", "--no-install-recommends", "chromium")
    else:
        say(f"browser: no Chromium on this machine; fetching Debian's packages and unpacking them in {folder()}")
        _unpack(folder())


def installed() -> Path | None:
    """The one that is named, or the first on the PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise BrowserError(f"{VARIABLE}={named} is no program that can be run: correct the path, or leave it out")
        return Path(named)
    return next((Path(path) for path in map(shutil.which, NAMES) if path), None)


def folder() -> Path:
    """Where we unpack, for whoever is not root."""
    return kept("chromium")


def unpacked() -> Path | None:
    """The start script of the one that we unpacked earlier."""
    script = folder() / "chromium"
    return script if script.is_file() else None


def _unpack(into: Path) -> None:
    """Fetch the package and what it needs and this machine lacks, without a right of root, and lay it all out in a folder.

    apt gets lists and a cache of its own there; what dpkg has installed it reads where it is.
    """
    lists, cache, root = into / "lists", into / "cache", into / "root"
    options = own(lists, cache)
    root.mkdir(parents=True, exist_ok=True)
    apt(*options, "update")
    apt(*options, "install", "-y", "--no-install-recommends", "--download-only", "chromium")
    for package in sorted((cache / "archives").glob("*.deb")):
        run("dpkg-deb", "-x", str(package), str(root))
    shutil.rmtree(cache)
    shutil.rmtree(lists)
    script = into / "chromium"
    libraries = ":".join(str(path) for path in sorted((root / "usr" / "lib").glob("*-linux-gnu*")))
    script.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}:$LD_LIBRARY_PATH" exec "{root}/usr/lib/chromium/chromium" "$@"\n'
    )
    script.chmod(0o755)


def main(arguments: Sequence[str] = ()) -> int:
    try:
        print(f"browser: {chromium()}")
    except BrowserError as problem:
        print(f"browser: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
