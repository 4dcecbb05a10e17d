"""An entity's state at any instant, by folding its events anew: what is on record says what was, not what would be next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from schemas import sources
from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition
from schemas.definition.parse import load
from schemas.event import Event
from schemas.time import parse_time
from streams.inputs import Input, in_order
from streams.journey.fold import Fold
from streams.journey.state import State
from streams.replay.files import Unreadable, lines_of
from streams.replay.run import Line, Replay


class NotFolded(ValueError):
    """There is no state to tell of; the message says why."""


class Told(NamedTuple):
    """Events about an entity, in the form of `source`, or each of one of several; `ended`: where time stands, ms."""

    definition: Definition
    lines: Sequence[Line]
    source: str | dict[str, str]
    ended: int


class Folded(NamedTuple):
    """An entity at an instant (ms) of event time."""

    fold: Fold
    state: State
    now: int


def refold(told: Told, kind: str, entity: str, at: int | None) -> Folded:
    """Fold the events up to an instant, the end without one. Raises NotFolded."""
    now = told.ended if at is None else at
    replay = Replay(told.definition, told.source, lambda output: None)
    replay.run(told.lines, now)
    plant = replay.users if kind == "user" else replay.accounts
    found = None if plant is None else plant.entities.get(entity.encode())
    if plant is None or found is None or found.head is None or found.head.begun < 0 or found.head.ended >= 0:
        raise NotFolded("it has not begun yet, or is gone")
    return Folded(plant.logic.fold, found.head, now)


def in_folder(directory: Path, kind: str, entity: str) -> Told:
    """The input of a replay, as far as it is about an entity. Raises NotFolded."""
    try:
        summary = orjson.loads((directory / "summary.json").read_bytes())
        definition = load(directory / "definition.yaml")
        inputs = [Input(source, Path(path)) for source, path in summary.get("inputs", ())]
        path = inputs[0].path if inputs else Path(summary["input"])
    except (OSError, ValueError, KeyError, DefinitionErrors):
        raise NotFolded(f"{directory} does not say what was replayed; replay it again with this version") from None
    for gone in (one.path for one in inputs or (Input("", path),) if not one.path.is_file()):
        raise NotFolded(f"its input {gone} is not there any more")
    try:
        if inputs:  # an account has other names in other systems, so any record may be about it
            whole = {one.source: one.source for one in inputs}
            return Told(definition, list(in_order(inputs)), whole, parse_time(summary["stopped_at"]) or 0)
        by_domain = kind == "account" and found_by_domain(definition)  # then any record may be about it
        lines = list(lines_of(path) if by_domain else _about(path, summary["source"], kind, entity, directory))
    except Unreadable as problem:
        raise NotFolded(str(problem)) from None
    return Told(definition, lines, summary["source"], parse_time(summary["stopped_at"]) or 0)


def found_by_domain(definition: Definition) -> bool:
    """Whether events reach accounts that they do not name."""
    return definition.account is not None and definition.account.from_domain is not None


def _about(path: Path, source: str, kind: str, entity: str, directory: Path) -> Iterator[bytes]:
    """Records that name a user, or an account or one of its members: a look for the bytes is enough, and quick."""
    merged = _merged(directory)
    names = _joined({entity}, merged)
    if kind == "account":
        found = (event for name in names for event in _events(lines_of(path), source, name))
        names |= _joined({event.entity for event in found if event.entity is not None}, merged)
    wanted = re.compile(b"|".join(re.escape(orjson.dumps(name)) for name in sorted(names)))
    yield from (line for line in lines_of(path) if wanted.search(line))


def _merged(directory: Path) -> list[tuple[str, str]]:
    """(who, into whom) of all that were merged."""
    with (directory / "transitions.jsonl").open("rb") as file:
        told = [orjson.loads(line) for line in file if b'"into":' in line]
    return [(record["entity"], record["into"]) for record in told if record.get("into")]


def _joined(names: set[str], merged: list[tuple[str, str]]) -> set[str]:
    """These names and all that they were merged with."""
    found, size = set(names), 0
    while len(found) > size:
        size = len(found)
        found |= {name for pair in merged if found & set(pair) for name in pair}
    return found


def _events(lines: Iterable[bytes], source: str, account: str) -> Iterator[Event]:
    wanted = orjson.dumps(account)
    for line in lines:
        if wanted in line:
            found = sources.decode(source, line, None, (), 0)
            yield from (event for event in found if isinstance(event, Event) and event.account == account)
