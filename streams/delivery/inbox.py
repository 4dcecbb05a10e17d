"""The inbox: reads one batch of records into inputs per entity, and what is to be sent on without any entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from streams.delivery.contracts import Clocked, Dead, Drop, Ok, Outcome, Output, Record, Redirect
from streams.delivery.dead import dead_letter
from streams.delivery.inputs import Input
from streams.delivery.origins import HEADER, origin_header

Touched = dict[bytes, list[Any]]
"""Entity key -> its new inputs, in offset order."""


class Inbox:
    """Reads batches for one task.

    read     the logic's
    applied  (entity key, input index) -> last offset taken, asked only for records that may be a repetition
    hops     topics whose records carry an origin
    counts   every record read counts as exactly one of ok, dropped, redirected, dead, duplicate, repeated, heartbeat
             and clock
    """

    def __init__(
        self,
        read: Callable[[Record], list[Outcome]],
        applied: Callable[[bytes, int], int],
        hops: frozenset[str],
        counts: Counter[tuple[str, str]],
    ) -> None:
        self._read = read
        self._applied = applied
        self._hops = hops
        self._counts = counts

    def take(self, source: Input, records: Sequence[Record], watermark: int, touched: Touched) -> list[Output]:
        """Puts inputs per entity into `touched`; redirects and dead letters. Moves the input's position and clock."""
        if records and records[0].offset < source.position:
            records = [r for r in records if r.offset >= source.position]
        outputs: list[Output] = []
        if not records:
            return outputs
        self._counts["read", source.topic] += len(records)
        plain = 0
        read, origins, replay_end = self._read, source.origins, source.replay_end
        newest = timed = None
        for record in records:
            if origins is not None and not self._is_new(source, record):
                continue
            outcomes = read(record)
            if len(outcomes) == 1 and type(outcomes[0]) is Ok and record.offset > replay_end:
                ok = outcomes[0]
                at = ok.at
                waiting = touched.get(ok.key)
                if waiting is None:
                    touched[ok.key] = [ok.input]
                else:
                    waiting.append(ok.input)
                plain += 1
            else:
                newest_in = self._others(source, record, outcomes, touched, outputs, watermark)
                if newest_in is None:
                    continue
                at = newest_in
            timed = (record.timestamp, at)
            if newest is None or at > newest:
                newest = at
        self._counts["ok", source.topic] += plain
        if newest is not None and timed is not None:
            source.clock.read(newest, *timed)
        source.position = records[-1].offset + 1
        source.empty = False
        return outputs

    def _is_new(self, source: Input, record: Record) -> bool:
        """False for heartbeats and for records that were read before."""
        assert source.origins is not None
        header = origin_header(record)
        if header is None:
            return True  # not from us; read like any other, without protection from repetition
        if record.value is None and record.key is None:
            for name, said in record.headers:
                if name == HEADER:
                    source.origins.hear(said)
            self._counts["heartbeat", source.topic] += 1
            return False
        if source.origins.admit(header):
            return True
        self._counts["duplicate", source.topic] += 1
        return False

    def _others(
        self,
        source: Input,
        record: Record,
        outcomes: Sequence[Outcome],
        touched: Touched,
        outputs: list[Output],
        watermark: int,
    ) -> int | None:
        """All that is not one plain Ok. The newest event time in the record, None without one."""
        newest: int | None = None
        kinds: list[tuple[str, str]] = []
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, (Ok, Redirect)):
                newest = outcome.at if newest is None else max(newest, outcome.at)
            kinds.append(self._other(source, record, index, outcome, touched, outputs, watermark))
        self._counts[heaviest(kinds)] += 1
        return newest

    def _other(
        self,
        source: Input,
        record: Record,
        index: int,
        outcome: Outcome,
        touched: Touched,
        outputs: list[Output],
        watermark: int,
    ) -> tuple[str, str]:
        """Do what one outcome asks for; (kind, label) to count."""
        match outcome:
            case Ok(key=key, input=value):
                if record.offset <= source.replay_end and record.offset <= self._applied(key, source.index):
                    return "repeated", source.topic
                touched.setdefault(key, []).append(value)
                return "ok", source.topic
            case Redirect(output, _, reason):
                if output.topic in self._hops:
                    output = source.stamp.output(output, record.offset, index, watermark)
                outputs.append(output)
                return "redirected", reason
            case Dead(reason, _):
                outputs.append(dead_letter(record, source.identity, index, outcome))
                return "dead", reason
            case Clocked(at):
                source.clock.promise(at)
                return "clock", source.topic
            case Drop(reason):
                return "dropped", reason


def heaviest(kinds: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """What a record with several outcomes counts as, so that it counts once: one bad item makes it a bad record."""
    return min(kinds, key=lambda kind: _WEIGHT[kind[0]], default=("dropped", "nothing"))


_WEIGHT: Final = {"dead": 0, "ok": 1, "redirected": 2, "repeated": 3, "clock": 4, "dropped": 5}
