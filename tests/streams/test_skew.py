"""Sources wait in catch-up for what follows them to be heard out: not for ever, and never where nothing is behind."""

from __future__ import annotations

from collections import Counter
from typing import Any

from streams.delivery.contracts import NOTHING_YET
from streams.delivery.decode_task import DecodeTask
from streams.delivery.task import Task
from streams.lanes import Lane, Reading, Way
from streams.skew import AHEAD, PATIENCE_S, Skew
from tests.simulation import toys

DAY = 1_000
"""Most that one source may be ahead of another, in this world."""


class World:
    """One decode lane and one of users. `ends`: of their topics, as the broker tells them; `now`: s."""

    def __init__(self) -> None:
        self.ends = {"raw": 10, "events": 5}
        self.now = 0.0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.users: Task[Any] = Task(toys.CountingUsers(), 0, ("events",), 1, "users/0", {"events": ["raw/0"]})
        self.decode = DecodeTask(toys.route, "raw", 0)
        way = Way(None, None, lambda topic, end: None, lambda topic: (-1, 0))  # type: ignore[arg-type]
        self.source = Lane("raw/0", self.decode, {"raw": Reading(0)}, way)
        self.after = Lane("users/0", self.users, {"events": Reading(5)}, way)
        self.skew = Skew(
            DAY, lambda topic: topic == "raw", lambda t, p: self.ends[t], True, self.counts, lambda: self.now
        )
        self.skew.watch({("raw", 0): self.source, ("users", 0): self.after})
        self.decode.promise("raw", 1)

    def holds(self, at: int) -> bool:
        """Whether the source waits, having been read up to `at`."""
        self.skew.hold(self.source, "raw")
        self.decode.promise("raw", at)
        return self.skew.hold(self.source, "raw")


def test_a_source_waits_while_it_is_far_ahead_of_what_has_been_heard() -> None:
    world = World()
    world.users.heard = 5_000
    assert not world.holds(5_000 + AHEAD * DAY)
    assert world.holds(5_001 + AHEAD * DAY)
    world.users.heard = 5_001
    assert not world.holds(5_001 + AHEAD * DAY)


def test_before_anything_was_heard_it_waits_by_its_own_first_time() -> None:
    world = World()
    assert world.users.heard == NOTHING_YET
    assert not world.holds(1 + AHEAD * DAY)
    assert world.holds(2 + AHEAD * DAY)


def test_it_waits_at_once_while_an_entity_keeps_very_much_open() -> None:
    world = World()
    world.users.heard, world.users.full_to = 5_000, 5_100
    assert not world.holds(5_000)
    assert world.holds(5_001)
    world.users.heard = 5_100
    assert not world.holds(5_101)


def test_where_nothing_follows_any_more_and_nothing_is_heard_it_goes_on_and_that_is_counted_once() -> None:
    world = World()
    world.users.heard = 0
    assert world.holds(2 + AHEAD * DAY)
    world.now = PATIENCE_S + 0.1
    assert not world.holds(3 + AHEAD * DAY)
    assert not world.holds(4 + AHEAD * DAY)
    assert world.counts == {("let_go", "sources"): 1}


def test_as_long_as_something_follows_there_is_patience() -> None:
    world = World()
    world.users.heard, world.ends["events"] = 0, 6
    assert world.holds(2 + AHEAD * DAY)
    world.now = 10 * PATIENCE_S
    assert world.holds(3 + AHEAD * DAY)
    assert not world.counts


def test_what_follows_a_source_is_in_no_hurry_while_one_is_behind_unless_sources_wait_for_it() -> None:
    world = World()
    world.source.behind.add("raw")
    assert not world.skew.after("events"), "exact: sources wait for it"
    fast = Skew(DAY, lambda topic: topic == "raw", lambda t, p: world.ends[t], False)
    fast.watch({("raw", 0): world.source, ("users", 0): world.after})
    assert fast.after("events")
    assert not fast.after("raw")
    world.source.behind.clear()
    world.after.behind.add("events")
    assert not fast.after("events"), "else two hops would keep each other waiting after all is read"
