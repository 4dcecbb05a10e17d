"""What a decoder makes of a record besides events: a Failure or a Skipped with a reason, or a Watermark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from schemas.event import Event

Reason = Literal[
    "no_value",  # a null record: nothing to read
    "too_big",  # more bytes than a record may have
    "not_utf8",
    "not_json",
    "too_deep",  # nested deeper than any event is
    "wrong_type",  # a field, or the whole value, is of another type than it should be
    "missing_name",
    "missing_entity",  # it names neither user nor anonymous person nor account
    "placeholder_id",  # it does, but only by ids that stand for nobody (null, anonymous, 0 ...)
    "bad_time",  # no time, no readable time, or one outside 1990 to 2100
    "future",  # later than the record's Kafka timestamp by more than the definition allows
    "bad_envelope",  # what is wrapped around the events cannot be undone: gzip, a form, a row, JSON within JSON
    "gap",  # the vendor says that something changed and not what: read the object again
]

REASONS: tuple[Reason, ...] = get_args(Reason)


class Failure(NamedTuple):
    """The record, or one item of it, is no event: why, and for a person what to write instead."""

    reason: Reason
    detail: str = ""


SkipReason = Literal[
    "empty",  # a batch of nothing
    "tombstone",  # the end of a key on a compacted topic
    "aggregate",  # a figure about many people, and nobody's event
    "nobody",  # about no person and no account: a price list, an article, a setting
    "other_group",  # about a group of people that is no account
    "test",  # the vendor's own trial delivery
    "vendor_excluded",  # the vendor marks it as not to be counted
]

SKIPS: tuple[SkipReason, ...] = get_args(SkipReason)


class Skipped(NamedTuple):
    """The record is in order and holds no event: dropped, and counted by reason."""

    reason: SkipReason
    detail: str = ""


class Watermark(NamedTuple):
    """The sender promises that nothing earlier than `at` (ms) follows on this partition."""

    at: int


Headers = Iterable[tuple[str, bytes]]

Outcome = Event | Failure | Skipped | Watermark

Decoded = list[Outcome]
"""What one record means, in the order of its items."""


class Refused(Exception):
    """A Failure on its way from the field that does not fit to `decode`, which returns it. Never leaves a decoder."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)
