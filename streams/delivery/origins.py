"""Origins: each record of a re-keyed topic is taken once, and the slowest sender's watermark is the topic's.

A sender stamps what it sends with one header, `o`: batch, index, watermark and its name. Duplicates are recognised by
the high-water (batch, index) of each sender, because a sender's records arrive in that order, re-sent ones included.
A heartbeat is a record without key and value and with this header only; it moves the watermark and nothing else. It may
carry several of them: what the sender has heard of others is said under its name with a mark behind it (`hops`).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from streams.delivery.contracts import NEVER, NOTHING_YET, Origin, Output, Record

HEADER: Final = "o"
"""Name of the Kafka header that carries an origin."""

_ORIGIN: Final = struct.Struct("<QIq")


def encode_origin(origin: Origin) -> bytes:
    return _ORIGIN.pack(origin.batch, origin.index, origin.watermark) + origin.sender.encode()


def decode_origin(raw: bytes) -> Origin:
    batch, index, watermark = _ORIGIN.unpack_from(raw)
    return Origin(raw[_ORIGIN.size :].decode(), batch, index, watermark)


def origin_header(record: Record) -> bytes | None:
    for name, value in record.headers:
        if name == HEADER:
            return value
    return None


class Stamp:
    """Adds one sender's origin to outputs."""

    def __init__(self, sender: str) -> None:
        self._name = sender.encode()

    def header(self, batch: int, index: int, watermark: int) -> tuple[str, bytes]:
        return HEADER, _ORIGIN.pack(batch, index, watermark) + self._name

    def output(self, output: Output, batch: int, index: int, watermark: int) -> Output:
        header = self.header(batch, index, watermark)
        return Output(output.topic, output.key, output.value, (header, *output.headers), output.partition)

    def heartbeats(
        self, partitions: Mapping[str, int], batch: int, watermark: int, marked: Mapping[str, int] | None = None
    ) -> list[Output]:
        """One for every partition of every topic that this sender writes to. `marked`: {mark: watermark} to say as well."""
        headers = (self.header(batch, 0, watermark), *(self._marked(*said) for said in (marked or {}).items()))
        return [Output(t, None, None, headers, p) for t, count in partitions.items() for p in range(count)]

    def _marked(self, mark: str, watermark: int) -> tuple[str, bytes]:
        return HEADER, _ORIGIN.pack(0, 0, watermark) + self._name + mark.encode()


class Origins:
    """High-water and watermark of every sender of one topic partition. Changed by `admit` and `hear`.

    An expected sender that never spoke holds the watermark at NOTHING_YET; one that said NEVER is left out. A sender
    that nobody expects is deduplicated, and its watermark does not count.
    """

    def __init__(self, expected: Iterable[str]) -> None:
        self._highwater: dict[bytes, int] = {}
        self._watermarks: dict[bytes, int] = {sender.encode(): NOTHING_YET for sender in expected}
        self._expected = frozenset(self._watermarks)

    def said(self, names: Collection[bytes]) -> int:
        """The minimum over these names, of senders or with a mark behind; NEVER where there are none."""
        watermarks = self._watermarks
        return min([watermarks.get(name, NOTHING_YET) for name in names], default=NEVER)

    def admit(self, raw: bytes) -> bool:
        """Whether the record with this origin header is new; False means that it has been read before."""
        batch, index, watermark = _ORIGIN.unpack_from(raw)
        sender = raw[_ORIGIN.size :]
        position = (batch << 32) | index
        if position <= self._highwater.get(sender, -1):
            return False
        self._highwater[sender] = position
        self._move(sender, watermark)
        return True

    def hear(self, raw: bytes) -> None:
        """Take a heartbeat."""
        self._move(raw[_ORIGIN.size :], _ORIGIN.unpack_from(raw)[2])

    def _move(self, sender: bytes, watermark: int) -> None:
        before = self._watermarks.get(sender, NOTHING_YET)
        if watermark == NEVER and before != NOTHING_YET:
            return  # what a former owner said too late
        if watermark > before or before == NEVER:  # an empty partition that is no longer empty takes part again
            self._watermarks[sender] = watermark

    def watermark(self) -> int:
        """The minimum over the expected senders, in ms; NEVER if none of them will ever speak."""
        return min((self._watermarks[sender] for sender in self._expected), default=NEVER)

    def dump(self) -> dict[str, list[int]]:
        """Sender -> [batch and index of its high-water, watermark], for the partition's record."""
        senders = self._highwater.keys() | self._watermarks.keys()
        return {s.decode(): self._dump(s) for s in sorted(senders)}

    def _dump(self, sender: bytes) -> list[int]:
        highwater = self._highwater.get(sender, -1)  # in two numbers: JSON holds 64 bits
        return [highwater >> 32, highwater & 0xFFFFFFFF, self._watermarks.get(sender, NOTHING_YET)]

    def load(self, dumped: Mapping[str, Sequence[int]]) -> None:
        for sender, (batch, index, watermark) in dumped.items():
            self._highwater[sender.encode()] = (batch << 32) | index
            self._watermarks[sender.encode()] = watermark
