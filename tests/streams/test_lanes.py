"""Lanes: order, overlap, slices and endings, with a task and sends that can be looked at."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from streams import lanes
from streams.batch.append import Appender
from streams.batch.fetch import Batch
from streams.batch.owner import SendFailed
from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import NOTHING_YET, Record
from streams.delivery.decode_task import DecodeTask
from streams.delivery.partition import Partitioner
from streams.delivery.task import Fenced, Task, TaskSettings
from streams.lanes import LONG_RECORDS, SLICE_RECORDS, STEP, Lane, Reading, Way
from streams.skew import Skew
from tests.simulation import toys
from tests.streams.batch.test_append import FakeSender


class Stage:
    """One users lane on fake sends. Every step it takes is in `steps`."""

    def __init__(self, sender: FakeSender, inputs: tuple[str, ...] = ("direct",), **way: Any) -> None:
        settings = TaskSettings(clock=ClockSettings(wall=False), checkpoint_every=50)
        self.steps: list[str] = []
        self.committed: dict[str, int] = {}
        self.now = 0
        self.sender = sender
        self.task: Task[Any] = Task(toys.CountingUsers(), 0, inputs, 1, "users/0", {}, settings)
        counts = {"transitions": 1, "members": 1, "events": 1}
        self.appender = Appender(sender, Partitioner(counts))
        self.ends: dict[str, int] = dict.fromkeys(inputs, 0)
        known = Way(
            self.appender, ("log", 0), self.committed.__setitem__, lambda topic: (self.ends[topic], self.now), **way,
        )._replace(now=lambda: self.now)  # fmt: skip
        self.lane = Lane("users/0", self.task, {topic: Reading(0) for topic in inputs}, known)
        self.running: asyncio.Task[None] | None = None

    async def start(self) -> Stage:
        self.task.claimed((await self.appender.append("log", 0, self.task.claim().changelog))[0][0], 0)
        await self.lane.do(self.task.restored())
        self.running = asyncio.create_task(self.lane.run())
        return self

    def put(self, values: list[bytes], topic: str = "direct", beyond: int = 0, more: int = 0) -> None:
        """`beyond`: offsets behind them that hold no records; `more`: of records that are still to be fetched."""
        begin = self.ends[topic]
        records = [Record(topic, 0, begin + n, 0, value.split(b"|")[0], value) for n, value in enumerate(values)]
        self.ends[topic] = begin + len(values) + beyond
        self.lane.readings[topic].waiting += 1
        self.lane.put(Batch(topic, 0, begin, begin + len(values) + beyond, self.ends[topic] + more, 1, records))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.now += 10
                self.lane.nudge()
                await asyncio.sleep(0.001)


def event(user: int, at: int) -> bytes:
    return b"u%d|a1|%d|%d|e" % (user, at, at)


def test_state_is_durable_before_what_follows_from_it_is_published() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([event(1, n) for n in range(1, 7)])
        await stage.until(lambda: stage.committed == {"direct": 6})
        topics = [topic for topic, _, _ in stage.sender.sent]
        assert topics.index("transitions") > topics.index("log", 1)

    asyncio.run(scenario())


def test_the_next_slice_is_computed_while_one_is_in_flight_and_waits_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "SLICE_RECORDS", 3)

    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.lane.slice, stage.sender.gate = 3, asyncio.Event()
        for turn in range(3):
            stage.put([event(1, turn * 10 + n) for n in range(3)])
        await stage.until(lambda: stage.task.counts["read", "direct"] == 6)
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.task.counts["read", "direct"] == 6, "no further ahead than one"
        stage.sender.gate.set()
        await stage.until(lambda: stage.committed == {"direct": 9})

    asyncio.run(scenario())


def test_a_large_batch_is_computed_in_slices_between_which_others_have_their_turn() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([event(n % 50, n) for n in range(5_000)])
        turns = 0
        while stage.lane.readings["direct"].waiting:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 5_000 / SLICE_RECORDS
        assert stage.lane.slice <= SLICE_RECORDS

    asyncio.run(scenario())


@pytest.mark.parametrize(("stride", "longest"), [(0, LONG_RECORDS), (10_000, SLICE_RECORDS)])
def test_a_partition_that_is_far_behind_is_computed_in_long_slices_where_they_move_time_little(
    stride: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "BEHIND_S", 60.0)  # whatever this machine needs for a record

    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        for _ in range(3):
            stage.ends["direct"] = begin = stage.task.positions.get("direct", 0)
            stage.put([event(n % 50, (begin + n) * stride) for n in range(16_000)], beyond=0, more=50_000)
            async with asyncio.timeout(60):
                while stage.lane.readings["direct"].waiting:
                    await asyncio.sleep(0)
        assert stage.lane.slice == longest
        stage.put([event(1, begin * 3 * stride + n) for n in range(10)])
        await stage.until(lambda: not stage.lane.waiting)
        assert stage.lane.slice <= SLICE_RECORDS, "it is not behind any more"

    asyncio.run(scenario())


def test_what_follows_a_source_that_is_behind_waits_for_more_and_takes_it_in_one_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "LINGER_S", 60.0)

    async def scenario() -> None:
        source_is_behind = True
        stage = await Stage(FakeSender(), after=lambda topic: source_is_behind).start()
        stage.lane.slice = 100
        stage.put([event(1, n) for n in range(100)])  # enough for a slice
        await stage.until(lambda: not stage.lane.waiting)
        works, stage.lane.slice = stage.lane.works, 100
        for turn in range(2):
            for _ in range(20):
                stage.lane.nudge()
                await asyncio.sleep(0)
            assert stage.task.counts["read", "direct"] == 100, "too little to begin with"
            stage.put([event(2, turn * 30 + n) for n in range(30)])
        source_is_behind = False
        await stage.until(lambda: not stage.lane.waiting and stage.lane.works > works)
        assert stage.task.counts["read", "direct"] == 160
        assert stage.lane.readings["direct"].end == 160

    asyncio.run(scenario())


def test_nothing_waits_for_ever_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LINGER_S", 0.05)

    async def scenario() -> None:
        stage = await Stage(FakeSender(), after=lambda topic: True).start()
        for turn in range(3):
            stage.put([event(1, turn)])
            await stage.until(lambda: not stage.lane.waiting)
        await stage.until(lambda: stage.committed == {"direct": 3})

    asyncio.run(scenario())


def test_an_input_is_no_longer_behind_once_its_end_is_reached_be_there_records_or_not() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([event(1, 1)], more=50_000)
        await stage.until(lambda: not stage.lane.waiting)
        assert stage.lane.behind == {"direct"}
        stage.put([], beyond=50_000)  # a transaction that was taken back
        await stage.until(lambda: not stage.lane.waiting)
        assert not stage.lane.behind

    asyncio.run(scenario())


def test_slices_of_one_input_do_not_put_off_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LINGER_S", 0.2)

    async def scenario() -> None:
        stage = await Stage(FakeSender(), ("direct", "events"), after=lambda topic: topic == "events").start()
        for _ in range(2):  # the first of them is not waited for: nothing came of it yet
            stage.put([event(1, 1)], "events")
            turns = 0
            while stage.lane.readings["events"].waiting:
                stage.put([event(2, 1)], "direct")
                await stage.until(lambda: not stage.lane.readings["direct"].waiting)
                turns += 1
                assert turns < 5_000, "it waits for as long as the other input has something"

    asyncio.run(scenario())


def test_a_slice_ends_in_the_middle_of_a_later_batch_and_the_next_one_goes_on_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "SLICE_RECORDS", 5)

    async def scenario() -> None:
        sender = FakeSender()
        stage = await Stage(sender).start()
        stage.lane.slice, sender.gate = 5, asyncio.Event()
        for begin in range(3):
            stage.put([event(1, begin * 4 + n) for n in range(4)])
        await stage.until(lambda: stage.task.counts["read", "direct"] == 10)  # one done, one computed ahead
        assert stage.lane.readings["direct"].end == 8
        assert stage.lane.readings["direct"].waiting == 1, "the third batch is not at its end"
        sender.gate.set()
        await stage.until(lambda: stage.committed == {"direct": 12})

    asyncio.run(scenario())


def test_others_have_their_turn_within_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "TURN_S", 0.0)

    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.lane.slice, begun = 4_000, stage.lane.works
        stage.put([event(n, n) for n in range(4_000)])
        turns = 0
        while stage.lane.readings["direct"].waiting:
            await asyncio.sleep(0)
            turns += 1
        assert stage.lane.works == begun, "none is done yet"
        assert stage.lane._doing is not None, "all of it is one work"
        assert turns >= 4_000 / STEP

    asyncio.run(scenario())


def test_of_lanes_that_are_behind_only_one_at_a_time_computes_a_slice_of_many_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "TURN_S", 0.0)
    under_way: set[Lane] = set()
    collected: list[bool] = []
    seen: list[set[Lane]] = []
    in_turns = Lane._in_turns

    async def noted(lane: Lane, topic: str, records: list[Record], caught_up: bool) -> Any:
        under_way.add(lane)
        if len(records) > STEP:
            seen.append(set(under_way))
            collected.append(gc.isenabled())
        try:
            return await in_turns(lane, topic, records, caught_up)
        finally:
            under_way.discard(lane)

    monkeypatch.setattr(Lane, "_in_turns", noted)

    async def scenario() -> None:
        long = asyncio.Lock()
        stages = [await Stage(FakeSender(), long=long).start() for _ in range(2)]
        for stage in stages:
            stage.put([event(n, n) for n in range(50)], more=50_000)
            await stage.until(lambda stage=stage: not stage.lane.waiting)  # type: ignore[misc]
            assert stage.lane.behind
            stage.lane.slice = 4_000
            stage.put([event(n, 50 + n) for n in range(4_000)], more=50_000)
        while any(stage.lane.waiting for stage in stages):
            await asyncio.sleep(0)
        assert [len(at_once) for at_once in seen] == [1, 1]
        assert seen[0] != seen[1], "each had its turn"
        assert collected == [False, False], "the garbage collector does not look meanwhile"
        assert gc.isenabled()
        stages[0].put([event(n, 5_000 + n) for n in range(4_000)], more=50_000)
        async with long:
            for _ in range(20):
                await asyncio.sleep(0)
            stages[0].lane.close()
        assert stages[0].running is not None
        await asyncio.wait_for(stages[0].running, 5)
        assert stages[0].lane.waiting == 1, "a slice that had only waited is left to the next owner"

    asyncio.run(scenario())


def test_a_slice_that_was_begun_is_ended_when_the_lane_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "TURN_S", 0.0)

    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.lane.slice = 4_000
        stage.put([event(n, n) for n in range(4_000)])
        for _ in range(3):
            await asyncio.sleep(0)
        assert stage.lane.readings["direct"].waiting, "it is under way"
        stage.lane.close()
        assert stage.running is not None
        await asyncio.wait_for(stage.running, 60)
        await stage.lane.drain()
        assert stage.committed == {"direct": 4_000}

    asyncio.run(scenario())


def test_offsets_without_records_are_read_past() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([], beyond=5)
        stage.put([event(1, 1)])
        await stage.until(lambda: stage.committed == {"direct": 6})
        assert stage.lane.readings["direct"].end == 6

    asyncio.run(scenario())


@pytest.mark.parametrize("late", [False, True])
def test_what_holds_no_records_behind_the_last_one_is_committed_too(late: bool) -> None:
    """Found by the fault suite: behind a transaction's marker the lag stayed at one for ever."""

    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([event(1, 1)], beyond=0 if late else 3)
        if late:  # all before it is durable when it comes
            await stage.until(lambda: stage.committed == {"direct": 1})
            stage.put([], beyond=3)
        await stage.until(lambda: stage.committed == {"direct": 4})
        stage.put([event(1, 2)])
        await stage.until(lambda: stage.committed == {"direct": 5})

    asyncio.run(scenario())


def test_nothing_behind_a_record_is_committed_before_it_is_durable() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        stage = await Stage(sender).start()
        sender.gate = asyncio.Event()
        stage.put([event(1, 1)], beyond=3)
        stage.put([], beyond=2)
        for _ in range(100):
            stage.now += 10
            stage.lane.nudge()
            await asyncio.sleep(0.001)
        assert stage.lane.readings["direct"].end == 6
        assert stage.committed == {}
        sender.gate.set()
        await stage.until(lambda: stage.committed == {"direct": 6})

    asyncio.run(scenario())


def test_a_drained_lane_has_written_and_committed_all_that_it_read() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.put([event(n, n) for n in range(100)])
        await stage.until(lambda: stage.lane.readings["direct"].waiting == 0)
        stage.lane.close()
        assert stage.running is not None
        await stage.running
        await stage.lane.drain()
        assert stage.committed == {"direct": 100}

    asyncio.run(scenario())


def test_a_foreign_record_in_the_changelog_stops_the_lane_before_it_publishes() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.sender.ends["log", 0] += 1  # somebody else wrote
        published = len(stage.sender.sent)
        stage.put([event(1, n) for n in range(1, 7)])
        assert stage.running is not None
        with pytest.raises(Fenced, match="somebody else writes"):
            await asyncio.wait_for(stage.running, 5)
        assert [topic for topic, _, _ in stage.sender.sent[published:]] == ["log"]
        assert stage.committed == {}

    asyncio.run(scenario())


def test_a_failed_send_ends_an_idle_lane_too() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender()).start()
        stage.sender.fail = _kafka_error()
        stage.put([event(1, n) for n in range(1, 7)])
        assert stage.running is not None
        with pytest.raises(SendFailed):
            await asyncio.wait_for(stage.running, 5)

    asyncio.run(scenario())


def _kafka_error() -> Exception:
    from aiokafka.errors import KafkaError

    return KafkaError("away")


def test_time_ends_where_it_is_told_to_once_all_is_read() -> None:
    async def scenario() -> None:
        stage = await Stage(FakeSender(), until={"direct": 10_000}).start()
        stage.put([event(1, 5)])
        await stage.until(lambda: stage.task.watermark == 10_000)
        assert stage.task.counts["fired", "users"] > 0

    asyncio.run(scenario())


def test_a_source_that_is_far_ahead_waits_for_the_slowest_and_never_for_itself() -> None:
    async def scenario() -> None:
        lanes: dict[tuple[str, int], Lane] = {}
        ends = {("fast", 0): 0, ("slow", 0): 0}
        skew = Skew(100, lambda topic: topic in ("fast", "slow"), lambda topic, partition: ends[topic, partition])
        stage = Stage(FakeSender(), ("fast", "slow"), hold=skew.hold, moved=skew.moved)
        lanes["users", 0] = stage.lane
        skew.watch(lanes)
        await stage.start()
        stage.put([event(1, 1)], "fast")
        stage.put([event(2, 1)], "slow")
        await stage.until(lambda: not stage.lane.waiting)
        ends["fast", 0], ends["slow", 0] = 3, 2
        stage.put([event(1, 1_000)], "fast")
        await stage.until(lambda: not stage.lane.waiting)
        stage.put([event(1, 2_000)], "fast")
        for _ in range(50):
            stage.lane.nudge()
            await asyncio.sleep(0)
        assert stage.task.time_of("fast") == 1_000, "1999 ms ahead of the slow one, which has something left to read"
        stage.put([event(2, 1_500)], "slow")
        await stage.until(lambda: stage.task.time_of("fast") == 2_000)

    asyncio.run(scenario())


def test_an_empty_source_partition_tells_nobody_to_wait_for_it() -> None:
    async def scenario() -> None:
        sender = FakeSender()
        task = DecodeTask(toys.route, "raw", 0, {"events": 1}, ClockSettings(wall=False))
        way = Way(Appender(sender, Partitioner({"events": 1})), None, lambda topic, end: None, lambda topic: (0, 0))
        lane = Lane("raw/0", task, {"raw": Reading(0)}, way._replace(now=lambda: 1_500))
        assert task.watermark == NOTHING_YET
        running = asyncio.create_task(lane.run())
        lane.nudge()
        async with asyncio.timeout(5):
            while not sender.sent:
                await asyncio.sleep(0.001)
        lane.close()
        await running
        assert sender.sent == [("events", 0, [(None, None)])]

    asyncio.run(scenario())
