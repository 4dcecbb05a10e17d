"""A task: one partition of one logic. It computes what must become durable, what to publish and what to commit.

No IO, no clock, no randomness: records and the time go in, Work comes out. `docs/guarantee.md` says why.

Life of a task, as the shell drives it:

    task = Task(logic, partition, inputs, generation, sender, expected_origins, settings)
    position = 0
    while True:                                   # nobody may have written between our reading and our claim
        task.restore(changelog records from position on, as (key, value)); position = the changelog's end
        base = append(task.claim())
        if task.claimed(base, position): break
    do(task.restored())                           # re-sends what may not have been published
    task.check_inputs(end offsets)
    ... do(task.process(...)), do(task.tick(...))
    do(task.drain())                              # revocation, SIGTERM

`do(work)`: append each group of `work.changelog`, calling `task.appended(base offset, number of records)` for each
Kafka record batch; produce `work.outputs`; `task.acknowledged(work)`; commit `work.commit`. Works are done one after
the other, in the order in which they were computed; computing the next one meanwhile is allowed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final, Generic

import orjson

from streams.delivery import record as rec
from streams.delivery.checkpoint import Checkpoint
from streams.delivery.contracts import NEVER, NOTHING_YET, E, Logic, Output, Record, Work, last_of
from streams.delivery.hops import HEARD, Hops, levels
from streams.delivery.inbox import Inbox, Touched
from streams.delivery.inputs import Input, Inputs
from streams.delivery.origins import Stamp
from streams.delivery.settings import Fenced, InputTruncated, TaskSettings, UnknownDefinition
from streams.delivery.succession import Succession
from streams.delivery.table import BesideView, Cell, Change, Table
from streams.delivery.timers import Timers

__all__ = ["Fenced", "InputTruncated", "Task", "TaskSettings", "UnknownDefinition"]


LOOKS: Final = 2_000
"""How many decoded entities the end of a batch looks at to free memory; a long one looks at more on its way."""


class Task(Generic[E]):
    """One partition of one logic.

    logic             how records are read and entities advance
    partition         number of the partition, the same in every input topic
    inputs            input topics
    generation        of the consumer group; claims are numbered from it upwards
    sender            names this partition to receivers: `<name and changelog id>/<partition>`
    expected_origins  for each re-keyed input topic, the senders whose watermarks count; the other inputs are sources

    counts            what happened, by (name, label); the shell reads and clears it
    watermark         event time (ms) up to which this partition has been read; it never goes back
    heard             event time (ms) up to which all partitions of this logic have heard each other out; neither does it
    full_to           until all is heard up to this (ms), an entity keeps so much open that sources had better wait
    covered           what was touched in batches before this one is in the changelog: its checkpoint began there
    backlog           timers are due that did not fit in the last slice: call `tick` again soon
    """

    def __init__(
        self,
        logic: Logic[E],
        partition: int,
        inputs: tuple[str, ...],
        generation: int,
        sender: str,
        expected_origins: Mapping[str, Collection[str]],
        settings: TaskSettings | None = None,
    ) -> None:
        settings = settings or TaskSettings()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.watermark = self.heard = self.full_to = NOTHING_YET
        self.covered = 0
        self.backlog = False
        self.generation = generation
        self._logic = logic
        self._partition = partition
        self._settings = settings
        self._stamp = Stamp(sender)
        self._inputs = Inputs([self._input(topic, expected_origins.get(topic)) for topic in inputs])
        self._table: Table[E] = Table(logic)
        self._timers = Timers(self._table.deadline)
        self._unheard = Timers(self._table.settles)
        self._checkpoint = Checkpoint(
            settings.checkpoint_every, settings.checkpoint_events, settings.refresh_every, settings.checkpoint_behind,
            settings.checkpoint_busy,
        )  # fmt: skip
        self._hops = settings.stamped.union(settings.heartbeats)
        self._inbox = Inbox(logic.read, self._table.applied, self._hops, self.counts)
        self._view = BesideView()
        where = f"{logic.name}, partition {partition}"
        self._succession: Succession[E] = Succession(logic, self._table, settings, where)
        self._batch = self._acked = 0
        self._outputs: list[Output] = []
        self._published: dict[bytes, list[tuple[int, Output]]] = {}
        self._ends: dict[bytes, bytes | None] = {}  # with what is kept of them
        self._spilled: list[list[Change]] = []  # groups to write before anything else
        self._idle = False  # no input will ever bring anything
        self._announced = NOTHING_YET
        self._told = NOTHING_YET, NOTHING_YET  # by the last heartbeat: the watermark, and how far all is heard
        self._told_at = 0
        self._levels: dict[str, int] = {}  # by the last one to our own stage
        self._levels_at = 0
        self._saved_watermark = NOTHING_YET
        self._end: int | None = None  # of the changelog, as far as we have written it
        self._begun_in = 0  # batch in which the last checkpoint began
        self._finished: deque[tuple[int, int]] = deque()  # checkpoints: (batch that ends it, batch in which it began)

    def _input(self, topic: str, senders: Collection[str] | None) -> Input:
        settings = self._settings
        hops = Hops(settings.peers.get(topic, ()), {name: name in settings.hears for name in senders or ()})
        return Input(topic, settings.topic_ids.get(topic, topic), self._partition, senders, settings.clock, hops)

    @property
    def positions(self) -> dict[str, int]:
        """Next offset to read of each input topic, as far as it is known."""
        return self._inputs.positions()

    @property
    def entities(self) -> int:
        return len(self._table.entities)

    @property
    def timers(self) -> int:
        return len(self._timers)

    @property
    def end(self) -> int:
        """The changelog's end after our last append; 0 before the first."""
        return self._end or 0

    def payloads(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, state as Logic.dump gives it) of every living entity, for whoever looks at the table."""
        found = ((key, self._table.payload(key)) for key in list(self._table.entities))
        return ((key, payload) for key, payload in found if payload is not None)

    def payload(self, key: bytes) -> bytes | None:
        """State of one entity as Logic.dump gives it; None when there is none."""
        return self._table.payload(key)

    # --- taking over -------------------------------------------------------------------------------------------------

    def restore(self, records: Iterable[Change]) -> None:
        """Read (key, value) of changelog records in offset order, in bulk; may be called again with later ones."""
        self._table.restore(records)

    def claim(self) -> Work:
        """A record that says: from here on the partition is ours. What a former owner appends after it is ignored."""
        self.generation = max(self.generation, self._table.generation + 1)
        return Work(0, [[(rec.CLAIM_KEY, rec.encode_tagged(self.generation))]], [], None)

    def claimed(self, base_offset: int, position: int) -> bool:
        """The claim was appended at `base_offset`; we had restored up to `position`, the changelog's end at that time.

        False: somebody wrote in between; restore the records from `position` on (our claim included) and claim again.
        """
        if base_offset != position:
            return False
        self._end = base_offset + 1
        return True

    def restored(self) -> Work:
        """All is read and claimed: arm timers, undo what a zombie wrote over, re-send what may be unpublished."""
        batch, added = self._load_partition()
        outboxes: list[tuple[bytes, rec.Header]] = []
        for key, header, value in self._table.restored():
            self._take_over(key, header)
            if self._table.formers:
                self._timers.arm(key, self._table.deadline(key))
            if header.batch > batch:  # what was before it was acknowledged, or it would not be there
                batch, outboxes = header.batch, []
            if header.flags & rec.HAS_OUTBOX and header.batch == batch:
                outboxes.append((value, header))
        self._batch = self._acked = batch
        changelog = self._table.repairs(self.generation) + self._succession.record(self.generation)
        if added:  # before any record that uses their numbers
            changelog.append([self._partition_record(self._snapshot())])
        return Work(batch, changelog, self._open(outboxes), None)

    def _open(self, outboxes: list[tuple[bytes, rec.Header]]) -> list[Output]:
        """Outputs of the last batch in the changelog."""
        last = (rec.outbox_of(value, header) for value, header in outboxes)
        outputs = [output for _, output in sorted(chain.from_iterable(last), key=itemgetter(0))]
        self.counts["resent", self._logic.name] += len(outputs)
        return outputs

    def _take_over(self, key: bytes, header: rec.Header) -> None:
        if header.flags & rec.ENDED:
            self._checkpoint.ended(key)
        self._timers.arm(key, header.deadline)
        self._inputs.took(header.applied)

    def _load_partition(self) -> tuple[int, bool]:
        """Take the partition's own record: (its batch number, whether there are inputs or a definition that it lacks)."""
        value = self._table.partition_record
        batch, raw = (0, b"{}") if value is None else rec.decode_partition(value)
        kept = orjson.loads(raw)
        if kept:
            self.watermark = self._saved_watermark = kept["watermark"]
        added = self._inputs.load(kept)
        self._table.inputs = self._inputs.numbers
        return batch, self._succession.load(kept, self.watermark) or added

    def check_inputs(self, ends: Mapping[str, int]) -> None:
        """Compare with the end offset of each input topic, after `restored`. Raises InputTruncated."""
        for topic, end in ends.items():
            source = self._inputs[topic]
            known = max(source.position, source.replay_end + 1)
            if end < known:
                raise InputTruncated(
                    f"{topic}, partition {self._partition}, ends at {end}, but it was applied up to {known}: it was "
                    "deleted and created again. Give it another name, or reset this application's state"
                )

    def compacted(self, step: int) -> Iterator[list[Change]]:
        """The table as records of a compacted changelog, so many at a time: see copying.py."""
        return self._table.compacted(self.generation, step)

    def hasten(self) -> int:
        """Let a checkpoint begin soon though nothing has changed; `covered` is greater than this once it is over."""
        self._checkpoint.moved()
        return self._batch

    # --- working -----------------------------------------------------------------------------------------------------

    def process(self, topic: str, records: Sequence[Record], now: int, caught_up: bool) -> Work:
        """Take records of one input topic, in offset order. `caught_up`: they end where the topic ends, for now."""
        return last_of(self.steps(topic, records, now, caught_up, len(records) or 1))

    def steps(
        self, topic: str, records: Sequence[Record], now: int, caught_up: bool, step: int
    ) -> Iterator[Work | None]:  # fmt: skip
        """`process` in steps of so many records or entities: None after each, and after the last one the Work.

        Between two of them anything else may go on, but nobody may move this task: no other `process`, `tick` or `drain`.
        """
        self._begin(now, not caught_up)
        if self._announced == NEVER:  # "do not wait for me" was true until these records came
            self._announced = NOTHING_YET
        source = self._inputs[topic]
        touched: Touched = {}
        for begin in range(0, len(records), step):
            self._outputs += self._inbox.take(source, records[begin : begin + step], self._announced, touched)
            yield None
        self._checkpoint.read(len(records))
        self._read_clock()
        last, index = source.position - 1, source.index
        for done, (key, inputs) in enumerate(touched.items(), 1):
            self._advance(key, inputs, now).applied[index] = last  # all up to there that concerns it
            if done % step == 0:
                self._cool(2 * step)  # a slice can decode as many entities as it has records
                yield None
        self._fire(now)
        changelog: list[list[Change]] = []
        while self._write_published(changelog, step):
            yield None
        left = max(self._settings.write_slice, len(records))
        while left > step and self._write_dirty(changelog, step):
            left -= step
            yield None
        yield self._finish(now, caught_up, changelog, left)

    def tick(self, now: int, caught_up: Collection[str], empty: Collection[str] = ()) -> Work | None:
        """Let time pass: call it every 20 to 100 ms, and at once while `backlog`. None when there is nothing to do.

        caught_up  input topics of which all that exists has been processed and that we do not hold back
        empty      input topics known to hold no record in this partition
        """
        for source in self._inputs:
            source.empty = source.topic in empty
            if source.origins is None:
                source.clock.tick(now, source.topic in caught_up)
        self._read_clock()
        all_caught_up = len(caught_up) == len(self._inputs)
        if not self._anything_to_do(now, all_caught_up):
            return None
        self._begin(now, not all_caught_up)
        self._fire(now)
        return self._finish(now, all_caught_up, [], self._settings.write_slice)

    def time_of(self, topic: str) -> int:
        """Event time (ms) as far as this input has been read, by its own records."""
        return self._inputs[topic].clock.watermark

    def promise(self, topic: str, at: int) -> None:
        """Nothing earlier than `at` (ms) follows on this source topic: as if it had sent a watermark record."""
        self._inputs[topic].clock.promise(at)

    def drain(self, now: int) -> Work:
        """The last work before the partition is given up: everything written, everything committed.

        Call it when all earlier works are done, so that nothing it covers is unpublished.
        """
        if self._acked != self._batch:
            raise RuntimeError(f"drain() was called while batch {self._batch} is not acknowledged: finish it first")
        self._batch += 1
        self._begin_checkpoint(now)
        return self._finish(now, True, [], 2**62)

    def _anything_to_do(self, now: int, caught_up: bool) -> bool:
        if self._is_due():
            return True
        self._announce()
        return (
            self._checkpoint.running or self._checkpoint.due(now, not caught_up)
            or self._heartbeat_due(now, caught_up) or self._levels_due(now)
        )  # fmt: skip

    def _begin(self, now: int, more: bool) -> None:
        """A new batch. A checkpoint begins before its records are read: see `checkpoint`."""
        self._batch += 1
        if self._checkpoint.due(now, more):
            self._begin_checkpoint(now)

    def _begin_checkpoint(self, now: int) -> None:
        self._begun_in = self._batch
        self._checkpoint.begin(now, self._snapshot(), self.positions)

    def _finish(self, now: int, caught_up: bool, changelog: list[list[Change]], writes: int) -> Work:
        """The Work, with what is still to be written: all that has something to publish, and so many of the dirty ones."""
        self._write_published(changelog, len(self._published))
        self._write_dirty(changelog, writes)
        commit = self._end_checkpoint(changelog)
        self._cool(LOOKS)
        self._announce()
        outputs, self._outputs = self._outputs, []
        if self._heartbeat_due(now, caught_up):
            self._told, self._told_at = (self._announced, self._heard_out()), now
            marked = {HEARD: self._told[1]} if self._settings.levels else None
            outputs += self._stamp.heartbeats(self._settings.heartbeats, self._batch, self._announced, marked)
        if self._levels_due(now):
            self._levels, self._levels_at = self._levels_now(), now
            outputs += self._stamp.heartbeats(self._settings.levels, self._batch, self._announced, self._levels)
        return Work(self._batch, changelog, outputs, commit)

    def _cool(self, looks: int) -> None:
        self._table.cool(self._settings.warm, self._is_unwritten, looks)

    def _is_unwritten(self, key: bytes) -> bool:
        return key in self._published or self._checkpoint.waits(key)

    # --- entities ----------------------------------------------------------------------------------------------------

    def _advance(self, key: bytes, inputs: list[Any], now: int) -> Cell[E]:
        cell = self._table.cell(key)
        self._view.names = self._table.beside.get(key)
        if cell.former is not None:
            self._publish(key, self._succession.take_over(key, cell, now, self._view).outputs)
            self._spilled += self._table.spill(key, cell, self.generation)
            self.counts["taken_over", self._logic.name] += 1
        entity = cell.entity
        assert entity is not None
        done = self._logic.advance(key, entity, inputs, self.watermark, now, self._view, self.heard)
        full = bool(done.beside) and self._table.put_beside(key, cell, done.beside)
        if done.outputs or done.ended or full:
            self._publish(key, done.outputs)
        else:
            self._checkpoint.touched(key)
        if done.ended:
            self._ends[key] = done.kept
            self._timers.disarm(key)
            self._unheard.disarm(key)
            return cell
        if self.watermark - self.heard >= self._settings.stride and self._logic.is_full(entity):
            self.full_to = self.watermark
        self._arm(key, self._timers, self._logic.deadline(entity), self.watermark)
        self._arm(key, self._unheard, self._logic.settles(entity), self.heard)
        return cell

    def _arm(self, key: bytes, timers: Timers, deadline: int, now: int) -> None:
        if deadline > now:
            timers.arm(key, deadline)
        else:  # against the contract; armed again it would fire for ever
            self.counts["timer_stuck", self._logic.name] += 1

    def _publish(self, key: bytes, outputs: list[Output]) -> None:
        """Number the outputs and keep them for the entity's outbox."""
        outbox = self._published.setdefault(key, [])
        for output in outputs:
            index = len(self._outputs)
            if output.topic in self._hops:
                # The watermark of the batch before: more may follow in this one, and time passes only after it.
                output = self._stamp.output(output, self._batch, index, self._announced)
            outbox.append((index, output))
            self._outputs.append(output)

    def _write_published(self, changelog: list[list[Change]], most: int) -> bool:
        """Append so many of the entities that have something to publish; whether there are more."""
        changelog += self._spilled
        self._spilled = []
        for key in list(islice(self._published, most)):
            outbox, cell = self._published.pop(key), self._table.touched(key)
            if key in self._ends:
                kept = self._ends.pop(key)
                changelog += self._table.end(key, cell, self.generation, self._batch, outbox, kept)
                self._checkpoint.ended(key)
            else:
                changelog.append(self._table.write(key, cell, self.generation, self._batch, outbox))
                self._checkpoint.written(key)
        return bool(self._published)

    # --- checkpoints -------------------------------------------------------------------------------------------------

    def _write_dirty(self, changelog: list[list[Change]], most: int) -> bool:
        """Append so many of the checkpoint's entities; whether there were as many."""
        keys = self._checkpoint.take(most)
        for key in keys:
            changelog.append(self._table.write(key, self._table.touched(key), self.generation, self._batch, []))
        return len(keys) == most

    def _end_checkpoint(self, changelog: list[list[Change]]) -> dict[str, int] | None:
        """After the last of its entities, a checkpoint's snapshot. What may be committed then."""
        finished = self._checkpoint.finish()
        if finished is None:
            return None
        snapshot, commit, bury = finished
        self._finished.append((self._batch, self._begun_in))
        changelog.append([self._partition_record(snapshot)])  # after all that it covers
        changelog += self._bury(bury, commit)
        return commit

    def _bury(self, keys: list[bytes], read: Mapping[str, int]) -> list[list[Change]]:
        """Groups that delete the marks of ended entities, of those whose inputs the snapshot covers.

        A mark that a former owner wrote may be ahead of what we have read: without it, those inputs would apply again.
        """
        known = [(source.index, read.get(source.topic, 0)) for source in self._inputs]
        changelog: list[list[Change]] = []
        for key in filter(self._table.is_ended, keys):
            if all(self._table.applied(key, index) < position for index, position in known):
                changelog.append(self._table.bury(key, self.generation))
            else:
                self._checkpoint.ended(key)
        return changelog

    def _partition_record(self, snapshot: bytes) -> Change:
        return rec.PARTITION_KEY, rec.encode_partition(self.generation, self._batch, snapshot)

    def _snapshot(self) -> bytes:
        self._saved_watermark = self.watermark
        kept = {"watermark": self.watermark, **self._succession.dump(), **self._inputs.dump()}
        return orjson.dumps(kept)

    # --- time --------------------------------------------------------------------------------------------------------

    def _read_clock(self) -> None:
        """The partition's time is that of its slowest input; it never goes back."""
        at = self._inputs.watermark()
        self._idle = at == NEVER
        if self.watermark < at < NEVER:
            self.watermark = at
        if self.heard < self.watermark:
            self.heard = max(self.heard, min(self.watermark, self._inputs.complete(), *self._inputs.heard()))
        if self.watermark - self._saved_watermark >= self._settings.save_watermark:
            self._checkpoint.moved()

    def _fire(self, now: int) -> None:
        """Advance entities whose timers are due, oldest first."""
        if self.watermark == NOTHING_YET:
            return
        for _ in range(self._settings.timer_slice):
            due = self._timers.pop(self.watermark) or self._unheard.pop(self.heard)
            if due is None:
                break
            self.counts["fired", self._logic.name] += 1
            self._advance(due[1], [], now)
        self.backlog = self._is_due()

    def _is_due(self) -> bool:
        due = self.watermark > NOTHING_YET and self._timers.oldest(self.watermark) <= self.watermark
        return due or (self.heard > NOTHING_YET and self._unheard.oldest(self.heard) <= self.heard)

    def _announce(self) -> None:
        """What receivers may rely on: nothing earlier will follow, timers that are still to fire included."""
        if self._idle:
            self._announced = NEVER
        elif self.watermark > NOTHING_YET:
            safe = min(self.watermark, self._timers.oldest(self.watermark) - 1)
            if self._announced == NEVER or safe > self._announced:
                self._announced = safe

    def _heartbeat_due(self, now: int, caught_up: bool) -> bool:
        if self._announced == NOTHING_YET or not self._settings.heartbeats:
            return False
        told, news = self._told, (self._announced, self._heard_out())
        if news == told:
            return False
        every, stride = self._settings.heartbeat_every // (10 if caught_up else 1), self._settings.stride
        if abs(now - self._told_at) >= (self._settings.hurry_every if self._far_behind(now) else every):
            return True
        return told[0] > NOTHING_YET and (news[0] - told[0] >= stride or news[1] - told[1] >= stride)

    def _far_behind(self, now: int) -> bool:
        """Whether this is catch-up, where sources may stand still until they hear from us."""
        return now - self._announced >= self._settings.stride

    def _heard_out(self) -> int:
        """What the next stage may settle: all is heard, and what was due by then is out."""
        return NEVER if self._idle else min(self.heard, self._announced)

    def _levels_now(self) -> dict[str, int]:
        return levels(min(self._announced, self._inputs.complete()), self._inputs.heard())

    def _levels_due(self, now: int) -> bool:
        if self._announced == NOTHING_YET or not self._settings.levels:
            return False
        told, news = self._levels, self._levels_now()
        if news == told:
            return False
        stride = self._settings.stride
        every = self._settings.hurry_every if self._far_behind(now) else self._settings.heartbeat_every
        return abs(now - self._levels_at) >= every or any(  # abs: clocks are set back
            at - told.get(mark, NOTHING_YET) >= stride for mark, at in news.items()
        )

    # --- what the shell reports --------------------------------------------------------------------------------------

    def appended(self, base_offset: int, count: int) -> None:
        """`count` records were appended from `base_offset` on. Raises Fenced when they do not continue our last ones.

        It is also raised in the rightful owner when a zombie has written in between: taking over again repairs that.
        """
        if base_offset != self._end:
            raise Fenced(
                f"{self._logic.name}, partition {self._partition}: appended at {base_offset} instead of {self._end}; "
                f"somebody else writes to the changelog (we are generation {self.generation})"
            )
        self._end = base_offset + count

    def acknowledged(self, work: Work) -> None:
        """All outputs of this work are on their topics."""
        self._acked = work.batch
        while self._finished and self._finished[0][0] <= work.batch:
            self.covered = self._finished.popleft()[1]
