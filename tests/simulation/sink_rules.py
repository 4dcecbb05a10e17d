"""Each rule of the sink, switched off: the simulation must notice every one of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sinks.clickhouse.batcher import DeadRecord, Flush, Partition, SinkCore
from sinks.clickhouse.deliver import Bad, deliver
from sinks.clickhouse.retry import BadData, Unavailable
from streams.delivery.contracts import Record
from tests.simulation.sink import SinkRules

ALL = SinkRules()


class ManyInFlight(SinkCore[Record]):
    """A flush is taken while another is under way, and commits before it."""

    def due(self, now: int) -> bool:
        self._flying = None
        return super().due(now)

    def take(self) -> Flush[Record]:
        self._flying = None
        return super().take()

    def _land(self, flush: Flush[Record]) -> None:
        pass


class GapsStay(SinkCore[Record]):
    """A commit goes to the last record, not to the end of the batch."""

    def reach(self, where: Partition, end: int, now: int) -> None:
        pass


class LettersGoRound(SinkCore[Record]):
    """A dead letter that fits nowhere becomes a dead letter."""

    def take(self) -> Flush[Record]:
        flush = super().take()
        flush.__class__ = Round
        return flush


class Round(Flush[Record]):
    __slots__ = ()

    def set_aside(self, itself_dead: bool, found: DeadRecord[Record]) -> None:
        self.dead.append(found)


def tried_once(writer: Any, table: str, rows: Sequence[Any], pause: Callable[[float], bool], **how: Any) -> list[Bad]:
    """A write that fails is not tried again."""
    try:
        return deliver(writer, table, rows, lambda seconds: False, **how)
    except Exception:
        return []


def all_or_nothing(
    writer: Any, table: str, rows: Sequence[Any], pause: Callable[[float], bool], **how: Any
) -> list[Bad]:
    """One row that does not fit takes its batch along."""
    while True:
        try:
            writer.write(table, rows)
            return []
        except BadData as problem:
            return [Bad(place, str(problem)) for place in range(len(rows))]
        except Unavailable:
            if not pause(0):
                return deliver(writer, table, rows, pause, **how)


OFF: dict[str, SinkRules] = {
    "commit_before_storing": replace(ALL, commit_after_storing=False),
    "commit_before_dead_letters": replace(ALL, commit_after_letters=False),
    "many_flushes_in_flight": replace(ALL, core=ManyInFlight, one_flush_at_a_time=False),
    "batches_with_holes_between": replace(ALL, batches_continue=False),
    "positions_outlive_their_assignment": replace(ALL, partitions_begin_anew=False),
    "gaps_are_not_committed": replace(ALL, core=GapsStay),
    "a_write_is_tried_once": replace(ALL, deliver=tried_once),
    "a_bad_row_takes_its_batch_along": replace(ALL, deliver=all_or_nothing),
    "refused_rows_are_forgotten": replace(ALL, refused_rows_are_letters=False),
    "letters_about_letters": replace(ALL, core=LettersGoRound),
    "another_letter_each_time": replace(ALL, same_letter_each_time=False),
    "the_last_write_wins": replace(ALL, highest_version_counts=False),
    "views_show_every_row": replace(ALL, views_keep_one=False),
}
"""Name of a rule switched off -> the rules without it."""
