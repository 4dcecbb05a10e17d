"""Partition: which partition a key belongs to, by the hash of Kafka's own clients."""

from __future__ import annotations

from collections.abc import Mapping

from streams.delivery.murmur2 import murmur2


class Partitioner:
    """Kafka's default partitioner over {topic: number of partitions}, which may be learnt later."""

    def __init__(self, partitions: Mapping[str, int] | None = None) -> None:
        self._partitions = dict(partitions or {})
        self._turn = 0

    def learn(self, partitions: Mapping[str, int]) -> None:
        self._partitions.update(partitions)

    def of(self, topic: str, key: bytes | None) -> int:
        """A record without a key goes to the partitions in turn."""
        if key is None:
            self._turn += 1
            return self._turn % self._partitions[topic]
        return (murmur2(key) & 0x7FFFFFFF) % self._partitions[topic]
