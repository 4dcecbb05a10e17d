"""A disk that all workers share: copies of tables, of whatever age, some of which are found again."""

from __future__ import annotations

from random import Random

from streams.delivery.table import Change


class Disk:
    """`random`: what is copied and found is drawn apart, so that everything else of a schedule stays as it is."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._copies: dict[tuple[str, int], list[tuple[int, list[Change]]]] = {}

    def write(self, kind: str, partition: int, position: int, records: list[Change]) -> None:
        self._copies.setdefault((kind, partition), []).append((position, records))

    def read(self, kind: str, partition: int) -> tuple[int, list[Change]]:
        """(position, records) of any copy there is, or as often of none."""
        found = self._copies.get((kind, partition), [])
        return self.random.choice(found) if found and self.random.random() < 0.5 else (0, [])
