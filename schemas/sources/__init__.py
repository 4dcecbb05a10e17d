"""Sources: one module a vendor, each `decode(record) -> events or failures`; a registry by name. Nothing here raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.sources import canonical, segment
from schemas.sources.canonical import Decoded

Decode = Callable[..., list[Decoded]]

SOURCES: dict[str, Decode] = {"canonical": canonical.decode, "segment": segment.decode}
"""Every source by the name that settings and the command line use."""


def decode(
    source: str,
    value: bytes | None,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
    timestamp: int = 0,
    *,
    max_future: int = 600_000,
) -> list[Decoded]:
    """What a record of a source means. `timestamp`: Kafka's own, ms; 0 where there is none. KeyError: unknown source."""
    return SOURCES[source](value, key, headers, timestamp, max_future=max_future)


__all__ = ["SOURCES", "Decode", "Decoded", "decode"]
