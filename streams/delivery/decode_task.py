"""A decode task: one partition of a source topic, re-keyed. It has no state: what it sends follows from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from streams.delivery.clock import ClockSettings, SourceClock
from streams.delivery.contracts import (
    NEVER,
    NOTHING_YET,
    Clocked,
    Dead,
    Drop,
    Ok,
    Outcome,
    Output,
    Record,
    Redirect,
    Work,
    last_of,
)
from streams.delivery.dead import dead_letter
from streams.delivery.inbox import heaviest
from streams.delivery.origins import Stamp


class DecodeTask:
    """Source records in, re-keyed records out, each with its origin (source offset, position in the record).

    route       how a record is read: Redirect, Drop, Dead or Clocked; never Ok, for there is no entity here
    topic_id    names the source topic even when its name is used again
    partition   of the source topic
    heartbeats  re-keyed topics it writes to, with their partition counts
    stride      ms of event time after which they are told at once how far it is
    hurry_every ms between two words while it is further behind the wall than that

    counts      what happened, by (name, label); the shell reads and clears it
    """

    def __init__(
        self,
        route: Callable[[Record], list[Outcome]],
        topic_id: str,
        partition: int,
        heartbeats: Mapping[str, int] | None = None,
        clock: ClockSettings | None = None,
        heartbeat_every: int = 1_000,
        stride: int = 21_600_000,
        hurry_every: int = 100,
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._route = route
        self._topic_id = topic_id
        self._heartbeats = dict(heartbeats or {})
        self._heartbeat_every = heartbeat_every
        self._stride, self._hurry_every = stride, hurry_every
        self._stamp = Stamp(f"{topic_id}/{partition}")
        self._clock = SourceClock(clock or ClockSettings())
        self._empty = False
        self._batch = 0
        self._offset = 0
        self._told = NOTHING_YET
        self._told_at = 0

    @property
    def watermark(self) -> int:
        """Event time (ms) up to which this partition has been read; NEVER when it is known to be empty."""
        return NEVER if self._empty and self._clock.watermark == NOTHING_YET else self._clock.watermark

    def resume(self, record: Record) -> None:
        """Set the clock from the last record before the committed offset, so that a quiet partition goes on after a
        restart. Nothing is sent."""
        for outcome in self._route(record):
            self._time(record, outcome)

    def process(self, topic: str, records: Sequence[Record], now: int, caught_up: bool) -> Work:
        """Take records in offset order. `caught_up`: they end where the topic ends, for now."""
        return last_of(self.steps(topic, records, now, caught_up, len(records) or 1))

    def steps(
        self, topic: str, records: Sequence[Record], now: int, caught_up: bool, step: int
    ) -> Iterator[Work | None]:  # fmt: skip
        """As a Task's."""
        self._batch += 1
        outputs: list[Output] = []
        for begin in range(0, len(records), step):
            for record in records[begin : begin + step]:
                self._read(record, outputs)
            yield None
        self.counts["read", topic] += len(records)
        self._offset = records[-1].offset + 1 if records else self._offset
        outputs += self._due_heartbeats(now, caught_up)
        yield Work(self._batch, [], outputs, {topic: self._offset} if records else None)

    def tick(self, now: int, caught_up: bool, empty: bool = False) -> Work | None:
        """Let time pass. `empty`: the partition is known to hold no record. None when there is nothing to say."""
        self._empty = empty
        self._clock.tick(now, caught_up)
        heartbeats = self._due_heartbeats(now, caught_up)
        if not heartbeats:
            return None
        self._batch += 1
        return Work(self._batch, [], heartbeats, None)

    def time_of(self, topic: str) -> int:
        """Event time (ms) as far as the source topic has been read."""
        return self._clock.watermark

    def promise(self, topic: str, at: int) -> None:
        """Nothing earlier than `at` (ms) follows on the source topic: as if it had sent a watermark record."""
        self._clock.promise(at)

    def acknowledged(self, work: Work) -> None:
        """All outputs of this work are on their topics; there is no state in which to note it."""

    def _read(self, record: Record, outputs: list[Output]) -> None:
        outcomes = self._route(record)
        kinds = [self._send_on(record, index, outcome, outputs) for index, outcome in enumerate(outcomes)]
        self.counts[heaviest(kinds)] += 1
        for outcome in outcomes:  # after all are sent: one record may hold several events, in any order
            self._time(record, outcome)

    def _time(self, record: Record, outcome: Outcome) -> None:
        if isinstance(outcome, Redirect):
            self._clock.read(outcome.at, record.timestamp, outcome.at)
        elif isinstance(outcome, Clocked):
            self._clock.promise(outcome.at)

    def _send_on(self, record: Record, index: int, outcome: Outcome, outputs: list[Output]) -> tuple[str, str]:
        match outcome:
            case Redirect(output, _, reason):
                if output.topic in self._heartbeats:
                    output = self._stamp.output(output, record.offset, index, self._clock.watermark)
                outputs.append(output)
                return "redirected", reason
            case Dead(reason, _):
                outputs.append(dead_letter(record, self._topic_id, index, outcome))
                return "dead", reason
            case Clocked():
                return "clock", record.topic
            case Drop(reason):
                return "dropped", reason
            case Ok():
                raise TypeError("route returned Ok: a decode task has no entities; return a Redirect")

    def _due_heartbeats(self, now: int, caught_up: bool) -> list[Output]:
        every = self._heartbeat_every // 10 if caught_up else self._heartbeat_every
        if now - self.watermark >= self._stride:
            every = self._hurry_every
        if self.watermark in (self._told, NOTHING_YET):
            return []
        far = self._told > NOTHING_YET and self.watermark - self._told >= self._stride
        if not far and abs(now - self._told_at) < every:
            return []
        self._told, self._told_at = self.watermark, now
        return self._stamp.heartbeats(self._heartbeats, self._offset, self.watermark)
