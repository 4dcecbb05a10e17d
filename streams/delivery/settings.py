"""How a task behaves, and the three reasons for which it refuses to go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import UnknownDefinition


class Fenced(Exception):
    """Somebody else has written to our changelog: give the partition up without publishing, or end the process."""


class InputTruncated(Exception):
    """An input topic ends before what was already applied: it was deleted, or another topic has its name."""


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """How a task behaves. Times in ms.

    heartbeats         re-keyed topics that this task writes to, and their partition counts; outputs there get an origin
    stamped            further topics whose outputs get an origin, without heartbeats
    peers              input topic -> the partitions of our own stage that write to it, by the names they send under
    hears              senders from outside our stage that have one of their own to hear out: what they say is final only then
    levels             topics that our own stage reads, and their partition counts: it is told there how far all is heard
    topic_ids          input topic -> what identifies it even when its name is used again; the name where it is missing
    definition         identity of the definition in force, kept in the partition's record
    text               the definition itself, kept in the changelog for those that come after it
    checkpoint_every   entities without outputs are written at least this often, so a busy key costs one record a second
    checkpoint_events  ... and after this many records: the most that a crash makes us read again
    checkpoint_behind  ... but in catch-up only this often: an entity is written once for many events, and nobody waits
    checkpoint_busy    it is catch-up when so many records were read since the last checkpoint, and there are more
    write_slice        entities written by one Work of a checkpoint: 1,000 take a few ms
    timer_slice        timers fired by one Work, for the same reason: an entity that has to be decoded first costs 0.2 ms
    heartbeat_every    while behind; a tenth of it when caught up, where it decides how long accounts wait
    hurry_every        ... and in an exact catch-up, where sources may stand still until they hear from us
    stride             ... but at once when time has moved by this much, as it does in catch-up: others wait for it
    refresh_every      an idle owner writes its record this often, to notice a zombie well within compaction's lag
    warm               entities kept decoded, about 4 kB each; the others are bytes until they are touched
    save_watermark     a quiet partition's clock is saved when it has moved by this much: what a crash sets it back
    """

    heartbeats: Mapping[str, int] = field(default_factory=dict)
    stamped: frozenset[str] = frozenset()
    peers: Mapping[str, Collection[str]] = field(default_factory=dict)
    hears: frozenset[str] = frozenset()
    levels: Mapping[str, int] = field(default_factory=dict)
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    definition: str = ""
    text: bytes = b""
    clock: ClockSettings = field(default_factory=ClockSettings)
    checkpoint_every: int = 1_000
    checkpoint_events: int = 50_000
    checkpoint_behind: int = 30_000
    checkpoint_busy: int = 4_000
    write_slice: int = 1_000
    timer_slice: int = 200
    heartbeat_every: int = 1_000
    hurry_every: int = 100
    stride: int = 21_600_000
    refresh_every: int = 600_000
    warm: int = 100_000
    save_watermark: int = 10_000


__all__ = ["Fenced", "InputTruncated", "TaskSettings", "UnknownDefinition"]
