"""The cache: where what was fetched is kept between runs, for all checkouts of this user."""

from __future__ import annotations

import os
from pathlib import Path


def kept(what: str) -> Path:
    """The folder of one kind of it: `$XDG_CACHE_HOME/journeys/<what>`, which need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "journeys" / what
