"""Opening a page in the browser of whoever sits at this machine; on one without a screen, or in a script, nothing."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from urllib.error import URLError
from urllib.request import urlopen

LISTENS_S = 30.0
"""A board on a busy machine listens after a few seconds."""


def seen(terminal: bool) -> bool:
    """Whether somebody would see it: a person at a terminal, and a screen. Without one, `webbrowser` would take a browser of
    text, and with it the terminal."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return terminal and bool(screen)


def opened(address: str, home: str, terminal: bool) -> bool:
    """Open `address` as soon as the server at `home` answers. False where nobody would see it, or nothing answers."""
    if not seen(terminal) or not _listens(home):
        return False
    return webbrowser.open(address)


def _listens(home: str) -> bool:
    deadline = time.monotonic() + LISTENS_S
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{home}/health", timeout=1):
                return True
        except (URLError, OSError):
            time.sleep(0.1)
    return False
