"""How large one entity's record can become, in bytes: its fullest state and recent inputs, made and written down.

Nothing is estimated by formula: every cell is filled as far as its measure lets it, and the very encoder that writes
states says how long that is. Texts (ids, property values, traits) are taken as `TEXT` characters long, because nothing
bounds what a source writes. Not counted: an account's members, a record of their own each, inputs of an account that
wait for their time, and a further account of one user (`A_MEMBERSHIP`).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, NamedTuple

import orjson

from schemas.alert import Alert
from schemas.definition.model import Definition, Kind, Measure
from streams.journey.calendar import DAY
from streams.journey.changes import Fact
from streams.journey.fold import Fold
from streams.journey.machines import CompiledAlert, CompiledRule
from streams.journey.measures import LARGEST
from streams.journey.rollup import Member
from streams.journey.selections import Hit, Selections
from streams.journey.state import Cell, State
from streams.journey.timeline import CLOSED, RECENT, SEEN, Entity

TEXT: Final = 36
"""Characters of a text: those of a UUID, which most ids are; names of features, plans and steps are shorter."""

NOW: Final = 1_999_999_999_999
TODAY: Final = NOW // DAY
A_MEMBERSHIP: Final = TEXT + len('"":20000,')


_FIELDS: Final = [field.name for field in fields(Alert)]


class Bound(NamedTuple):
    """Bytes of one entity's record at most: all of it, its settled state, its recent inputs; the largest measures."""

    total: int
    state: int
    recent: int
    measures: list[tuple[str, int]]


def bound(definition: Definition, kind: Kind) -> Bound:
    """The largest record that an entity of this kind can have under a definition."""
    fold = Fold(definition, kind, Selections(definition))
    entity = Entity("x" * TEXT, len(fold.machines))
    entity.settled = _fullest(fold).dump()
    entity.seen = bytes(8 * SEEN)
    entity.closed = b",".join(orjson.dumps(_input(fold, n).row()) for n in range(CLOSED))
    empty = len(entity.dump()) - len(entity.settled)
    entity.recent = [_input(fold, n) for n in range(RECENT)]
    entity.settled_to, entity.said_at, entity.said, entity.asleep = NOW, NOW, 2**32 - 1, (NOW, 2**62)
    entity.seqs = [10**9] * len(entity.seqs)
    total = len(entity.dump())
    sizes = [(m.name, len(orjson.dumps(_cell(m)))) for m in fold.entity.measures if m.kind not in ("members", "score")]
    largest = sorted(sizes, key=lambda size: -size[1])[:3]
    return Bound(total, len(entity.settled), total - len(entity.settled) - empty, largest)


def _fullest(fold: Fold) -> State:
    s = State(len(fold.entity.measures), len(fold.machines), _rollups(fold))
    s.begun = s.touched = s.now = s.last = NOW
    s.last_id = s.home = _text(0)
    s.cells = [_cell(m) for m in fold.entity.measures]
    s.evidence = [None if m.kind == "score" else _text(n) for n, m in enumerate(fold.entity.measures)]
    s.states = [len(m.states) - 1 for m in fold.machines]
    s.since = [NOW for _ in fold.machines]
    s.reached = [(1 << len(m.states)) - 1 for m in fold.machines]
    s.holds = {f"{m.name}/{r.name}": NOW for m in fold.entity.machines for r in m.rules if r.hold}
    s.signals = (1 << len(fold.signals)) - 1
    s.attrs = {name: _text(0) for name in fold.attrs}
    s.level, s.admin = "executive", True
    if fold.entity.kind == "user":
        s.accounts = {_text(0): TODAY}
        s.told = [s.states[0], s.reached[0], 59, s.level, True]
    s.alerts = _alerts(fold, s)
    return s


def _alerts(fold: Fold, s: State) -> dict[str, list[Any]]:
    """Every alert open at once, each opened in the fullest state."""
    kept: dict[str, list[Any]] = {}
    states = list(s.states)
    for alert in fold.alerts.rules:
        s.states, s.alerts = list(states), {}
        if alert.machine is not None:
            s.states[alert.machine] = alert.state
        fold.alerts.update(s, NOW, TODAY, "x" * TEXT, [])
        opened = s.alerts[alert.rule.name]
        opened[2], opened[3] = NOW, "0" * 32
        record = Alert(*opened[4])
        record.because += [row for rule in _ways_in(fold, alert) for row in rule.explained.because(s, NOW, TODAY)]
        opened[4] = [getattr(record, name) for name in _FIELDS]
        kept[alert.rule.name] = opened
    s.states = states
    return kept


def _ways_in(fold: Fold, alert: CompiledAlert) -> list[CompiledRule]:
    """The rules that may stand in an alert's `because`, whether they hold in the state at hand or not."""
    if alert.machine is None:
        return []
    leaving = fold.machines[alert.machine].leaving
    return [rule for rules in leaving for rule in rules if rule.to == alert.state]


def _cell(measure: Measure) -> Cell:
    """The fullest cell of a measure."""
    days = max(1, (measure.within or 0) // DAY)
    amount: Any = float(LARGEST - 1) if measure.kind == "sum" else 10**6
    match measure.kind:
        case "first":
            return NOW
        case "count" | "sum" if measure.since is not None:
            return [10**6, amount]
        case "count" | "sum" if measure.within is None:
            return amount
        case "count" | "sum":
            return [x for day in range(days) for x in (TODAY - days + 1 + day, amount)]
        case "active_days" | "active_weeks":
            return [TODAY, (1 << days) - 1] if days <= 62 else [TODAY, "f" * (days // 4 + 1)]
        case "distinct":
            return {_text(n): TODAY for n in range(measure.cap)}
        case "latest":
            return [NOW, TODAY, NOW if measure.as_time else _text(0)]
        case "flag":
            return [NOW, NOW, 10**6]
    return None


def _rollups(fold: Fold) -> list[Any]:
    days = fold.terms.rollups.days + 8
    return [[10**7, {TODAY - n: 10**6 for n in range(days)}] for _ in fold.terms.rollups.bases]


def _input(fold: Fold, n: int) -> Hit | Fact:
    """A recent input as long as one can be."""
    hit = Hit(
        NOW, _text(n), NOW, fold.reader.used, [_text(n) for _ in fold.reader.paths] or None, _text(n),
        {name: _text(n) for name in fold.attrs} or None, NOW,
    )  # fmt: skip
    if fold.entity.kind == "user":
        return hit
    stages = fold.definition.user.machines[0].states
    member = Member(TODAY, max(stages, key=len), stages, _text(n), "executive", False, NOW)
    fact = Fact(NOW, "0" * 32, _text(n), member, _text(n), NOW)
    return hit if len(orjson.dumps(hit.row())) > len(orjson.dumps(fact.row())) else fact


def _text(n: int) -> str:
    return f"{n:0{TEXT}}"
