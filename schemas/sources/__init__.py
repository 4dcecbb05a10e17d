"""Sources: the systems whose records we read, each with one decoder from bytes to events. A decoder never raises."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Protocol

from schemas.native import prefer

prefer(__name__, __path__)

from schemas.sources import canonical, segment  # noqa: E402
from schemas.sources.outcome import Decoded, Headers  # noqa: E402


class Decode(Protocol):
    """A decoder. `timestamp` is Kafka's, in ms, 0 where there is none; see `decode` for `max_future`."""

    def __call__(
        self, value: bytes | None, key: bytes | None, headers: Headers, timestamp: int, *, max_future: int | None
    ) -> Decoded: ...


SOURCES: dict[str, Decode] = {"canonical": canonical.decode, "segment": segment.decode}
"""Decoders by the name that settings and `--source` give them."""


def decoder(source: str) -> Decode:
    """The decoder of a source. Raises ValueError, with the nearest name, for one that we do not have."""
    found = SOURCES.get(source)
    if found is None:
        near = get_close_matches(source.lower(), SOURCES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted(SOURCES))}"
        raise ValueError(f"there is no source {source!r}; {hint}")
    return found


def decode(
    source: str, value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
    max_future: int | None = None,
) -> Decoded:  # fmt: skip
    """What one record of a source means: events, failures and watermarks, one an item, in order.

    An event later than `timestamp` (Kafka's, ms) by more than `max_future` (ms) is a failure; both are needed.
    Never raises for what the record holds; ValueError for a source that we do not have.
    """
    return decoder(source)(value, key, headers, timestamp, max_future=max_future)
