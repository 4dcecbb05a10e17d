"""Memory: buffers that come and go cost no page faults, and what a peak needed goes back, where the C library can be told."""

import gc
import os
import platform
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import native
from streams import memory

COUNTS_FAULTS = """
import resource, sys
from streams import memory
if sys.argv[1] == "kept":
    memory.keep_buffers()

def many():
    return [b"x" * 4_000_000 for _ in range(16)]

many()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    many()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


PEAK = """
from streams import memory

memory.keep_buffers()
kept, large = [], []
for n in range(400):
    large.append(b"x" * (1_000_000 + n))
    kept.append(bytes(2_000 + n))  # holds on to the end of the heap
at_most = memory.resident()
large.clear()
print(*(n >> 20 for n in (at_most, memory.resident(), memory.give_back(), memory.resident(), memory.spare())))
"""

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library does as it likes")


def page_faults(way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNTS_FAULTS, way], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@GLIBC
def test_buffers_that_are_freed_and_taken_again_cost_no_page_faults() -> None:
    assert page_faults("kept") * 10 < page_faults("as it is")


@GLIBC
def test_what_a_peak_needed_goes_back_when_it_is_much_and_is_free() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, timeout=60)
    at_most, after, given, left, free = map(int, done.stdout.split())
    assert after > at_most - 50, "by itself it stays"
    assert given > 300
    assert left < at_most - 300
    assert free > 300, "free to us it still is"


def test_one_looks_once_a_minute_and_only_when_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    free = memory.KEPT + 1
    monkeypatch.setattr(memory, "spare", lambda: free)
    monkeypatch.setattr(memory, "give_back", lambda: 7)
    tidy = memory.Tidy(100.0)
    assert [tidy.look(at, True) for at in (100.0, 159.9, 160.0, 161.0)] == [0, 0, 7, 0]
    free += memory.KEPT + 1
    assert tidy.look(225.0, False) == 0
    assert tidy.look(230.0, True) == 7


def test_what_was_given_back_and_lies_free_still_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [memory.KEPT, 3 * memory.KEPT, 3 * memory.KEPT, memory.KEPT, 2 * memory.KEPT, 2 * memory.KEPT + 1]
    monkeypatch.setattr(memory, "spare", lambda: free.pop(0))
    monkeypatch.setattr(memory, "give_back", lambda: 7)
    tidy = memory.Tidy(0.0)
    assert [tidy.look(100.0 * n, True) for n in range(1, 7)] == [0, 7, 0, 0, 0, 7]


SMALL = """
from pathlib import Path
from streams import memory

def large():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("AnonHugePages"))

def many():
    return [(n, str(n)) for n in range(2_000_000)]

assert memory.large_pages()
kept = many()
some = large()
assert [int(text) for n, text in kept] == list(range(2_000_000))
at_most = []
for again in range(6):
    kept = None
    kept = many()
    at_most.append(memory.resident())
kept = None
print(some, *(n >> 20 for n in (at_most[1], at_most[-1], memory.resident(), memory.give_back())), memory.resident() >> 20)
assert [int(text) for n, text in many()] == list(range(2_000_000))
"""

WHOLE = """
import threading
from streams import memory

def deep(n):
    return n and deep(n - 1)

def text(size):
    return {n: (n, str(n)) for n in range(size)}

assert memory.large_pages() and memory.large_pages()
kept = []
for n in range(12):
    deep(900)  # the frames of a deep call lie in memory of the same allocator
    thread = threading.Thread(target=deep, args=(900,))
    thread.start()
    kept.append(text(100_000))
    thread.join()
    if n % 3 == 2:
        kept[n // 2].clear()
        memory.give_back()
for found in kept:
    assert all(found[n] == (n, str(n)) for n in found)
print(sum(map(len, kept)))
"""

COMPILED = pytest.mark.skipif(
    not native.STAMP.is_file() or native.STAMP.read_text() != native.digest(),
    reason="the core is not compiled, so neither are the arenas",
)

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def compiled(source: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "JOURNEYS_NATIVE"}
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=env).stdout


@COMPILED
def test_deep_calls_and_threads_take_nothing_from_what_objects_lie_in() -> None:
    """Found in review: Python asks the allocator of arenas for its frames too, in other sizes."""
    assert int(compiled(WHOLE)) == 8 * 100_000


@COMPILED
@pytest.mark.skipif(not THP.is_file() or "[never]" in THP.read_text(), reason="the kernel has no such pages")
def test_small_objects_lie_in_large_pages_which_are_used_again_and_given_back() -> None:
    large, second, last, freed, given, left = map(int, compiled(SMALL).split())
    assert large > 150
    assert last < second + 20, "what is freed is taken again"
    assert freed > last - 100, "it is kept"
    assert given > 200, "until it is asked for"
    assert left < 150


class Cycle:
    """Something that only the garbage collector frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """The collector's looks, with a threshold at which it looks often; what it is not to look at again is given back."""
    found: list[str] = []
    before, look = gc.get_threshold(), lambda phase, info: found.append(phase)
    gc.set_threshold(100, 10, 10)
    gc.callbacks.append(look)
    yield found
    gc.callbacks.remove(look)
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_collector_does_not_look_while_much_is_made_nor_at_what_was_made_afterwards(collections: list[str]) -> None:
    with memory.uncollected():
        collections.clear()
        with memory.uncollected():
            kept = [[n] for n in range(10_000)]
        more = [[n] for n in range(10_000)]
        assert not collections, "within one the end of another one changes nothing"
    assert gc.get_freeze_count() > len(kept) + len(more)
    watched = weakref.ref(Cycle())
    later = [[n] for n in range(10_000)]
    assert collections, "what is made after it is looked at as ever"
    assert watched() is None
    del kept, more, later


def test_the_collector_looks_again_after_a_failure(collections: list[str]) -> None:
    with pytest.raises(ValueError, match="broken"), memory.uncollected():
        raise ValueError("broken")
    kept = [[n] for n in range(10_000)]
    assert collections
    assert len(kept) == 10_000


def test_a_sink_has_the_collector_look_seldom_but_look(collections: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "COLLECTED", 50_000)
    memory.for_rows()
    collections.clear()
    rows = [[n] for n in range(40_000)]
    assert not collections, "rows that are on their way are left alone"
    watched = weakref.ref(Cycle())
    rows += [[n] for n in range(40_000)]
    assert collections
    assert watched() is None
    assert len(rows) == 80_000


def test_a_look_at_what_is_new_frees_its_cycles_and_is_the_last_at_what_stays(collections: list[str]) -> None:
    memory.look_at_new()
    gone, kept = weakref.ref(Cycle()), [[n] for n in range(10_000)]
    looked = gc.get_freeze_count()
    memory.look_at_new()
    assert gone() is None
    assert gc.get_freeze_count() - looked >= len(kept)
    assert not gc.get_objects(1), "nothing is left for a later look"
    assert not gc.get_objects(2)


def test_however_much_is_freed_meanwhile_what_is_new_does_not_pile_up() -> None:
    """Found at a million users: who wakes makes as much as is freed of who falls asleep, and the collector never looked."""
    memory.look_at_new()
    before, table = gc.get_threshold(), [[n] for n in range(50_000)]
    gc.set_threshold(200_000, 10, 10)
    try:
        memory.look_at_new()
        for turn in range(20):
            for n in range(turn * 2_000, (turn + 1) * 2_000):
                table[n] = [n]
            piled = len(gc.get_objects(0))
            memory.look_at_new()
            assert piled < 10_000
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_a_look_waits_while_much_is_made(collections: list[str]) -> None:
    with memory.uncollected():
        collections.clear()
        memory.look_at_new()
        assert not collections
