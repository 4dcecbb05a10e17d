"""The sink, simulated: workers that read, collect, store and commit step by step, over a ClickHouse that fails.

What is run is the sink's own: the batcher, the delivery with its retries and bisection, the ledger, the rows, the letters.
The world around it is this file's: who owns what, what fails, what is stored late, and in the end what must be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.event import Event
from schemas.sources import decode
from sinks.clickhouse.batcher import Bounds, DeadRecord, Flush, SinkCore
from sinks.clickhouse.deliver import Bad, Stopped, deliver
from sinks.clickhouse.retry import BadData, Unavailable
from sinks.clickhouse.tables import TABLES
from sinks.memory import MemoryWriter
from streams.delivery.contracts import Dead, Output, Record
from streams.delivery.dead import dead_letter
from streams.delivery.ledger import Ledger, Take
from tests.simulation.kafka import IllegalGeneration, Kafka
from tests.simulation.play import Wrong
from tests.simulation.sink_story import CURSED, CURSED_LETTER, PARTITIONS, TOPICS, Fed, expected, letters, story

STEPS = 160
"""Steps with faults."""

QUIET = 800
"""Steps without any, within which everything must be stored and committed. It takes about fifty."""

BOUNDS = Bounds(rows=6, bytes=10_000, age=15)

Where = tuple[str, int]


class Killed(BaseException):
    """The worker dies in the middle of a write."""


@dataclass(frozen=True)
class SinkRules:
    """The rules of the sink; each can be switched off, to see that the simulation notices."""

    core: type[SinkCore[Record]] = SinkCore
    deliver: Callable[..., list[Bad]] = deliver
    commit_after_storing: bool = True
    commit_after_letters: bool = True
    one_flush_at_a_time: bool = True
    batches_continue: bool = True
    partitions_begin_anew: bool = True
    refused_rows_are_letters: bool = True
    same_letter_each_time: bool = True
    highest_version_counts: bool = True
    views_keep_one: bool = True


class ClickHouse(MemoryWriter):
    """What all workers write to. `late`: inserts that somebody left behind and that are applied some time."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[tuple[str, Sequence[Any]]] = []

    def arrive(self) -> None:
        while self.late:
            table, rows = self.late.pop()
            super().write(table, rows)

    def shown(self, table: str, rules: SinkRules) -> list[tuple[Any, ...]]:
        """What a view shows: FINAL, or what is left of it without a rule."""
        if not rules.views_keep_one:
            return self.raw(table)
        if rules.highest_version_counts:
            return self.final(table)
        at = [TABLES[table].names.index(name) for name in TABLES[table].key]
        return list({tuple(row[i] for i in at): row for row in self.raw(table)}.values())


class Door:
    """A worker's way to ClickHouse, which fails as networks and servers do."""

    def __init__(self, world: SinkWorld) -> None:
        self._world = world

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        luck, store, happened = self._world.luck, self._world.store, self._world.happened
        if any((CURSED_LETTER if table == "dead_letters" else CURSED) in row for row in rows):
            raise BadData("a constraint", "violated_constraint")
        fate = luck.random() if self._world.faults else 1.0
        stored = rows if fate < 0.12 else rows[: luck.randint(0, len(rows))] if fate < 0.2 else ()
        if fate < 0.06:
            store.late.append((table, rows))  # it hangs, and the server stores it when nobody waits any more
        elif fate >= 0.26:
            stored = rows
        if stored:
            store.write(table, list(stored))
        if fate < 0.26:
            happened["failed after storing" if stored else "failed before storing"] += 1
            raise Killed if luck.random() < 0.15 else Unavailable("gone", "network")

    def ping(self) -> None: ...

    def close(self) -> None: ...


class Sinking:
    """One worker's assignment, from taking over to giving up."""

    def __init__(self, world: SinkWorld, mine: list[Where], ledger: Ledger) -> None:
        self.world, self.mine, self.ledger = world, mine, ledger
        self.generation = world.kafka.generation
        self.core = world.rules.core(BOUNDS)
        self.position = {where: world.kafka.committed.get(where, 0) for where in mine}
        if world.rules.partitions_begin_anew:
            ledger.revoke(set(ledger._entries))
        ledger.assign(self.generation, dict(self.position))
        self.flushes: list[Iterator[None]] = []
        self.hurried = False

    def fetch(self) -> bool:
        """A batch of one partition, into rows; whether there was one."""
        waiting = [where for where in self.mine if self.world.kafka.log(*where).end > self.position[where]]
        if not waiting or self.core.full():
            return False
        where = self.world.luck.choice(waiting)
        begin, log = self.position[where], self.world.kafka.log(*where)
        records = log.read(begin, self.world.luck.randint(1, 6))
        end = records[-1].offset + 1 if records and log.read(records[-1].offset + 1, 1) else log.end
        self.position[where] = end
        if self.world.faults and self.world.luck.random() < 0.05:
            self.world.happened["batch lost"] += 1  # the consumer has moved on, and nobody got it
            return True
        expected = self.ledger.next_offset(where)
        if self.world.rules.batches_continue and expected is not None and begin != expected:
            self.position[where] = expected
        elif isinstance(self.ledger.take(self.generation, where, begin, end), Take):
            self._read(records, where, end)
        return True

    def _read(self, records: list[Record], where: Where, end: int) -> None:
        for record in records:
            if record.topic == "source":
                found = decode("canonical", record.value)
                self.core.add_events(record, [one for one in found if isinstance(one, Event)], self.world.now)
            else:
                self.core.add(record, self.world.now)
        self.core.reach(where, end, self.world.now)
        if not self.world.rules.commit_after_storing:
            self.ledger.durable(self.generation, where, end)

    def work(self) -> None:
        """One step of the flushes under way, or the beginning of one."""
        most = 1 if self.world.rules.one_flush_at_a_time else 2
        if len(self.flushes) < most and self.core.due(self.world.now):
            self.flushes.append(self._flush())
        if self.flushes:
            flush = self.world.luck.choice(self.flushes)
            try:
                next(flush)
            except StopIteration:
                self.flushes.remove(flush)

    def _flush(self) -> Iterator[None]:
        """As `Assignment._flush`. Each `yield` is a moment at which the worker may be stalled or killed."""
        flush, door = self.core.take(), Door(self.world)
        yield
        for table, batch in flush.tables.items():
            bad = self.world.rules.deliver(door, table, batch.rows, self._pause, luck=self.world.luck.random)
            if self.world.rules.refused_rows_are_letters:
                for row, detail in bad:
                    flush.refused(table, row, detail)
            yield
        if not self.world.rules.commit_after_letters:
            self._durable(flush)
            yield
        for dead in flush.dead:
            self.world.kafka.produce(self.world.now, self._letter(dead))
            yield
        if self.world.rules.commit_after_letters:
            self._durable(flush)

    def _durable(self, flush: Flush[Record]) -> None:
        for where, offset in self.core.done(flush).items():
            self.ledger.durable(self.generation, where, offset)
        self.commit()

    def _pause(self, seconds: float) -> bool:
        return not self.hurried

    def _letter(self, dead: DeadRecord[Record]) -> Output:
        salt = "" if self.world.rules.same_letter_each_time else str(self.world.luck.random())
        return dead_letter(dead.record, f"{dead.record.topic}/sink{salt}", dead.item, Dead(dead.reason, dead.detail))

    def commit(self) -> None:
        """Raises IllegalGeneration where the group has gone on without us."""
        for topic, partition in self.mine:
            at = self.ledger.committable((topic, partition))
            if at is not None:
                self.world.kafka.commit(self.generation, partition, {topic: at})

    def close(self) -> None:
        """What is under way or collected is stored without trying again, or forgotten."""
        self.hurried = True
        try:
            for flush in self.flushes:
                for _ in flush:
                    pass
            for _ in self._flush() if self.core.next_due() is not None else ():
                pass
        except (Stopped, Killed):
            self.world.happened["given up in the middle"] += 1


class SinkWorld:
    """The world of one seed."""

    def __init__(self, seed: int, rules: SinkRules) -> None:
        self.luck, self.rules = Random(seed), rules
        self.kafka, self.store = Kafka(PARTITIONS), ClickHouse()
        self.feed: list[Fed] = story(self.luck)
        self.happened: Counter[str] = Counter()
        self.now, self.faults = 1_750_000_000_000, True
        self.ledgers = [Ledger() for _ in range(self.luck.randint(1, 3))]
        self.workers: dict[int, Sinking] = {}
        self.zombies: list[Sinking] = []

    def run(self) -> None:
        """Raises Wrong."""
        self._rebalance()
        for _ in range(STEPS):
            self._step()
        self._calm_down()
        self._check()

    def _step(self) -> None:
        self.now += self.luck.randint(1, 8)
        dice = self.luck.random()
        if dice < 0.15:
            self._feed(self.luck.randint(1, 5))
        elif dice < 0.17:
            self._kill(self.luck.choice(list(self.workers)))
        elif dice < 0.19:
            self._stall(self.luck.choice(list(self.workers)))
        elif dice < 0.21:
            self._rebalance()
        elif dice < 0.24:
            self.store.arrive()
        elif dice < 0.32 and self.zombies:
            self._zombie_step(self.luck.choice(self.zombies))
        else:
            self._worker_step(self.luck.choice(list(self.workers)))

    def _feed(self, count: int) -> None:
        for topic, key, value, headers in self.feed[:count]:
            log = self.kafka.log(topic, self.kafka.home(key))
            log.put(self.now, key, value, headers)
            if self.luck.random() < 0.1:
                self.happened["gap"] += 1
                log.end += self.luck.randint(1, 3)
        del self.feed[:count]

    def _worker_step(self, number: int) -> None:
        worker = self.workers[number]
        try:
            worker.fetch() if self.luck.random() < 0.4 else worker.work()
        except Killed:
            self._kill(number)

    def _zombie_step(self, zombie: Sinking) -> None:
        try:
            zombie.work()
        except (Killed, IllegalGeneration) as error:
            self.happened["stale commit" if isinstance(error, IllegalGeneration) else "crash"] += 1
            self.zombies.remove(zombie)

    def _kill(self, number: int) -> None:
        self.happened["crash"] += 1
        del self.workers[number]
        self.ledgers[number] = Ledger()
        self._rebalance()

    def _stall(self, number: int) -> None:
        self.happened["stall"] += 1
        self.zombies.append(self.workers.pop(number))
        self.ledgers[number] = Ledger()
        self._rebalance()

    def _rebalance(self) -> None:
        """Who is there stores what it has, or forgets it; then everybody gets partitions, under a new generation."""
        self.happened["rebalance"] += 1
        for worker in self.workers.values():
            if self.luck.random() < 0.5:
                worker.close()
        self.kafka.generation += 1
        everything = [(topic, p) for topic in TOPICS for p in range(PARTITIONS)]
        owner = {where: self.luck.randrange(len(self.ledgers)) for where in everything}
        self.workers = {
            number: Sinking(self, [where for where in everything if owner[where] == number], ledger)
            for number, ledger in enumerate(self.ledgers)
        }

    # --- the end -----------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        self.faults = False
        self._feed(len(self.feed))
        self.store.arrive()
        for step in range(QUIET):
            self.now += 5
            if step == QUIET // 2:
                self._rebalance()  # a lost batch that nothing follows is missed by the health check, which ends the worker
            for number in list(self.workers):
                self.workers[number].fetch()
                self.workers[number].work()
            if self._lag() == 0:
                return
        raise Wrong(f"it does not come to an end: {self._lag()} records are not committed")

    def _lag(self) -> int:
        return sum(log.end - self.kafka.committed.get(where, 0) for where, log in self.kafka.logs.items())

    def _check(self) -> None:
        wanted_letters, letters_there = letters(self.kafka)
        _same("topic of dead letters", wanted_letters, letters_there)
        for table, wanted in expected(self.kafka).items():
            _same(table, wanted, [READ[table](row) for row in self.store.shown(table, self.rules)])


def _same(what: str, wanted: Iterable[Any], found: Iterable[Any]) -> None:
    lost, extra = Counter(wanted), Counter(found)
    lost.subtract(extra)
    if any(lost.values()):
        few = [f"{count:+} {one}" for one, count in lost.items() if count][:4]
        raise Wrong(f"{what}: lost (+), or wrong, twice, extra (-): {few}")


READ: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "transitions": lambda row: (row[0].hex(), row[11], row[22], row[6]),
    "entities": lambda row: (row[1], row[3], None if row[3] else row[4]),
    "events": lambda row: (row[2], row[1]),
    "dead_letters": lambda row: row[0].hex(),
}
"""What of a row is compared: (id, seq, valid, to), (entity, gone, as of), (user, id), id."""


def run(seed: int, rules: SinkRules | None = None) -> SinkWorld:
    world = SinkWorld(seed, rules or SinkRules())
    try:
        world.run()
    except Wrong as error:
        raise Wrong(f"sink, seed {seed}: {error}") from None
    return world
