"""One seeded schedule: a random history, fed while workers crash, stall and trade partitions; then the check."""

from __future__ import annotations

from collections import Counter
from random import Random

from streams.delivery import record as rec
from streams.delivery.settings import Fenced
from streams.delivery.table import Table
from tests.simulation.kafka import IllegalGeneration, Kafka
from tests.simulation.oracle import Event, Oracle
from tests.simulation.toys import CountingUsers, FoldingAccounts
from tests.simulation.worker import ENGINE, INPUTS, PARTITIONS, Lane, Rules, Worker

STEPS = 220
"""Steps with faults. The quiet end after them takes about as many."""

COMPACTION_LAG = 200
"""Virtual ms. It is assumed that what a zombie wrote is repaired before it is as old as `min.compaction.lag.ms`."""

END = 1_000
"""Event time (ms) at which every source says that nothing earlier follows."""

PEOPLE = 9
"""Users; three of them are on the topic that is keyed by user, the others go through decode."""

TOPICS = ("raw", "direct", "events", "members", "transitions", "dead-letters", "users-changelog", "accounts-changelog")


class Wrong(AssertionError):
    """The guarantee was broken."""


def history(random: Random) -> tuple[list[tuple[str, Event]], list[Event]]:
    """(topic, event) in order of time, and the events alone. A user's events are all on one topic and partition."""
    events: list[tuple[str, Event]] = []
    at = 0
    for number in range(random.randint(20, 45)):
        at += random.choices((0, 1, 3, 8, 30, 70, 160), (4, 6, 4, 2, 2, 3, 2))[0]  # bursts, then all idle at once
        if at >= END - 10:
            break
        person = random.randrange(PEOPLE)
        kind = random.choices((b"e", b"b", b"a", b"x", b"d"), (12, 2, 2, 1, 1))[0]
        user, account = b"u%d" % person, b"a%d" % (person * 7 % 3)
        events.append(("direct" if person >= PEOPLE - 3 else "raw", (user, account, at, number, kind)))
    return events, [event for _, event in events]


class Schedule:
    """The world of one seed."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.random = Random(seed)
        self.rules = rules
        self.kafka = Kafka(PARTITIONS, TOPICS)
        self.now = 1_000_000
        self.workers = [Worker() for _ in range(self.random.randint(1, 3))]
        self.feed, self.events = history(self.random)
        self.zombies: list[Worker] = []
        self.happened: Counter[str] = self.kafka.happened
        self.pace = [self.random.choice((1, 1, 3, 6)) for _ in ENGINE]  # some lanes fall behind, others run ahead
        used = {(topic, self.kafka.home(event[0])) for topic, event in self.feed}
        self.sources = sorted(used)
        self.kafka.unused = {(t, p) for t in ("raw", "direct") for p in range(PARTITIONS)} - used

    def run(self) -> None:
        self._feed(self.random.randint(0, len(self.feed)))
        self._rebalance()
        for _ in range(STEPS):
            self._step()
        self._calm_down()
        self._check()

    # --- what can happen ---------------------------------------------------------------------------------------------

    def _step(self) -> None:
        self.now += self.random.randint(1, 12)
        dice = self.random.random()
        if dice < 0.12:
            self._feed(self.random.randint(1, 4))
        elif dice < 0.14:
            self._kill(self.random.choice(self.workers))
        elif dice < 0.155:
            self._stall(self.random.choice(self.workers))
        elif dice < 0.17:
            self._rebalance()
        elif dice < 0.18:
            self._compact()
        else:
            self._work()

    def _feed(self, count: int) -> None:
        for topic, event in self.feed[:count]:
            self._put(topic, self.kafka.home(event[0]), event)
        del self.feed[:count]

    def _put(self, topic: str, partition: int, event: Event) -> None:
        value = b"%s|%s|%d|%d|%s" % event
        self.kafka.logs[topic, partition].put(self.now, event[0], value, ())

    def _kill(self, worker: Worker) -> None:
        self.happened["crash"] += 1
        self.workers.remove(worker)
        self.workers.append(Worker())
        self._rebalance()

    def _stall(self, worker: Worker) -> None:
        """It stops between two steps; the others take its partitions; later it goes on as if nothing had happened."""
        if not worker.lanes:
            return
        self.happened["stall"] += 1
        self.workers.remove(worker)
        self.workers.append(Worker())
        worker.stalled_until = self.now + self.random.choice((0, 0, 40, 400))
        self.zombies.append(worker)
        self._rebalance()

    def _rebalance(self) -> None:
        self.happened["rebalance"] += 1
        self.kafka.generation += 1
        old = [(worker, dict(worker.lanes)) for worker in self.workers]
        owners = {lane: self.random.choice(self.workers) for lane in ENGINE}
        for worker, lanes in old:
            for name, lane in lanes.items():
                if owners[name] is worker and self.random.random() < 0.5:
                    lane.generation = self.kafka.generation  # kept through the rebalance, memory and all
                    continue
                self._give_up(worker, name, lane)
        for name, worker in owners.items():
            if name not in worker.lanes:
                worker.lanes[name] = Lane(*name, self.kafka, self.rules, self.random)

    def _give_up(self, worker: Worker, name: tuple[str, int], lane: Lane) -> None:
        del worker.lanes[name]
        if self.random.random() < 0.5:
            lane.now, lane.generation = self.now, self.kafka.generation
            try:
                lane.finish()
                self.happened["handover"] += 1
            except Fenced:
                pass  # a zombie has written; whoever comes next reads what is durable

    def _compact(self) -> None:
        for kind in ("users", "accounts"):
            for partition in range(PARTITIONS):
                log = self.kafka.logs[f"{kind}-changelog", partition]
                if log.last_stale() < self.kafka.taken_over.get((kind, partition), 0):
                    self.happened["compaction"] += 1
                    log.compact(self.now - COMPACTION_LAG)

    def _work(self) -> None:
        awake = [worker for worker in self.zombies if worker.stalled_until <= self.now]
        if awake and self.random.random() < 0.4:
            self._work_as_zombie(self.random.choice(awake))
            return
        wanted = self.random.choices(ENGINE, self.pace)[0]
        for worker in self.workers:
            if wanted in worker.lanes:
                self._lane_step(worker, worker.lanes[wanted])
                return

    def _work_as_zombie(self, worker: Worker) -> None:
        lane = self.random.choice(list(worker.lanes.values()))
        lane.now = self.now
        try:
            self._advance(lane)
        except (Fenced, IllegalGeneration) as error:
            self.happened["fenced" if isinstance(error, Fenced) else "stale commit"] += 1
            self.zombies.remove(worker)
            return
        if self.random.random() < 0.03:  # the group tells it at last
            self.zombies.remove(worker)

    def _lane_step(self, worker: Worker, lane: Lane) -> None:
        lane.now = self.now
        try:
            self._advance(lane)
        except Fenced:
            self._kill(worker)  # the process ends; a zombie has written to its changelog

    def _advance(self, lane: Lane) -> None:
        if self.random.random() < 0.35 and lane.compute(self.random.randint(1, 8)):
            return
        for _ in range(self.random.randint(1, 3)):
            next(lane.io)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """No more faults: feed the rest, end time, and work until there is nothing left to do."""
        self._feed(len(self.feed))
        for topic, partition in self.sources:
            self._put(topic, partition, (b"", b"", END, 0, b"w"))
        self.zombies.clear()
        idle = 0
        for _ in range(400):
            self.now += 20
            idle = 0 if self._round() else idle + 1
            if idle == 5:  # long enough for a checkpoint and a heartbeat to be due
                return
        raise Wrong("it never came to rest")

    def _round(self) -> bool:
        busy = False
        for worker in list(self.workers):
            for lane in list(worker.lanes.values()):
                lane.now = self.now
                try:
                    busy |= self._turn(lane)
                except Fenced:
                    self._kill(worker)
                    return True
        return busy

    def _turn(self, lane: Lane) -> bool:
        """One work of a lane, done at once; the others get theirs before it goes on."""
        busy = not lane.ready
        while not lane.ready:
            next(lane.io)
        busy |= lane.compute(50) or bool(lane.queue)
        while lane.queue:
            next(lane.io)
        return busy

    # --- the check ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        oracle = Oracle(self.events, END)
        published = {r.value for p in range(PARTITIONS) for r in self.kafka.logs["transitions", p].entries}
        if published != oracle.transitions:
            lost, wrong = oracle.transitions - published, published - oracle.transitions
            raise Wrong(f"lost {sorted(lost, key=repr)[:3]}, wrong or extra {sorted(wrong, key=repr)[:3]}")
        dead = {dict(r.headers)["id"] for p in range(PARTITIONS) for r in self.kafka.logs["dead-letters", p].entries}
        if len(dead) != oracle.dead:
            raise Wrong(f"{len(dead)} dead letters instead of {oracle.dead}")
        for kind, logic in (("users", CountingUsers()), ("accounts", FoldingAccounts())):
            states = {}
            for partition in range(PARTITIONS):
                states.update(self._states(kind, partition, logic))
            if states != oracle.states[kind]:
                raise Wrong(f"final states of {kind}: {states} instead of {oracle.states[kind]}")
        self._check_commits()

    def _states(self, kind: str, partition: int, logic: object) -> dict[bytes, bytes]:
        table: Table[object] = Table(logic)  # type: ignore[arg-type]
        entries = self.kafka.logs[f"{kind}-changelog", partition].entries
        table.restore([(r.key or b"", r.value) for r in entries])
        found = {}
        for key, header, value in table.restored():
            if not header.flags & rec.ENDED:
                found[key] = rec.payload_of(value, header)
        return found

    def _check_commits(self) -> None:
        for kind, partition in ENGINE:
            for topic in INPUTS[kind]:
                end = self.kafka.logs[topic, partition].end
                committed = self.kafka.committed.get((topic, partition), 0)
                if committed != end:
                    raise Wrong(f"{topic}/{partition}: committed {committed} of {end}")


def run(seed: int, rules: Rules | None = None) -> None:
    """Run one schedule; raises Wrong, with the seed, when the guarantee does not hold."""
    try:
        Schedule(seed, rules or Rules()).run()
    except Wrong as error:
        raise Wrong(f"seed {seed}: {error}") from error
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
