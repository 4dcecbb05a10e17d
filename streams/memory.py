"""Memory: how an engine's process asks for it and keeps it. Nothing here changes a result."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

GENERATION_0: Final = 200_000
"""Objects allocated between two looks of the garbage collector in an engine, each some 20 ms. With its own 700 it takes a
fifth of all CPU, looking through a million entities that nothing of theirs ever made into a cycle. A sink keeps nothing for
long, and clickhouse-connect does make cycles."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Numbers of glibc's `mallopt`, from its malloc.h."""

KEPT: Final = 256 * 1024 * 1024
"""Bytes at the end of the heap that may be free before the kernel gets them back."""

MAPPED: Final = 32 * 1024 * 1024
"""Smaller blocks come from the heap: the most that glibc takes. A fetched batch is 4 MiB, a record batch half of one."""


def for_entities() -> None:
    """For a process that keeps much for long, and beside it takes and frees buffers of megabytes all the time.

    By itself glibc gives each of them back to the kernel, which has to clear the pages again for the next one.
    """
    gc.set_threshold(GENERATION_0, 50, 1_000)
    keep_buffers()


def keep_buffers() -> bool:
    """Let the C library keep what was freed; False where it is another one than glibc, which does as it likes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT)) and bool(mallopt(_MMAP_THRESHOLD, MAPPED))
