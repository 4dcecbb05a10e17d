"""Merging: what one entity hands to another that it turns out to be, and how two states become one.

By name, not by number, so that a message between two entities can be read whatever became of the definition meanwhile.
"""

from __future__ import annotations

from typing import Any

import orjson

from streams.journey.identity import MOST_NAMES
from streams.journey.machines import CompiledMachine
from streams.journey.measures import added
from streams.journey.state import State
from streams.journey.terms import Terms


def portable(terms: Terms, machines: list[CompiledMachine], s: State) -> dict[str, Any]:
    """All of a state that its survivor takes over: cells, evidence, states ever reached, activity, attributes, accounts."""
    cells = {m.name: s.cells[i] for i, m in enumerate(terms.entity.measures) if s.cells[i] is not None}
    return {
        "cells": cells,
        "evidence": {name: s.evidence[terms.index[name]] for name in cells},
        "reached": {m.name: [state for n, state in enumerate(m.states) if s.reached[m.number] >> n & 1] for m in machines},
        "last": [s.last, s.last_id],
        "attrs": s.attrs, "accounts": s.accounts, "home": s.home, "names": sorted(s.names),
    }  # fmt: skip


def absorb(terms: Terms, machines: list[CompiledMachine], s: State, said: dict[str, Any]) -> None:
    """Put what `portable` gave into a state. Where both know something, the survivor's own word counts."""
    said = orjson.loads(orjson.dumps(said))  # cells change in place, and what was received is kept to be folded again
    _cells(terms, s, said["cells"], said["evidence"])
    for machine in machines:
        for state in said["reached"].get(machine.name, ()):
            if state in machine.states:
                s.reached[machine.number] |= 1 << machine.states.index(state)
    last, last_id = said["last"]
    if last > s.last:
        s.last, s.last_id = last, last_id
    s.attrs = {**said["attrs"], **s.attrs}
    if s.home is None:
        s.home = said["home"]


def remember(s: State, names: list[str], merging: int = 0) -> None:
    """Identifiers that forward here, so that none of them is linked again, nor asked to lead the other way."""
    for name in names:
        s.names.pop(name, None)
        s.names[name] = merging
    for name in [n for n, members_come in s.names.items() if not members_come][: max(0, len(s.names) - MOST_NAMES)]:
        del s.names[name]


def _cells(terms: Terms, s: State, cells: dict[str, Any], evidence: dict[str, str | None]) -> None:
    mine = list(s.cells)
    theirs = [cells.get(m.name) for m in terms.entity.measures]
    for i, measure in enumerate(terms.entity.measures):
        gauge = terms.gauges[i]
        if gauge is None or theirs[i] is None or measure.since is not None:
            continue
        s.cells[i] = theirs[i] if mine[i] is None else gauge.merge(mine[i], theirs[i])
        s.evidence[i] = evidence.get(measure.name) or s.evidence[i]
    for i, measure in enumerate(terms.entity.measures):
        if measure.since is not None and theirs[i] is not None:
            flag = terms.index[measure.since]
            amount = added(_since(mine[i], mine[flag]), _since(theirs[i], theirs[flag]))
            s.cells[i] = [s.cells[flag][2] if s.cells[flag] is not None else 0, amount]
            s.evidence[i] = evidence.get(measure.name) or s.evidence[i]
        elif measure.since is not None and mine[i] is not None:
            flag = terms.index[measure.since]
            s.cells[i] = [s.cells[flag][2], _since(mine[i], mine[flag])]


def _since(cell: Any, flag: Any) -> Any:
    """A count since a flag was set, as it stands: 0 where the flag was set anew after it."""
    return cell[1] if cell is not None and flag is not None and cell[0] == flag[2] else 0
