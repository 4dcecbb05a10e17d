"""Timers fire once each, in order of deadline, and say truly that nobody is due before a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.contracts import NEVER
from streams.delivery.timers import WIDTH, Timers

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
TIMES = st.integers(0, 4 * WIDTH) | st.integers(0, 40)


class Book:
    """Deadlines as a plain dict, and the timers over it."""

    def __init__(self) -> None:
        self.deadlines: dict[bytes, int] = {}
        self.timers = Timers(lambda key: self.deadlines.get(key, NEVER))

    def set(self, key: bytes, deadline: int) -> None:
        self.deadlines[key] = deadline
        self.timers.arm(key, deadline)

    def fire(self, watermark: int, limit: int = 100) -> list[tuple[int, bytes]]:
        fired = []
        for _ in range(limit):
            due = self.timers.pop(watermark)
            if due is None:
                break
            fired.append(due)
            self.deadlines.pop(due[1])
        return fired


@given(st.lists(st.tuples(st.sampled_from(["set", "fire", "drop"]), KEYS, TIMES, st.integers(1, 5)), max_size=40))
def test_timers_agree_with_a_sorted_list(steps: list[tuple[str, bytes, int, int]]) -> None:
    book = Book()
    watermark = -1
    for kind, key, time, limit in steps:
        if kind == "set":
            book.set(key, watermark + 1 + time)
        elif kind == "drop":
            book.deadlines.pop(key, None)
            book.timers.disarm(key)
        else:
            watermark = max(watermark, time)
            expected = sorted((d, k) for k, d in book.deadlines.items() if d <= watermark)[:limit]
            assert book.fire(watermark, limit) == expected
        soonest = min(book.deadlines.values(), default=NEVER)
        assert book.timers.oldest(watermark) <= soonest
        assert len(book.timers) <= 4


def test_a_moved_deadline_fires_at_its_new_time_only() -> None:
    book = Book()
    book.set(b"a", 100)
    book.set(b"a", 10 * WIDTH)
    assert book.fire(9 * WIDTH) == []
    assert book.fire(10 * WIDTH) == [(10 * WIDTH, b"a")]


def test_an_earlier_deadline_replaces_a_later_one() -> None:
    book = Book()
    book.set(b"a", 10 * WIDTH)
    book.set(b"a", 5)
    assert book.fire(5) == [(5, b"a")]
    assert book.fire(20 * WIDTH) == []


def test_deadlines_in_one_bucket_fire_in_exact_order() -> None:
    book = Book()
    for key, deadline in ((b"a", 30), (b"b", 10), (b"c", 20)):
        book.set(key, deadline)
    assert book.fire(WIDTH) == [(10, b"b"), (20, b"c"), (30, b"a")]


def test_activity_that_moves_deadlines_to_later_leaves_one_entry_per_key() -> None:
    book = Book()
    for at in range(10_000):
        book.set(b"%d" % (at % 10), at * 1_000 + 30 * 24 * 3_600_000)
    assert len(book.timers) == 10
    assert sum(map(len, book.timers._far.values())) == 10


def test_without_a_deadline_nothing_is_armed() -> None:
    book = Book()
    book.set(b"a", NEVER)
    assert len(book.timers) == 0
