"""A partition settles nothing before all of its stage have heard each other out, over as many hops as a chain may have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import NOTHING_YET, Origin, Output, Record
from streams.delivery.hops import HEARD, HOPS, LEVELS, levels
from streams.delivery.origins import HEADER, Origins, Stamp, decode_origin, encode_origin
from streams.delivery.settings import TaskSettings
from tests.streams.delivery.harness import Driven

NAMES = ("users/0", "users/1")
SETTINGS = TaskSettings(
    clock=ClockSettings(wall=False), stamped=frozenset({"events"}), heartbeats={"members": 1},
    peers={"events": NAMES}, levels={"events": 2}, heartbeat_every=0,
)  # fmt: skip


class Stage:
    """Two partitions of users that read one topic each, and one that writes to both."""

    def __init__(self, settings: TaskSettings = SETTINGS) -> None:
        self.tasks = [self._task(settings, name) for name in NAMES]
        self.offsets = [0, 0]
        self.sent = [0, 0]

    def _task(self, settings: TaskSettings, name: str) -> Driven:
        driven = Driven(settings=settings, inputs=("events",), origins={"events": ["raw/0"]})
        driven.task._stamp = Stamp(name)
        return driven.take_over()

    def read(self, partition: int, *headers: tuple[str, bytes]) -> None:
        record = Record("events", 0, self.offsets[partition], 0, None, None, headers)
        self.offsets[partition] += 1
        self.tasks[partition].take(record)

    def time(self, partition: int, at: int) -> None:
        """The source says to this partition that nothing earlier than `at` follows."""
        self.read(partition, (HEADER, encode_origin(Origin("raw/0", at, 0, at))))

    def post(self, sender: int) -> None:
        """All that this partition has told its stage since the last time reaches it."""
        driven = self.tasks[sender]
        driven.tick(10**9 + len(driven.published))
        new, self.sent[sender] = driven.published[self.sent[sender] :], len(driven.published)
        for output in new:
            if output.topic == "events" and output.partition is not None:
                self.read(output.partition, *output.headers)

    @property
    def heard(self) -> list[int]:
        return [driven.task.heard for driven in self.tasks]


def test_what_is_settled_waits_for_the_slowest_of_the_stage_and_for_every_hop() -> None:
    stage = Stage()
    stage.time(0, 100)
    stage.time(1, 60)
    for hop in range(HOPS):
        assert max(stage.heard) == NOTHING_YET, f"after {hop} hops"
        stage.post(0)
        stage.post(1)
        if hop < HOPS - 1:
            assert min(stage.heard) == NOTHING_YET
    stage.post(0)
    stage.post(1)
    assert stage.heard == [60, 60]


def test_whoever_has_no_stage_to_hear_out_settles_by_its_own_time() -> None:
    stage = Stage(replace(SETTINGS, peers={}, levels={}))
    stage.time(0, 100)
    assert stage.heard == [100, NOTHING_YET]


def heard_out() -> Stage:
    """One partition was told of 100 ms, the other of 60, and both have said all that follows."""
    stage = Stage()
    stage.time(0, 100)
    stage.time(1, 60)
    for _ in range(HOPS + 2):
        stage.post(0)
        stage.post(1)
    return stage


def test_what_was_heard_is_told_to_the_stage_that_follows() -> None:
    stage = heard_out()
    told = [origin(o) for o in stage.tasks[0].published if o.topic == "members"][-1]
    assert (told["users/0"], told["users/0" + HEARD]) == (100, 60)


def origin(output: Output) -> dict[str, int]:
    found = [decode_origin(value) for name, value in output.headers if name == HEADER]
    return {one.sender: one.watermark for one in found}


def test_a_restart_remembers_what_was_heard() -> None:
    one = heard_out().tasks[0]
    one.do(one.task.drain(0))
    again = Driven(one.log, 2, SETTINGS, ("events",), {"events": ["raw/0"]}).take_over()
    again.tick(1)
    assert again.task.heard == 60


@given(st.integers(0, 100), st.lists(st.integers(0, 100), min_size=HOPS, max_size=HOPS))
def test_no_level_is_above_the_one_that_it_answers_nor_above_what_is_read_here(first: int, heard: list[int]) -> None:
    found = levels(first, heard)
    assert list(found) == list(LEVELS)
    assert all(found[mark] <= first for mark in LEVELS)
    assert all(found[mark] <= below for mark, below in zip(LEVELS[1:], heard, strict=False))


def test_of_names_that_nobody_has_said_anything_under_nothing_is_known() -> None:
    origins: Any = Origins([])
    assert origins.said([b"users/0^0"]) == NOTHING_YET
