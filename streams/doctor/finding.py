"""Finding: one thing that a deployment was looked at for, whether it is well, and what to do where it is not."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "note", "error"]


class Finding(NamedTuple):
    """what: as it is; do: what to do about it, empty where all is well. A note costs no sleep, an error does."""

    area: str
    level: Level
    what: str
    do: str = ""


def ok(area: str, what: str) -> Finding:
    return Finding(area, "ok", what)


def note(area: str, what: str, do: str) -> Finding:
    return Finding(area, "note", what, do)


def error(area: str, what: str, do: str) -> Finding:
    return Finding(area, "error", what, do)
