"""Limits: how many requests of a key are taken. Pure: the time is an argument."""

from __future__ import annotations

KEYS = 10_000
"""Keys remembered at most. There are a handful; what is above is somebody trying keys, and starts the table afresh."""


class Rate:
    """A token bucket for each key: `rate` requests a second, twice as many at once."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left: dict[str, tuple[float, float]] = {}  # key -> (tokens, when)

    def take(self, key: str, now: float) -> float:
        """Seconds to wait; 0 where the request is taken."""
        if len(self._left) > KEYS:
            self._left.clear()
        tokens, when = self._left.get(key, (2.0 * self._rate, now))
        tokens = min(2.0 * self._rate, tokens + (now - when) * self._rate)
        if tokens < 1:
            self._left[key] = tokens, now
            return (1 - tokens) / self._rate
        self._left[key] = tokens - 1, now
        return 0.0
