"""Each rule of the guarantee, switched off: the simulation must notice every one of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streams.delivery import record as rec
from streams.delivery.contracts import Output, Work
from streams.delivery.table import Change, Table
from streams.delivery.task import Task
from tests.simulation.worker import Rules

ALL = Rules()


class NoAppliedOffset(Task[Any]):
    """Entities do not remember which records they have taken."""

    def restored(self) -> Work:
        work = super().restored()
        for source in self._inputs:
            source.replay_end = -1
        return work


class NoOriginHighwater(Task[Any]):
    """Records sent twice are taken twice."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for source in self._inputs:
            if source.origins is not None:
                source.origins.admit = lambda raw, hear=source.origins.hear: hear(raw) or True  # type: ignore


class NoFencing(Task[Any]):
    """Nobody looks where an append has landed."""

    def appended(self, base_offset: int, count: int) -> None:
        pass


class ZombiesCount(Table[Any]):
    """Recovery takes whatever was written last, by whomever."""

    def restore(self, records: Iterable[Change]) -> None:
        for key, value in records:
            self._keep(key, value)
            if value is not None:
                self.generation = max(self.generation, rec.generation_of(value))


class NoGenerations(Task[Any]):
    """Recovery ignores the generations in the changelog."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._table.__class__ = ZombiesCount


class NoRepair(Task[Any]):
    """What a zombie wrote over is not written again: compaction makes it final."""

    def restored(self) -> Work:
        return super().restored()._replace(changelog=[])


class NoOutboxResend(Task[Any]):
    """What was durable and unpublished stays unpublished."""

    def restored(self) -> Work:
        return super().restored()._replace(outputs=[])


class EarlyWatermark(Task[Any]):
    """The watermark is announced while timers before it are still to fire."""

    def _announce(self) -> None:
        self._announced = max(self._announced, self.watermark)


class WatermarkOfThisBatch(Task[Any]):
    """Outputs carry the watermark of their own batch, of which more outputs follow."""

    def _publish(self, key: bytes, outputs: list[Output]) -> None:
        self._announce()
        super()._publish(key, outputs)


class SnapshotFirst(Task[Any]):
    """The partition's record, with the high-water, is written before the entities that it covers."""

    def _end_checkpoint(self, changelog: list[list[Change]]) -> dict[str, int] | None:
        commit = super()._end_checkpoint(changelog)
        changelog.sort(key=lambda group: group[0][0] != rec.PARTITION_KEY)
        return commit


class SnapshotWithoutEntities(Task[Any]):
    """The snapshot, and the commit, do not wait for the entities without outputs."""

    def _write_dirty(self, changelog: list[list[Change]], most: int) -> bool:
        return False

    def _end_checkpoint(self, changelog: list[list[Change]]) -> dict[str, int] | None:
        waiting, self._checkpoint._writing = self._checkpoint._writing, {}
        commit = super()._end_checkpoint(changelog)
        self._checkpoint._dirty = waiting | self._checkpoint._dirty
        return commit


class SnapshotAfterBatch(Task[Any]):
    """The snapshot covers the batch that it is written with, whose redirects and dead letters may still be lost."""

    def _end_checkpoint(self, changelog: list[list[Change]]) -> dict[str, int] | None:
        if self._checkpoint.running:
            self._checkpoint._writing |= self._checkpoint._dirty
            self._checkpoint._dirty = {}
            self._checkpoint._snapshot, self._checkpoint._commit = self._snapshot(), self.positions
        self._write_dirty(changelog, 2**62)
        return super()._end_checkpoint(changelog)


class BatchNumbersBeginAgain(Task[Any]):
    """After a recovery batches are numbered from one."""

    def restored(self) -> Work:
        work = super().restored()
        self._batch = self._acked = 0
        return work._replace(batch=0)


class TimersForgotten(Task[Any]):
    """Recovery does not arm the timers."""

    def restored(self) -> Work:
        work = super().restored()
        self._timers._entry.clear()
        return work


class EndsWithoutMark(Task[Any]):
    """An entity that ends leaves nothing behind: records read again begin it anew."""

    def _write_published(self, changelog: list[list[Change]], most: int) -> bool:
        ends = list(self._ends)
        more = super()._write_published(changelog, most)
        changelog += [[(rec.entity_key(key), None)] for key in ends if key not in self._ends]
        return more


class MarksBuriedEarly(Task[Any]):
    """The mark of an end goes although records that were applied before it may be read again."""

    def _bury(self, keys: list[bytes], read: Any) -> list[list[Change]]:
        return [self._table.bury(key, self.generation) for key in keys if self._table.is_ended(key)]


class BesideOutlives(Table[Any]):
    """Records beside an entity that ended are left where they are."""

    def end(self, key: bytes, *args: Any) -> list[list[Change]]:
        return super().end(key, *args)[:1]

    def restored(self) -> Any:
        for key, value in self.entities.items():
            assert isinstance(value, bytes)
            yield key, rec.header_of(value), value


class BesideSurvivesTheEnd(Task[Any]):
    """An entity that begins again finds what was beside the one before it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._table.__class__ = BesideOutlives


class NoUnspokenOrigins(Task[Any]):
    """A sender that has not spoken yet is not waited for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for source in self._inputs:
            if source.origins is not None:
                source.origins._watermarks = dict.fromkeys(source.origins._watermarks, 2**62)


class ForgetfulOutbox(Task[Any]):
    """Entities are durable before their outputs are sent, but the outputs are not kept with them."""

    def _publish(self, key: bytes, outputs: list[Output]) -> None:
        super()._publish(key, outputs)
        self._published[key] = []


class NobodyIsHeardOut(Task[Any]):
    """Each partition settles by its own time, whatever the others have still to tell it."""

    def _read_clock(self) -> None:
        super()._read_clock()
        self.heard = self.watermark


class OneHopIsEnough(Task[Any]):
    """Everybody is heard, but nobody waits for what others say in answer to what they hear."""

    def _read_clock(self) -> None:
        super()._read_clock()
        self.heard = max(self.heard, min(self.watermark, self._inputs.complete(), self._inputs.heard()[0]))


NOT_HEARD: dict[str, Rules] = {
    "nobody_is_heard_out": replace(ALL, task=NobodyIsHeardOut),
    "one_hop_is_enough": replace(ALL, task=OneHopIsEnough),
}
"""The rules of what entities of one kind tell each other; the toys tell each other nothing."""

OFF: dict[str, Rules] = {
    "commit_early": replace(ALL, commit_after_checkpoint=False),
    "outputs_before_state": replace(ALL, state_before_outputs=False),
    "next_batch_before_acknowledgement": replace(ALL, one_batch_at_a_time=False),
    "torn_groups": replace(ALL, whole_groups=False),
    "another_id_each_time": replace(ALL, same_id_each_time=False),
    "claim_without_looking": replace(ALL, exclusive_claim=False),
    "no_applied_offset": replace(ALL, task=NoAppliedOffset),
    "no_origin_highwater": replace(ALL, task=NoOriginHighwater),
    "no_fencing": replace(ALL, task=NoFencing),
    "no_generations": replace(ALL, task=NoGenerations),
    "no_repair": replace(ALL, task=NoRepair),
    "no_outbox": replace(ALL, task=ForgetfulOutbox),
    "no_outbox_resend": replace(ALL, task=NoOutboxResend),
    "announce_watermark_early": replace(ALL, task=EarlyWatermark),
    "watermark_of_this_batch": replace(ALL, task=WatermarkOfThisBatch),
    "origin_highwater_before_entities": replace(ALL, task=SnapshotFirst),
    "snapshot_without_entities": replace(ALL, task=SnapshotWithoutEntities),
    "snapshot_after_batch": replace(ALL, task=SnapshotAfterBatch),
    "batch_numbers_begin_again": replace(ALL, task=BatchNumbersBeginAgain),
    "timers_forgotten": replace(ALL, task=TimersForgotten),
    "ends_without_mark": replace(ALL, task=EndsWithoutMark),
    "marks_buried_early": replace(ALL, task=MarksBuriedEarly),
    "beside_survives_the_end": replace(ALL, task=BesideSurvivesTheEnd),
    "copy_complete_at_once": replace(ALL, copies_wait=False),
    "unspoken_origins_ignored": replace(ALL, task=NoUnspokenOrigins),
}
"""Name of a rule switched off -> the rules without it."""
