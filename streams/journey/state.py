"""State: everything remembered of one entity at one instant of event time. A fold reads and changes it; nothing else does.

It is a plain record of JSON values; `dump` and `load` are its bytes and back. VERSION grows with its shape, and `load`
goes on reading every older one.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from streams.journey.pack import pack
from streams.journey.rollup import Rollup

VERSION: Final = 2
"""2 added `into` and `names`."""

Cell = Any


class State:
    """One entity at one instant.

    begun     event time of its first input, ms
    touched   when the newest input came
    now       the instant it has been folded to: the newest input or fired timer, ms
    last      newest activity, ms, or -1; last_id is that event's id
    cells     one a measure (see measures.py); evidence: the id of the event that last moved it
    states    index of the current state, since: when it was entered, reached: bit set of states ever entered; by machine
    holds     {"machine/rule": since when its guard has held without a break}
    signals   bit set of the signals that hold
    alerts    {name: [id of the opening record or None, opened at, closed at, severity]}
    attrs     carried attributes and the traits levels are read from
    accounts  of a user: {account: newest active day told to it, or -1}; home is the newest one named
    told      of a user: the status last told to its accounts
    rollups   of an account: members by fact and day (see rollup.py)
    into      where all is forwarded that comes: see redirect.Into; None where it is its own
    names     identifiers that forward here: {identifier: 1 while members of an account are still to come, else 0}
    ended     when it was forgotten, ms, or -1
    deadline  the next instant at which a guard may change by itself; derived, so never written
    dues      the same of each machine, and of the signals last; -1 where it is not known; derived too
    touch     what else may make a guard hold (see touch.py); derived too, ALL while it is not known
    """

    __slots__ = (
        "accounts", "admin", "alerts", "attrs", "begun", "cells", "deadline", "dues", "ended", "evidence", "holds", "home", "into", "last",
        "last_id", "level", "names", "now", "reached", "rollups", "signals", "since", "states", "told", "touch", "touched",
    )  # fmt: skip

    def __init__(self, measures: int, machines: int, rollups: list[Rollup]) -> None:
        self.begin(measures, machines, rollups)

    def begin(self, measures: int, machines: int, rollups: list[Rollup]) -> None:
        """As if nothing had ever happened."""
        self.begun = -1
        self.now = -1
        self.touched = -1
        self.last = -1
        self.last_id: str | None = None
        self.cells: list[Cell] = [None] * measures
        self.evidence: list[str | None] = [None] * measures
        self.states = [-1] * machines
        self.since = [-1] * machines
        self.reached = [0] * machines
        self.holds: dict[str, int] = {}
        self.signals = 0
        self.alerts: dict[str, list[Any]] = {}
        self.attrs: dict[str, Any] = {}
        self.accounts: dict[str, int] = {}
        self.home: str | None = None
        self.told: list[Any] | None = None
        self.level = "unknown"
        self.admin = False
        self.rollups = rollups
        self.ended = -1
        self.into: list[Any] | None = None
        self.names: dict[str, int] = {}
        self.deadline = -1
        self.dues = [-1] * (machines + 1)
        self.touch = -1

    def dump(self) -> bytes:
        return pack(
            [
                VERSION, self.begun, self.now, self.touched, self.last, self.last_id, self.cells, self.evidence, self.states, self.since,
                self.reached, self.holds, self.signals, self.alerts, self.attrs, self.accounts, self.home, self.told,
                self.level, self.admin, self.rollups, self.ended, self.into, self.names,
            ],
            orjson.OPT_NON_STR_KEYS,
        )  # fmt: skip


def load(data: bytes) -> State:
    """The state that `dump` wrote. Its deadline is unknown until a fold computes it."""
    state = State(0, 0, [])
    (
        _, state.begun, state.now, state.touched, state.last, state.last_id, state.cells, state.evidence, state.states, state.since,
        state.reached, state.holds, state.signals, state.alerts, state.attrs, state.accounts, state.home, state.told,
        state.level, state.admin, rollups, state.ended, *identity,
    ) = orjson.loads(data)  # fmt: skip
    state.into, state.names = identity or (None, {})
    state.rollups = [[count, {int(day): n for day, n in days.items()}] for count, days in rollups]
    state.deadline = state.touch = -1
    state.dues = [-1] * (len(state.states) + 1)
    return state
