"""One seeded schedule: a random history, fed while workers crash, stall and trade partitions; then the check."""

from __future__ import annotations

from collections import Counter
from random import Random

from streams.delivery.settings import Fenced
from tests.simulation.disk import Disk
from tests.simulation.kafka import IllegalGeneration, Kafka
from tests.simulation.play import Play, Wrong
from tests.simulation.toy_play import ToyPlay
from tests.simulation.worker import ENGINE, INPUTS, PARTITIONS, Lane, Rules, Worker

STEPS = 220
"""Steps with faults. The quiet end after them takes about as many."""

ROUNDS = 600
"""Turns of every lane within which a world without faults comes to rest: accounts tell of each day, some at a time."""

SOURCES = ("raw", "direct")
"""Topics of others, of which each has an end of time. What `journeys erase` sends stands on topics of ours."""

COMPACTION_LAG = 200
"""Virtual ms. It is assumed that what a zombie wrote is repaired before it is as old as `min.compaction.lag.ms`."""


class Schedule:
    """The world of one seed."""

    def __init__(self, seed: int, rules: Rules, play: Play) -> None:
        self.random = Random(seed)
        self.rules = rules
        self.play = play
        self.kafka = Kafka(PARTITIONS)
        self.disk = Disk(Random(f"disk {seed}"))
        self.now = 2_000_000_000_000  # later than every event time, or decoders would call them future
        self.workers = [Worker() for _ in range(self.random.randint(1, 3))]
        self.history = play.history(self.random)
        asked = next((n for n, fed in enumerate(self.history) if fed.topic not in SOURCES), len(self.history))
        self.feed, self.later = self.history[:asked], self.history[asked:]
        self.zombies: list[Worker] = []
        self.happened: Counter[str] = self.kafka.happened
        self.pace = [self.random.choice((1, 1, 3, 6)) for _ in ENGINE]  # some lanes fall behind, others run ahead
        used = {(fed.topic, self.kafka.home(fed.key)) for fed in self.history if fed.topic in SOURCES}
        self.sources = sorted(used)
        self.kafka.unused = {(t, p) for t in SOURCES for p in range(PARTITIONS)} - used

    def run(self, steps: int = STEPS) -> None:
        self._feed(self.random.randint(0, len(self.feed)))
        self._rebalance()
        for _ in range(steps):
            self._step()
        if self.later:
            self._go_on(steps // 2)
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
        elif dice < 0.185:
            self._set_back()
        elif dice < 0.19:
            self._jump(self.random.choice(self.workers))
        else:
            self._work()

    def _feed(self, count: int) -> None:
        for fed in self.feed[:count]:
            self._put(fed.topic, self.kafka.home(fed.key), fed.key, fed.value)
        del self.feed[:count]

    def _put(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        log = self.kafka.log(topic, partition)
        log.put(self.now, key, value, ())
        if self.random.random() < 0.05:
            self.happened["gap"] += 1
            log.end += self.random.randint(1, 3)  # a transaction's marker, records that were compacted

    def _set_back(self) -> None:
        """All workers end, somebody resets the offsets of the group, and others begin."""
        where, offset = self.random.choice([*self.kafka.committed.items(), (("raw", 0), 0)])
        if not offset:
            return
        self.happened["offsets set back"] += 1
        self.kafka.committed[where] = self.random.randrange(offset)
        self.workers = [Worker() for _ in self.workers]
        self._rebalance()

    def _jump(self, worker: Worker) -> None:
        """A worker's clock is wrong from now on, by up to twenty days either way."""
        self.happened["clock jump"] += 1
        skew = self.random.randint(-20 * 86_400_000, 20 * 86_400_000)
        for lane in worker.lanes.values():
            lane.skew = skew

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
                    self._keep(worker, name, lane)
                else:
                    self._give_up(worker, name, lane)
        for name, worker in owners.items():
            if name not in worker.lanes:
                worker.lanes[name] = Lane(*name, self.kafka, self.disk, self.rules, self.random, self.play)

    def _keep(self, worker: Worker, name: tuple[str, int], lane: Lane) -> None:
        """The lane stays through the rebalance, memory and all; sometimes it claims its partition again."""
        lane.now, lane.generation = self.now, self.kafka.generation
        if self.random.random() < 0.5:
            return
        try:
            lane.finish()
            lane.renew()
        except Fenced:
            del worker.lanes[name]  # a zombie has written: its memory is not to be trusted any more

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
                log = self.kafka.log(f"{kind}-changelog", partition)
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
        if self.disk.random.random() < 0.3:
            lane.copy()
        if self.random.random() < 0.35 and lane.compute(self.random.randint(1, 8)):
            return
        for _ in range(self.random.randint(1, 3)):
            next(lane.io)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """No more faults: feed the rest, end time, and work until there is nothing left to do."""
        self._feed(len(self.feed))
        for topic, partition in self.sources:
            self._put(topic, partition, b"", self.play.ending())
        self._rest()

    def _go_on(self, steps: int) -> None:
        """Somebody asks to be forgotten, when all was read that had happened before; then life and faults go on."""
        self._feed(len(self.feed))
        self._rest()
        self.feed = list(self.later)
        self._feed(self.random.randint(0, len(self.feed)))
        for _ in range(steps):
            self._step()

    def _rest(self) -> None:
        """Work until there is nothing left to do."""
        self.zombies.clear()
        idle = 0
        for _ in range(ROUNDS):
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
        lane.end_steps()
        while lane.queue:
            next(lane.io)
        return busy

    # --- the check ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self.play.check(self.kafka, self.history)
        self._check_commits()

    def _check_commits(self) -> None:
        for kind, partition in ENGINE:
            for topic in INPUTS[kind]:
                entries, end = self.kafka.log(topic, partition).entries, self.kafka.log(topic, partition).end
                committed = self.kafka.committed.get((topic, partition), 0)
                if not (entries[-1].offset < committed <= end if entries else committed == 0):
                    raise Wrong(f"{topic}/{partition}: committed {committed} of {end}")


def run(seed: int, rules: Rules | None = None, play: Play | None = None) -> None:
    """Run one schedule; raises Wrong, with the seed, when the guarantee does not hold."""
    try:
        Schedule(seed, rules or Rules(), play or ToyPlay()).run()
    except Wrong as error:
        raise Wrong(f"seed {seed}: {error}") from error
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
