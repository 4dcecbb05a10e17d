"""The stateless hop: what it sends follows from its records alone, and says where each came from."""

from __future__ import annotations

import pytest

from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import NEVER, NOTHING_YET, Ok, Origin, Outcome, Output, Record, Work
from streams.delivery.decode_task import DecodeTask
from streams.delivery.origins import decode_origin
from tests.simulation.toys import route
from tests.streams.delivery.harness import event

HOPS = {"events": 2, "members": 1}


def task(**settings: int) -> DecodeTask:
    return DecodeTask(route, "raw@1", 0, HOPS, ClockSettings(wall=False), **settings)


def raw(offset: int, user: str, at: int, kind: str = "e") -> Record:
    return event(offset, user, at, kind, topic="raw")


def origins(work: Work | None) -> list[Origin]:
    assert work is not None
    return [decode_origin(dict(output.headers)["o"]) for output in work.outputs]


def records(work: Work) -> list[Output]:
    return [output for output in work.outputs if output.value is not None]


def test_each_output_says_which_record_and_which_part_of_it_it_is() -> None:
    work = task(heartbeat_every=10**9).process("raw", [raw(5, "ann", 10), raw(6, "ann", 20, "b")], 0, False)
    assert [origin[:3] for origin in origins(work)] == [("raw@1/0", 5, 0), ("raw@1/0", 6, 0), ("raw@1/0", 6, 1)]
    assert [output.topic for output in work.outputs] == ["events", "events", "members"]
    assert work.commit == {"raw": 7}


def test_a_record_carries_the_watermark_of_those_before_it() -> None:
    """Never its own: it may hold several events, and not in order."""
    work = task(heartbeat_every=10**9).process("raw", [raw(0, "ann", 10), raw(1, "bob", 20, "b")], 0, False)
    assert [origin.watermark for origin in origins(work)] == [NOTHING_YET, 10, 10]


def test_reading_again_sends_the_same_again() -> None:
    batch = [raw(i, "ann", 10 * i, kind) for i, kind in enumerate("ebaxde")]
    first, second = (records(task().process("raw", batch, now, False)) for now in (0, 99_999))
    assert first == second


def test_a_heartbeat_goes_to_every_partition_that_it_writes_to() -> None:
    decode = task()
    decode.process("raw", [raw(0, "ann", 10)], 0, False)
    work = decode.process("raw", [raw(1, "ann", 30)], 5_000, False)
    beats = [(output.topic, output.partition) for output in work.outputs if output.value is None]
    assert beats == [("events", 0), ("events", 1), ("members", 0)]
    assert origins(work)[-1].watermark == 30


def test_without_movement_there_is_no_heartbeat() -> None:
    decode = task()
    decode.process("raw", [raw(0, "ann", 10)], 1_000, False)
    assert decode.tick(9_000, caught_up=True) is None


def test_an_empty_partition_says_that_nobody_need_wait_for_it() -> None:
    work = task().tick(1_000, caught_up=True, empty=True)
    assert {origin.watermark for origin in origins(work)} == {NEVER}


def test_a_partition_that_is_no_longer_empty_says_its_time() -> None:
    decode = task()
    decode.tick(1_000, caught_up=True, empty=True)
    work = decode.process("raw", [raw(0, "ann", 10)], 5_000, True)
    assert origins(work)[-1].watermark == 10


def test_a_watermark_record_is_passed_on_as_a_heartbeat() -> None:
    work = task().process("raw", [raw(0, "", 500, "w")], 1_000, False)
    assert {origin.watermark for origin in origins(work)} == {500}


def test_after_a_restart_a_quiet_partition_goes_on_from_its_last_record() -> None:
    decode = task()
    decode.resume(raw(41, "ann", 700))
    work = decode.tick(1_000, caught_up=True)
    assert {origin.watermark for origin in origins(work)} == {700}


def test_what_became_of_each_record_is_counted_once() -> None:
    decode = task()
    decode.process("raw", [raw(i, "ann", 10, kind) for i, kind in enumerate("ebaxdw")], 0, False)
    counts = decode.counts
    assert counts["read", "raw"] == 6
    assert (counts["redirected", "rekeyed"], counts["dead", "broken"]) == (3, 1)
    assert (counts["dropped", "unwanted"], counts["clock", "raw"]) == (1, 1)


def test_an_input_for_an_entity_is_a_mistake_of_the_route() -> None:
    def wrong(record: Record) -> list[Outcome]:
        return [Ok(b"ann", 1, 1)]

    with pytest.raises(TypeError, match="return a Redirect"):
        DecodeTask(wrong, "raw", 0).process("raw", [raw(0, "ann", 1)], 0, False)
