"""Memory: how an engine's process asks for it and keeps it. Nothing here changes a result."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas import native

GENERATION_0: Final = 200_000
"""Objects, allocated less freed, after which the garbage collector of an engine looks by itself. With its own 700 it takes a
fifth of all CPU, looking through a million entities that nothing of theirs ever made into a cycle."""

OLDER: Final = 1_000_000
"""... and looks at what has outlived one of these as good as never. Each such look stops a worker for half a second per
million objects, and finds nothing: what makes cycles here (tasks, errors with their tracebacks) is gone by the next look."""

COLLECTED: Final = 500_000
"""Objects between two looks in a sink. What it collects in half a second is so much more than 700 that half of its CPU went
into looking through that again and again (docs/performance.md). An insert of clickhouse-connect leaves a cycle of eight
small objects, so it does no harm that tens of thousands of inserts pass between two looks."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Numbers of glibc's `mallopt`, from its malloc.h."""

KEPT: Final = 256 * 1024 * 1024
"""Bytes that may be free before the kernel gets them back: at the end of the heap at once, elsewhere when nothing waits."""

MAPPED: Final = 32 * 1024 * 1024
"""Smaller blocks come from the heap: the most that glibc takes. A fetched batch is 4 MiB, a record batch half of one."""


IDLE_S: Final = 60.0
"""How often one looks whether much is free."""


def for_entities() -> None:
    """For a process that keeps much for long, and beside it takes and frees buffers of megabytes all the time.

    By itself glibc gives each of them back to the kernel, which has to clear the pages again for the next one; and what is
    kept is touched at random, which by pages of 4 KiB costs a look at the table of pages each time.
    """
    gc.set_threshold(GENERATION_0, OLDER, OLDER)
    keep_buffers()
    large_pages()


def for_rows() -> None:
    """For a process that keeps what it reads for a second, and then lets all of it go."""
    gc.freeze()  # the program itself
    gc.set_threshold(COLLECTED, *gc.get_threshold()[1:])


_within = 0
"""How many `uncollected` are going on."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Meanwhile the garbage collector does not look, and what there is at the end it never looks at again.

    For work that makes very much and leaves much, none of it in cycles: a slice of 48,000 records, a changelog that is read.
    Looking through it took 5 % of the CPU, half a second at a time, and found nothing (docs/performance.md). What becomes
    unused is freed all the same; a cycle that something else made meanwhile is not.
    """
    global _within
    _within += 1
    gc.disable()
    try:
        yield
    finally:
        _within -= 1
        if not _within:
            gc.freeze()
            gc.enable()


def look_at_new() -> None:
    """Let the garbage collector look at what is newer than the last such look, and never again; not within `uncollected`.

    Left to itself it looks when so many more objects were made than freed. Where entities that come to life replace others
    that fall asleep, as many are freed as made, and what it has not looked at grows and grows: with a million users it then
    looked for 4.7 s in one go (docs/performance.md). Twenty times a second it is a millisecond.
    """
    if not _within:
        gc.collect(0)
        gc.freeze()


def keep_buffers() -> bool:
    """Let the C library keep what was freed; False where it is another one than glibc, which does as it likes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT)) and bool(mallopt(_MMAP_THRESHOLD, MAPPED))


def large_pages() -> bool:
    """Let Python's small objects lie in pages of 2 MiB (`streams/arenas.c`); False where that is not built."""
    if native.state != "compiled":
        return False
    importlib.import_module(native.ARENAS).install()
    return True


class _Info(ctypes.Structure):
    """glibc's `struct mallinfo2` (malloc.h): bytes, but for the counts."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def spare() -> int:
    """Bytes that are free to this process, whether the kernel has them or not; 0 where nobody can say (before glibc 2.33)."""
    look, arenas = getattr(ctypes.CDLL(None), "mallinfo2", None), sys.modules.get(native.ARENAS)
    if look is None:
        return 0
    look.restype = _Info
    return int(look().fordblks) + (arenas.spare() if arenas is not None else 0)


def give_back() -> int:
    """Give the kernel what is free; by how many bytes that made the process smaller. It takes 0.1 ms a MiB."""
    trim, arenas = getattr(ctypes.CDLL(None), "malloc_trim", None), sys.modules.get(native.ARENAS)
    before = resident()
    if trim is not None:
        trim(ctypes.c_size_t(0))
    if arenas is not None:
        arenas.trim()
    return max(0, before - resident())


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Tidy:
    """Gives back what is free, where that is more than KEPT, at most once in IDLE_S, and only at a moment that is idle.

    What a long catch-up needed lies free between what is still in use, so nothing of it goes by itself.
    """

    def __init__(self, now: float) -> None:
        self._next = now + IDLE_S
        self._given = 0  # of what is free, given back before

    def look(self, now: float, idle: bool) -> int:
        """Bytes that are given back. `now`: seconds of any clock that only goes forward."""
        if not idle or now < self._next:
            return 0
        self._next = now + IDLE_S
        free = spare()
        self._given = min(self._given, free)
        if free - self._given <= KEPT:
            return 0
        self._given = free
        return give_back()
