"""Under which definitions the states of a partition are kept: numbered, and each state's record says under which.

A definition takes a partition over at a boundary, the event time (ms) that had been read by then, which is kept: states
are taken over one by one, and one that is reached only after a crash is taken over as of the same instant.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

MOST: Final = 64
"""Six bits of a state's header hold the number. A number is used again once no state has it."""


class Versions:
    """Of one partition. `current`: the number of the definition in force, and `begun` its boundary, ms."""

    def __init__(self, definition: str) -> None:
        self._definition = definition
        self._known: list[tuple[str, int]] = []
        self.current = 0

    @property
    def begun(self) -> int:
        return self._known[self.current][1]

    def of(self, number: int) -> str:
        """The identity of the definition with this number."""
        return self._known[number][0]

    def load(self, kept: dict[str, Any], watermark: int, used: Collection[int]) -> bool:
        """Take what `dump` gave, {} for nothing; whether another definition was in force.

        `used`: numbers that some state has. A partition from before definitions were numbered is kept under number 0.
        """
        before = kept.get("definitions") or ([[kept["definition"], watermark]] if kept else [])
        self._known = [(digest, boundary) for digest, boundary in before]
        names = [digest for digest, _ in self._known]
        known = self._definition in names
        self.current = names.index(self._definition) if known else self._free(used)
        if known and kept["definition"] == self._definition:
            return False
        self._known[self.current : self.current + 1] = [(self._definition, watermark)]
        return True

    def _free(self, used: Collection[int]) -> int:
        if len(self._known) < MOST:
            return len(self._known)
        return next(n for n in range(MOST) if n not in used)

    def dump(self) -> dict[str, Any]:
        return {"definition": self._definition, "definitions": self._known}
