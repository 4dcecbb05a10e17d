"""A backfill makes nobody inactive: no timer fires that event times do not justify; live, a quiet partition's time goes on."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import orjson
import pytest

from schemas.definition.model import Definition
from schemas.time import parse_time
from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import NOTHING_YET, Output, Record
from streams.delivery.settings import TaskSettings
from streams.delivery.table import Change
from streams.delivery.task import Task
from streams.journey.accounts import AccountsLogic
from streams.journey.users import UsersLogic
from streams.replay.run import Replay
from tests.streams.journey.small import small

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
WALL = 1_767_225_600_000
"""2026-01-01: the wall clock when a test begins, years after the history that is fed."""

STEP = 5_000
"""ms between two ticks: the longest pause that counts in full."""

_JOURNEY = """\
  stage:
    states: [here, gone]
    transitions:
      - {name: leaves, from: here, to: gone, when: idle >= 6h}
      - {name: returns, from: gone, to: here, when: idle < 1h}
"""
_ACCOUNT = f"account:\n  activity: members\n  measures:\n    people: {{members: {{}}}}\n{_JOURNEY}"


def journey() -> Definition:
    """Users and accounts that are gone after six hours of silence."""
    return small(rest=_JOURNEY, tail=_ACCOUNT)


class Engine:
    """A users task and an accounts task of one partition, a wall clock, and all that they published."""

    def __init__(self, sources: tuple[str, ...] = ("app",), clock: ClockSettings | None = None) -> None:
        self.sources = sources
        self.now = WALL
        self.generation = 0
        self.clock = clock or ClockSettings()
        self.logs: dict[str, list[Change]] = {"users": [], "accounts": []}
        self.ends = dict.fromkeys((*sources, "members"), 0)
        self.published: list[dict[str, Any]] = []
        self.lines: list[bytes] = []
        self.newest: dict[str, int] = {}
        self.unjustified: list[dict[str, Any]] = []
        """Transitions by a timer later than the slowest source has been read and than the person's own newest event."""
        self.start()

    def start(self) -> None:
        """Take the partition over, as after a restart; the wall clock may have gone on meanwhile."""
        self.generation += 1
        logic = UsersLogic(journey(), dict.fromkeys(self.sources, "canonical"))
        told = TaskSettings(heartbeats={"members": 1}, clock=self.clock)
        self.users: Task[Any] = Task(logic, 0, self.sources, self.generation, "users/0", {}, told)
        self.accounts: Task[Any] = Task(
            AccountsLogic(journey()), 0, ("members",), self.generation, "accounts/0", {"members": ["users/0"]},
            TaskSettings(clock=self.clock),
        )  # fmt: skip
        for name, task in (("users", self.users), ("accounts", self.accounts)):
            log = self.logs[name]
            task.restore(log)
            base = len(log)
            log += task.claim().changelog[0]
            assert task.claimed(base, base)
            self._do(name, task, task.restored())

    def stop(self) -> None:
        self._do("users", self.users, self.users.drain(self.now))
        self._do("accounts", self.accounts, self.accounts.drain(self.now))

    def _do(self, name: str, task: Task[Any], work: Any) -> None:
        if work is None:
            return
        for group in work.changelog:
            base = len(self.logs[name])
            self.logs[name] += group
            task.appended(base, len(group))
        members = [o for o in work.outputs if o.topic == "members"]
        for output in work.outputs:
            self._keep(output, task.watermark)
        task.acknowledged(work)
        if members:
            self._to_accounts(members)

    def _to_accounts(self, outputs: list[Output]) -> None:
        records = []
        for output in outputs:
            offset = self.ends["members"]
            records.append(Record("members", 0, offset, self.now, output.key, output.value, output.headers))
            self.ends["members"] += 1
        self._do("accounts", self.accounts, self.accounts.process("members", records, self.now, True))

    def _keep(self, output: Output, watermark: int) -> None:
        if output.topic.startswith("transitions"):
            record = orjson.loads(output.value or b"")
            self.published.append(record)
            known = max(watermark, self.newest.get(record["entity"], NOTHING_YET))
            if record["valid"] and "timer" in record["cause"] and (parse_time(record["at"]) or 0) > known:
                self.unjustified.append(record)

    def feed(self, topic: str, at: int, user: str, name: str = "Used", wait: int = 0) -> None:
        """An event that happened at `at` arrives now and is read to the topic's end; then wall time passes."""
        line = orjson.dumps(
            {"id": f"{topic}-{self.ends[topic]}", "event": name, "user": user, "account": f"of-{user}", "at": at / 1000}
        )
        self.newest[user] = max(at, self.newest.get(user, at))
        self._feed(topic, line)
        self.lines.append(line)
        self.wait(wait)

    def promise(self, topic: str, at: int) -> None:
        self._feed(topic, orjson.dumps({"type": "watermark", "at": at / 1000}))

    def _feed(self, topic: str, line: bytes) -> None:
        record = Record(topic, 0, self.ends[topic], self.now, None, line)
        self.ends[topic] += 1
        self._do("users", self.users, self.users.process(topic, [record], self.now, True))

    def wait(self, ms: int, caught_up: Collection[str] | None = None, step: int = STEP) -> None:
        """Let wall time pass, both tasks at the end of their inputs unless said otherwise."""
        end = self.now + ms
        while self.now < end:
            self.now += min(step, end - self.now)
            quiet = self.sources if caught_up is None else caught_up
            self._do("users", self.users, self.users.tick(self.now, quiet))
            self._do("accounts", self.accounts, self.accounts.tick(self.now, ("members",)))

    def timers(self) -> list[dict[str, Any]]:
        return [t for t in self.published if "timer" in t["cause"]]

    def valid(self) -> set[str]:
        return valid(self.published)

    def replayed(self, until: int | None) -> set[str]:
        """Ids of the transitions of the same lines without Kafka and without a wall clock."""
        outputs: list[Output] = []
        Replay(journey(), "canonical", outputs.append).run(self.lines, until)
        return valid([orjson.loads(o.value or b"") for o in outputs if o.topic.startswith("transitions")])


def valid(records: list[dict[str, Any]]) -> set[str]:
    newest: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["id"] not in newest or record["seq"] > newest[record["id"]]["seq"]:
            newest[record["id"]] = record
    return {i for i, record in newest.items() if record["valid"]}


def history(begin: int, n: int, people: str, seed: int) -> list[tuple[int, str]]:
    """(time, user) of n events, most of them minutes apart and some a day."""
    luck = random.Random(seed)
    found, at = [], begin
    for _ in range(n):
        at += luck.choice([60, 600, 3_600, 20_000, 90_000]) * SECOND
        found.append((at, luck.choice(people)))
    return found


LONG_AGO = 1_600_000_000_000
"""2020."""


# --- old history ---


def test_a_slow_feeder_of_old_history_makes_nobody_inactive() -> None:
    engine = Engine()
    for at, user in history(LONG_AGO, 40, "abcd", 1):
        engine.feed("app", at, user, wait=3 * HOUR)
        assert engine.users.watermark == at
    assert engine.timers()
    assert engine.unjustified == []
    assert engine.valid() == engine.replayed(None)


def test_reading_to_the_end_again_and_again_after_restarts_makes_nobody_inactive() -> None:
    engine = Engine()
    for n, (at, user) in enumerate(history(LONG_AGO, 24, "abc", 2)):
        engine.feed("app", at, user, wait=HOUR)
        if n % 5 == 4:
            engine.stop()
            engine.now += 30 * DAY
            engine.start()
            engine.wait(HOUR)
            assert engine.users.watermark == at
    assert engine.timers()
    assert engine.unjustified == []
    assert engine.valid() == engine.replayed(None)


def test_days_of_waiting_after_the_last_old_event_end_no_journey() -> None:
    engine = Engine()
    engine.feed("app", LONG_AGO, "a")
    engine.wait(2 * DAY)
    assert engine.timers() == []
    assert engine.users.watermark == LONG_AGO


def test_two_sources_one_years_behind_fire_nothing_beyond_the_slower_one() -> None:
    engine = Engine(("app", "crm"))
    app, crm = history(LONG_AGO + 1_000 * DAY, 20, "ab", 3), history(LONG_AGO, 20, "yz", 4)
    for (ahead, user), (behind, other) in zip(app, crm, strict=True):
        engine.feed("app", ahead, user, wait=HOUR)
        engine.feed("crm", behind, other, wait=HOUR)
        assert engine.users.watermark == behind
    engine.wait(12 * HOUR)
    assert engine.users.watermark == crm[-1][0]
    assert engine.unjustified == []
    assert not [t for t in engine.timers() if t["kind"] == "account" and t["entity"] in ("of-a", "of-b")]
    for topic in ("app", "crm"):
        engine.promise(topic, app[-1][0] + DAY)
    engine.wait(10 * SECOND)
    assert engine.valid() == engine.replayed(app[-1][0] + DAY)


def test_who_is_silent_in_the_source_ahead_is_not_inactive_before_the_slower_one_is_there() -> None:
    engine = Engine(("app", "crm"))
    engine.feed("crm", LONG_AGO, "z")
    engine.feed("app", LONG_AGO + 1_000 * DAY, "a", wait=8 * HOUR)
    engine.feed("app", LONG_AGO + 1_001 * DAY, "b", wait=8 * HOUR)
    assert engine.timers() == []  # a day has passed in `app`, where nobody has seen `a`, and none in `crm`
    engine.feed("crm", LONG_AGO + 1_000 * DAY + 7 * HOUR, "z")
    engine.wait(10 * SECOND)
    gone = {t["entity"] for t in engine.timers()}
    assert {"a", "z"} <= gone
    assert "b" not in gone
    assert engine.unjustified == []


def test_a_source_that_said_nothing_yet_holds_time_back() -> None:
    engine = Engine(("app", "crm"))
    engine.feed("app", engine.now, "a", wait=12 * HOUR)
    assert engine.users.watermark == NOTHING_YET
    assert engine.timers() == []


def test_a_person_in_both_sources_is_told_right_in_the_end() -> None:
    """Ahead in one source a gap looks like silence; when the other source fills it, what was told is taken back."""
    engine = Engine(("app", "crm"))
    engine.feed("crm", LONG_AGO, "a")
    engine.feed("app", LONG_AGO + 2 * DAY, "a", wait=HOUR)
    told = {t["id"] for t in engine.timers()}
    assert len(told) == 1  # gone after six hours, and back two days later
    for hour in range(1, 50):
        engine.feed("crm", LONG_AGO + hour * HOUR, "a", wait=HOUR)
    engine.wait(10 * SECOND)
    assert engine.valid() == engine.replayed(LONG_AGO + 2 * DAY)
    assert not told & engine.valid()


# --- live ---


def live(engine: Engine, user: str, topic: str = "app", age: int = 0) -> int:
    """An event that happened `age` ms ago; the instant at which it did."""
    at = engine.now - age
    engine.feed(topic, at, user)
    return at


def test_a_quiet_live_partition_goes_on_at_wall_speed_and_its_timers_fire() -> None:
    engine = Engine()
    at = live(engine, "a", age=2 * SECOND)
    engine.wait(6 * HOUR + SECOND - STEP)
    assert engine.timers() == []
    engine.wait(4 * STEP)
    gone = [(t["kind"], t["entity"], t["at"]) for t in engine.timers()]
    due = [parse_time(when) for _, _, when in gone]
    assert [(kind, entity) for kind, entity, _ in gone] == [("user", "a"), ("account", "of-a")]
    assert due == [at + 6 * HOUR, at + 6 * HOUR]
    assert engine.unjustified == []
    assert engine.users.watermark <= engine.now


def test_time_never_runs_ahead_of_the_wall() -> None:
    engine = Engine()
    live(engine, "a", age=-500)  # a clock half a second fast
    engine.wait(HOUR)
    assert engine.users.watermark <= engine.now


@pytest.mark.parametrize(("age", "moves"), [(HOUR - 1, True), (HOUR, False), (2 * HOUR, False)])
def test_a_partition_is_live_while_its_newest_record_arrived_within_the_hour(age: int, moves: bool) -> None:
    engine = Engine()
    at = live(engine, "a", age=age)
    engine.wait(8 * HOUR)
    assert (engine.users.watermark > at) is moves
    assert bool(engine.timers()) is moves


def test_an_outage_makes_nobody_inactive() -> None:
    """The process was suspended for days: of the pause only five seconds count."""
    engine = Engine()
    at = live(engine, "a")
    engine.wait(10 * SECOND)
    engine.now += 3 * DAY
    engine.wait(STEP)
    assert engine.users.watermark <= at + 10 * SECOND + 2 * STEP
    assert engine.timers() == []


def test_a_restart_after_days_makes_nobody_inactive() -> None:
    engine = Engine()
    at = live(engine, "a")
    engine.wait(HOUR)
    engine.stop()
    engine.now += 3 * DAY
    engine.start()
    engine.wait(HOUR)
    assert at + HOUR < engine.users.watermark < at + 3 * HOUR
    assert engine.timers() == []
    engine.wait(5 * HOUR)
    assert [t["entity"] for t in engine.timers()] == ["a", "of-a"]


def test_a_partition_with_something_left_to_read_does_not_move_by_itself() -> None:
    engine = Engine()
    at = live(engine, "a")
    engine.wait(8 * HOUR, caught_up=())
    assert engine.users.watermark == at
    assert engine.timers() == []


def test_a_live_source_beside_an_old_one_waits_for_it() -> None:
    engine = Engine(("app", "crm"))
    engine.feed("crm", LONG_AGO, "z")
    live(engine, "a")
    engine.wait(12 * HOUR)
    assert engine.users.watermark == LONG_AGO
    assert engine.timers() == []


def test_two_live_sources_go_on_together() -> None:
    engine = Engine(("app", "crm"))
    live(engine, "z", "crm")
    engine.wait(HOUR)
    live(engine, "a")
    engine.wait(5 * HOUR + 10 * SECOND)
    assert [t["entity"] for t in engine.timers() if t["kind"] == "user"] == ["z"]
    engine.wait(HOUR)
    assert [t["entity"] for t in engine.timers() if t["kind"] == "user"] == ["z", "a"]
    assert engine.unjustified == []


def test_with_the_wall_switched_off_time_ends_with_the_last_event() -> None:
    engine = Engine(clock=ClockSettings(wall=False))
    at = live(engine, "a")
    engine.wait(12 * HOUR)
    assert engine.users.watermark == at
    assert engine.timers() == []
