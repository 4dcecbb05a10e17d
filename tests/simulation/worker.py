"""The shell, simulated: lanes that drive tasks step by step, so that anything can happen between two steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import Output, Record, Work
from streams.delivery.copying import Copying
from streams.delivery.decode_task import DecodeTask
from streams.delivery.settings import TaskSettings
from streams.delivery.table import Change
from streams.delivery.task import Task
from streams.graph import NOBODY_WAITS
from tests.simulation.disk import Disk
from tests.simulation.kafka import Kafka
from tests.simulation.play import Play

PARTITIONS = 2
INPUTS = {"decode": ("raw",), "users": ("direct", "events"), "accounts": ("members",)}
ENGINE = [(kind, partition) for kind in INPUTS for partition in range(PARTITIONS)]
"""All lanes of the topology."""

CLOCK = ClockSettings(wall=False)
SENDERS = {
    "events": [f"raw/{p}" for p in range(PARTITIONS)],
    "members": [f"raw/{p}" for p in range(PARTITIONS)] + [f"users/{p}" for p in range(PARTITIONS)],
}
USERS = TaskSettings(
    heartbeats={"members": PARTITIONS}, clock=CLOCK, checkpoint_every=60, checkpoint_events=25,
    checkpoint_behind=150, checkpoint_busy=4, write_slice=3, timer_slice=1, heartbeat_every=50, refresh_every=500,
    save_watermark=50, warm=2, stamped=frozenset({"events"}),
    peers={"events": [f"users/{p}" for p in range(PARTITIONS)]}, levels={"events": PARTITIONS},
)  # fmt: skip
ACCOUNTS = TaskSettings(
    clock=CLOCK, checkpoint_every=60, checkpoint_events=25, checkpoint_behind=150, checkpoint_busy=4, write_slice=3,
    timer_slice=2, refresh_every=500, save_watermark=50, warm=1, stamped=frozenset({"members"}),
    peers={"members": [f"accounts/{p}" for p in range(PARTITIONS)]}, levels={"members": PARTITIONS},
    hears=frozenset(f"users/{p}" for p in range(PARTITIONS)),
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """The rules of the guarantee; each can be switched off, to see that the simulation notices."""

    task: type[Task[Any]] = Task
    commit_after_checkpoint: bool = True
    state_before_outputs: bool = True
    one_batch_at_a_time: bool = True
    whole_groups: bool = True
    exclusive_claim: bool = True
    same_id_each_time: bool = True
    copies_wait: bool = True


class Lane:
    """One partition of one kind at one worker: computes ahead by at most two works, does them in order."""

    def __init__(
        self, kind: str, partition: int, kafka: Kafka, disk: Disk, rules: Rules, random: Random, play: Play
    ) -> None:
        self.kind, self.partition, self.kafka, self.rules, self.random = kind, partition, kafka, rules, random
        self.disk, self.play = disk, play
        self.copying: Copying | None = None
        self.copied: list[Change] = []
        self.generation = kafka.generation
        self.now = 0
        self.skew = 0
        """How wrong the worker's clock is, ms. Kafka's own time is that of the broker."""
        self.ready = False
        self.queue: deque[Work] = deque()
        self.steps: Iterator[Work | None] | None = None
        self.next: dict[str, int] = {}
        self.task = self._task()
        self.io = self._run()

    def _task(self) -> Any:
        hurry = {} if self.play.exact else {"stride": NOBODY_WAITS}
        if self.kind == "decode":
            heartbeats = {"events": PARTITIONS, "members": PARTITIONS}
            return DecodeTask(self.play.route, "raw", self.partition, heartbeats, CLOCK, heartbeat_every=50, **hurry)
        sender = f"{self.kind}/{self.partition}"
        settings = USERS if self.kind == "users" else ACCOUNTS
        if not self.play.exact:
            settings = replace(settings, peers={}, levels={}, hears=frozenset(), stride=NOBODY_WAITS)
        inputs = INPUTS[self.kind]
        senders = {topic: SENDERS[topic] for topic in inputs if topic in SENDERS}
        return self.rules.task(
            self.play.logic(self.kind), self.partition, inputs, self.generation, sender, senders, settings
        )

    # --- computing ---------------------------------------------------------------------------------------------------

    def compute(self, limit: int) -> bool:
        """Steps of a batch of at most `limit` records, or let time pass; whether there was anything to do."""
        if not self.ready or len(self.queue) >= 2:
            return False
        waiting = [topic for topic in self.next if self._log(topic).read(self.next[topic], 1)]
        if waiting and self.steps is None:
            self.steps = self._process(self.random.choice(waiting), limit)
        if self.steps is not None:
            self._step()
            while self.steps is not None and self.random.random() < 0.8:  # else something else has its turn
                self._step()
            return True
        work = self.task.tick(self.now + self.skew, *self._quiet())
        if work is not None:
            self.queue.append(work)
        return work is not None

    def _step(self) -> None:
        assert self.steps is not None
        work = next(self.steps)
        if work is not None:
            self.queue.append(work)
            self.steps = None

    def _quiet(self) -> tuple[Any, Any]:
        empty = [topic for topic in self.next if (topic, self.partition) in self.kafka.unused]
        return (True, bool(empty)) if self.kind == "decode" else (list(self.next), empty)

    def _process(self, topic: str, limit: int) -> Iterator[Work | None]:
        log = self._log(topic)
        records: list[Record] = log.read(self.next[topic], limit)
        self.next[topic] = records[-1].offset + 1
        if not log.read(self.next[topic], 1):
            self.next[topic] = log.end  # what follows holds no records
        caught_up = self.next[topic] == log.end
        step = self.random.choice((limit, self.random.randint(1, limit)))
        for work in self.task.steps(topic, records, self.now + self.skew, caught_up, step):
            if work is not None and not self.rules.commit_after_checkpoint:
                self.kafka.commit(self.generation, self.partition, self.next)
            yield work

    def _log(self, topic: str) -> Any:
        return self.kafka.log(topic, self.partition)

    # --- doing -------------------------------------------------------------------------------------------------------

    def _run(self) -> Iterator[None]:
        """Each `yield` is a moment at which the worker may be stalled or killed."""
        if self.kind != "decode":
            yield from self._take_over()
        self.next = {topic: self.kafka.committed.get((topic, self.partition), 0) for topic in INPUTS[self.kind]}
        if self.kind == "decode":
            self._resume()
        self.ready = True
        while True:
            if self.queue:
                yield from self.do(self.queue[0])
                self.queue.popleft()
            else:
                yield

    def _resume(self) -> None:
        """A decode task begins with the time of the record before its first: nobody may say it again."""
        for topic, start in self.next.items():
            before = [record for record in self._log(topic).entries if record.offset < start]
            if before:
                self.task.resume(before[-1])

    def _take_over(self) -> Iterator[None]:
        changelog = self._log(f"{self.kind}-changelog")
        position, records = self.disk.read(self.kind, self.partition)
        if position:
            self.kafka.happened["copy read"] += 1
            self.task.restore(records)
        while True:
            self.task.restore([(r.key, r.value) for r in changelog.read(position, 2**62)])
            position = changelog.end
            yield
            yield
            base = changelog.append(self.now, self.task.claim().changelog[0])
            if self.task.claimed(base, position) or not self.rules.exclusive_claim:
                break
            yield
        work = self.task.restored()
        self.kafka.happened["resent"] += len(work.outputs)
        yield from self.do(work)
        self.kafka.taken_over[self.kind, self.partition] = base

    def do(self, work: Work) -> Iterator[None]:
        if not self.rules.state_before_outputs:
            yield from self._publish(work)
        yield from self._append(work)
        if self.rules.state_before_outputs:
            if not self.rules.one_batch_at_a_time and len(self.queue) == 2 and work is self.queue[0]:
                yield from self._append(self.queue[1])
                self.queue[1] = self.queue[1]._replace(changelog=[])
            yield from self._publish(work)
        self.task.acknowledged(work)
        if work.commit is not None:
            yield
            self.kafka.commit(self.generation, self.partition, work.commit)

    def _append(self, work: Work) -> Iterator[None]:
        groups = work.changelog
        if not self.rules.whole_groups:
            groups = [[change] for group in groups for change in group]
        while groups:
            count = self.random.randint(1, 4)
            batch = [change for group in groups[:count] for change in group]
            groups = groups[count:]
            if batch:
                base = self._log(f"{self.kind}-changelog").append(self.now, batch)
                self.task.appended(base, len(batch))
                yield

    def _publish(self, work: Work) -> Iterator[None]:
        outputs = work.outputs
        while outputs:
            count = self.random.randint(1, 4)
            for output in outputs[:count]:
                if not self.rules.same_id_each_time and output.topic.startswith("transitions"):
                    value = (output.value or b"") + b"#%d" % self.random.randrange(10**9)
                    output = Output(output.topic, output.key, value, output.headers, output.partition)
                self.kafka.produce(self.now, output)
            outputs = outputs[count:]
            yield

    def copy(self) -> None:
        """A little of a copy of the table, or its end."""
        if self.kind == "decode" or not self.ready:
            return
        if self.copying is None:
            self.copying, self.copied = Copying(self.task, self.disk.random.randint(1, 3)), []
        found = self.copying.take()
        self.copied += found or []
        if self.copying.complete or (found is None and not self.rules.copies_wait):
            self.kafka.happened["copy"] += 1
            self.disk.write(self.kind, self.partition, self.copying.position, self.copied)
            self.copying = None

    def finish(self) -> None:
        """Give the partition up in good order: all that was computed, then the drain."""
        if not self.ready:
            return
        self.end_steps()
        while self.queue:
            next(self.io)
        if self.kind != "decode":
            for _ in self.do(self.task.drain(self.now + self.skew)):
                pass

    def end_steps(self) -> None:
        """Compute what was begun to its end."""
        while self.steps is not None:
            self._step()

    def renew(self) -> None:
        """Claim again what never left us."""
        self.end_steps()
        if self.ready and self.kind != "decode":
            changes = self.task.claim().changelog[0]
            self.task.appended(self._log(f"{self.kind}-changelog").append(self.now, changes), len(changes))
            self.kafka.happened["renewal"] += 1


class Worker:
    """A process with its lanes. A stalled one does nothing; when it wakes it does not know that it was gone."""

    def __init__(self) -> None:
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.stalled_until = 0
        self.zombie = False
