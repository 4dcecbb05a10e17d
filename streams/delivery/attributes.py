"""Attributes: the CloudEvents 1.0 headers (Kafka binding, binary mode) of what is published, read off the record's bytes.

They are made while a record goes out and kept nowhere: a record that is sent again gets the same ones, outboxes stay small,
and no id depends on them. What varies stands at known places of our own JSON, so nothing is parsed again (docs/records.md).
Source of the names: https://github.com/cloudevents/spec, kafka-protocol-binding.md, 3.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from schemas.snapshot import WRITTEN
from streams.delivery.wire import NO_HEADERS, Encoded, headers, varint

Headers = list[tuple[str, bytes]]

_ID: Final = varint(5) + b"ce_id"
_TIME_OF: Final = varint(7) + b"ce_time"
_SUBJECT: Final = varint(10) + b"ce_subject"

_TIME = 24
"""Length of our times, `2024-05-01T12:00:00.000Z`."""


Varying = tuple[bytes, bytes]
"""What differs from record to record of a topic: `ce_id` and `ce_time`. A plain tuple: a named one costs half of all this."""


def of_transition(value: bytes) -> Varying:
    """`<id>.<seq>`: an id that is taken back or restored is news, and a reader may drop what has a `ce_id` it knows."""
    seq, at = value.find(b'"seq":') + 6, value.find(b',"at":"') + 7
    return value[7:39] + b"." + value[seq : value.find(b",", seq)], value[at : at + _TIME]


def of_alert(value: bytes) -> Varying:
    """`<id>.<detected_at>`: an alert that opens again after a retraction is the opening record again."""
    at = value.rfind(b',"at":"') + 7  # the last one: an attribute carried along may be called `at` too
    found = value.rfind(b',"detected_at":"') + 16
    return value[7:39] + b"." + value[found : found + _TIME], value[at : at + _TIME]


def of_snapshot(value: bytes) -> Varying:
    """`<as_of>.<checksum>`, made whole by the entity before it: an entity may be described twice as of one instant."""
    as_of = value.find(b',"as_of":"') + 10
    at = value[as_of : as_of + _TIME]
    return b"%b.%08x" % (at, crc32(value)), at


class About(NamedTuple):
    """One topic: the CloudEvents type, the JSON Schema of the data, how what varies is read off its bytes."""

    type: str
    schema: str
    varying: Callable[[bytes], Varying]


ABOUT: dict[str, About] = {
    "transitions.user": About("journeys.transition.user", "transition", of_transition),
    "transitions.account": About("journeys.transition.account", "transition", of_transition),
    "alerts": About("journeys.alert", "alert", of_alert),
    "state.user": About("journeys.state.user", "snapshot", of_snapshot),
    "state.account": About("journeys.state.account", "snapshot", of_snapshot),
}
"""By logical topic. Dead letters keep the headers that they came with, and get none of these."""


def source(topic: str) -> str:
    """`ce_source` of a topic, by its name on Kafka: within it a `ce_id` is unique."""
    return f"urn:journeys:topic:{topic}"


def constant(logical: str, topic: str) -> Headers:
    """The headers that are the same for all records of a topic."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", ABOUT[logical].type.encode()),
        ("ce_source", source(topic).encode()),
        ("content-type", b"application/json"),
    ]


class Attributes:
    """The headers of the records of one topic."""

    def __init__(self, logical: str, topic: str) -> None:
        self._constant = headers(constant(logical, topic))
        self._varying = ABOUT[logical].varying
        self._named = self._varying is of_snapshot
        self._has_seq = self._varying is of_transition
        self._written = -1
        self._when_written = NO_HEADERS

    def encoded(
        self, key: bytes | None, value: bytes | None, written: int | None, before: Sequence[tuple[str, bytes]] = ()
    ) -> Encoded:
        """All headers of a record behind those that it has, as Kafka's format has them.

        A null one has no content that an event could be about, and says only: gone. `written`: what the header of that name
        says (schemas/snapshot.py), where it is known. Put together at once, as most records that go out have them.
        """
        first = headers(before) if before else NO_HEADERS
        last = NO_HEADERS if written is None or self._has_seq else self._when(written)
        if value is None or key is None:
            return Encoded(first.count + last.count, first.data + last.data)
        id, time = self._varying(value)
        if self._named:
            id = key + b"." + id
        parts = (
            first.data, self._constant.data, _ID, varint(len(id)), id, _TIME_OF, varint(len(time)), time, _SUBJECT,
            varint(len(key)), key, last.data,
        )  # fmt: skip
        return Encoded(first.count + self._constant.count + 3 + last.count, b"".join(parts))

    def _when(self, written: int) -> Encoded:
        """The header `written`; it is the same for all records of a slice."""
        if written != self._written:
            self._written, self._when_written = written, headers([(WRITTEN, b"%d" % written)])
        return self._when_written


def attributes(logical: str, topic: str) -> Attributes | None:
    """For a logical topic and its name on Kafka; None where its records get no attributes."""
    return Attributes(logical, topic) if logical in ABOUT else None
