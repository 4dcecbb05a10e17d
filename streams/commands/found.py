"""What is on record of one id, gathered from a folder that a replay wrote or from ClickHouse, and cleared of what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from clickhouse_connect.driver.client import Client

from schemas.time import rfc3339

Record = dict[str, Any]


class Found(NamedTuple):
    """The records of one id, in the order in which they were published, and ids spelt like it where there are none."""

    transitions: list[Record]
    alerts: list[Record]
    snapshots: list[Record]
    near: list[str]


class Journey(NamedTuple):
    """One entity's valid truth, oldest first. `taken_back`: transitions and alerts that a correction took back."""

    kind: str
    transitions: list[Record]
    alerts: list[Record]
    snapshot: Record | None
    taken_back: int


class NotAReplay(ValueError):
    """The folder holds no results of a replay; the message says what to write."""


def in_folder(directory: Path, entity: str) -> Found:
    """From transitions.jsonl, alerts.jsonl and entities.jsonl. Raises NotAReplay."""
    for name in _FILES:
        if not (directory / name).is_file():
            raise NotAReplay(f"{directory} holds no {name}; write the folder that `journeys replay … --out` wrote")
    transitions, alerts, snapshots = (list(_about(directory / name, entity)) for name in _FILES)
    known = transitions or snapshots
    return Found(transitions, alerts, snapshots, [] if known else _near(directory / _FILES[0], entity))


_FILES = ("transitions.jsonl", "alerts.jsonl", "entities.jsonl")


def in_clickhouse(client: Client, entity: str) -> Found:
    """From the tables that the sink fills."""
    from sinks.clickhouse import journey

    transitions = journey.transitions(client, entity)
    near = [] if transitions else journey.near(client, entity)
    return Found(transitions, journey.alerts(client, entity), journey.snapshots(client, entity), near)


def _about(path: Path, entity: str) -> Iterator[Record]:
    # A look for the bytes first: decoding a hundred megabytes to tell one journey would take seconds.
    wanted = orjson.dumps(entity)
    with path.open("rb") as file:
        for line in file:
            if wanted in line:
                record = orjson.loads(line)
                if record["entity"] == entity:
                    yield record


def _near(path: Path, entity: str) -> list[str]:
    with path.open("rb") as file:
        ids = {str(orjson.loads(line)["entity"]) for line in file}
    folded = {name.lower(): name for name in sorted(ids)}
    return [folded[name] for name in get_close_matches(entity.lower(), folded, 5, 0.5)]


def journeys(found: Found) -> list[Journey]:
    """The valid truth of each kind: an id may name a user and an account at once."""
    kinds = sorted({r["kind"] for r in (*found.transitions, *found.snapshots)}, reverse=True)
    return [_journey(kind, found) for kind in kinds]


def _journey(kind: str, found: Found) -> Journey:
    truth = newest(r for r in found.transitions if r["kind"] == kind)
    # At one instant the stage comes first: what happens to risk then is mostly because of it. `seq` counts by machine.
    valid = sorted((r for r in truth if r["valid"]), key=lambda r: (r["at"], r["machine"] != "stage", r["seq"]))
    lives = _lives(r for r in found.alerts if r["kind"] == kind)
    told = [record for life in lives for record in life if life[-1]["status"] != "retracted"]
    back = len(truth) - len(valid) + sum(life[-1]["status"] == "retracted" for life in lives)
    snapshot = next((r for r in found.snapshots if r["kind"] == kind), None)
    return Journey(kind, valid, sorted(told, key=lambda r: r["at"]), snapshot, back)


def until(journey: Journey, at: int | None) -> Journey:
    """The journey as it had been published for the time up to an instant (ms): later steps and alerts left out."""
    if at is None:
        return journey
    end = rfc3339(at)
    snapshot = journey.snapshot if journey.snapshot is not None and journey.snapshot["as_of"] <= end else None
    return journey._replace(
        transitions=[r for r in journey.transitions if r["at"] <= end],
        alerts=[r for r in journey.alerts if r["at"] <= end], snapshot=snapshot,
    )  # fmt: skip


def newest(records: Iterable[Record]) -> list[Record]:
    """The truth of each id: its record with the highest `seq`."""
    truth: dict[str, Record] = {}
    for record in records:
        had = truth.get(record["id"])
        if had is None or record["seq"] > had["seq"]:
            truth[record["id"]] = record
    return list(truth.values())


def _lives(alerts: Iterable[Record]) -> list[list[Record]]:
    """The records of each alert from its opening on; one that was published again stands where it was published last."""
    lives: dict[str, dict[str, Record]] = {}
    for record in alerts:
        life = lives.setdefault(record["opens"], {})
        life.pop(record["id"], None)
        life[record["id"]] = record
    return [list(life.values()) for life in lives.values()]
