"""Waiting until all is read: a slow machine is waited for, one that stands still is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from deploy.demo.watch import Groups


class Slow(Groups):
    """Groups whose lag is what a list says, look by look; the last one stays."""

    def __init__(self, *lags: int) -> None:
        self._lags = list(lags)

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        if group == "sink":
            return 0
        return self._lags.pop(0) if len(self._lags) > 1 else self._lags[0]

    async def ends(self, topics: Sequence[str]) -> Any:
        return 7


def waited(*lags: int) -> None:
    asyncio.run(Slow(*lags).drained("engine", [], "sink", [], deadline_s=0.6, settle_s=0.1))


def test_as_long_as_less_is_left_each_time_it_is_waited_for() -> None:
    waited(900, 800, 700, 600, 500, 400, 0)  # 1.5 s


def test_that_nothing_moves_any_more_is_said_with_who_is_behind() -> None:
    with pytest.raises(TimeoutError, match="nothing has moved for 1 s: the engine is 700 records behind, the sink 0"):
        waited(900, 700)
