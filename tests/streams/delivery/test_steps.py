"""Steps: a batch that is computed in turns comes to the same work as one that is computed in one go, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.contracts import Record, Work
from streams.delivery.decode_task import DecodeTask
from streams.delivery.settings import TaskSettings
from tests.simulation import toys
from tests.streams.delivery.harness import STILL, Driven, event

SETTINGS = TaskSettings(heartbeats={"members": 1}, clock=STILL, checkpoint_every=50, write_slice=3, timer_slice=2)

BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90), st.sampled_from("eebax")), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)
"""Batches of (person, time since the one before, kind)."""


def records(batches: list[list[tuple[int, int, str]]]) -> list[list[Record]]:
    at, offset, found = 0, 0, []
    for batch in batches:
        found.append([])
        for person, later, kind in batch:
            at += later
            found[-1].append(event(offset, f"u{person}", at, kind))
            offset += 1
    return found


@given(BATCHES, st.integers(1, 5))
def test_a_batch_in_steps_comes_to_the_work_of_a_batch_in_one_go(
    batches: list[list[tuple[int, int, str]]], step: int
) -> None:
    whole, stepped = (Driven(settings=SETTINGS).take_over() for _ in range(2))
    for batch in records(batches):
        for driven in (whole, stepped):
            driven.now += 30
        *turns, work = stepped.task.steps("direct", batch, stepped.now, False, step)
        assert len(turns) >= len(batch) / step
        assert turns == [None] * len(turns)
        expected = whole.read(*batch)
        assert work is not None
        assert shown(work) == shown(expected)
        whole.do(expected)
        stepped.do(work)
    assert stepped.log == whole.log
    assert stepped.task.counts == whole.task.counts


def test_what_was_done_meanwhile_is_acknowledged_between_two_steps() -> None:
    driven = Driven(settings=SETTINGS).take_over()
    first = driven.read(*(event(offset, "ann", offset * 10) for offset in range(3)))
    steps = driven.task.steps("direct", [event(offset, "ann", offset * 10) for offset in range(3, 9)], 0, False, 2)
    assert next(steps) is None
    driven.do(first)
    *_, second = steps
    driven.do(second)
    driven.do(driven.task.drain(driven.now))
    assert driven.committed == {"direct": 9}


@given(BATCHES, st.integers(1, 5))
def test_so_does_a_batch_that_is_only_decoded(batches: list[list[tuple[int, int, str]]], step: int) -> None:
    whole, stepped = (DecodeTask(toys.route, "direct", 0, {"events": 1, "members": 1}, STILL) for _ in range(2))
    for batch in records(batches):
        *_, work = stepped.steps("direct", batch, 0, False, step)
        assert work is not None
        assert shown(work) == shown(whole.process("direct", batch, 0, False))


def shown(work: Work) -> tuple[object, ...]:
    outputs = [(o.topic, o.key, o.value, o.headers, o.partition) for o in work.outputs]
    return work.batch, work.changelog, outputs, work.commit
