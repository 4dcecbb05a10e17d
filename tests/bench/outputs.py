"""What the engines of the benchmark wrote, in one form, so that it can be compared before any figure is believed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.definition.parse import load
from schemas.time import parse_time
from streams.delivery import record
from streams.journey.accounts import AccountsLogic
from streams.journey.users import UsersLogic
from tests.integration.live import read_all

Stage = tuple[str, str | None, str, int]
"""(user, from, to, event time in ms)"""


class Moves(NamedTuple):
    """Transitions of every machine, as JSON: of users with instant and reasons; of accounts without, whose inputs come to Faust
    from several partitions in no order, so that an hour or a member more or less is no error of its."""

    users: set[bytes]
    accounts: Counter[bytes]


def moves(told: Iterable[dict[str, Any]]) -> Moves:
    """Of transition records, each of which stands."""
    found = Moves(set(), Counter())
    for t in told:
        what = [t["entity"], t["machine"], t["from"], t["to"], t["name"]]
        if t["kind"] == "account":
            found.accounts[orjson.dumps(what)] += 1
        else:
            found.users.add(orjson.dumps([*what, t["at"], t["because"]], option=orjson.OPT_SORT_KEYS))
    return found


async def peer_moves(bootstrap: str, topic: str) -> Moves:
    """What the Faust peer published."""
    return moves([orjson.loads(r.value) for r in await read_all(bootstrap, [topic])])


async def our_moves(bootstrap: str, *topics: str) -> Moves:
    """What stands of what ours published: of each id the newest record, unless that takes it back."""
    newest = {told["id"]: told for r in await read_all(bootstrap, list(topics)) for told in [orjson.loads(r.value)]}
    return moves(told for told in newest.values() if told["valid"])


async def lean_stages(bootstrap: str, topic: str) -> set[Stage]:
    """The users' stage changes that the lean peer published (its accounts' ids begin otherwise)."""
    found = [orjson.loads(r.value) for r in await read_all(bootstrap, [topic])]
    return {(t["entity"], t["from"], t["to"], round(t["at"] * 1000)) for t in found if t["kind"] == "user"}


async def plain_stages(bootstrap: str, topic: str) -> set[Stage]:
    """Stage changes as the engines of the small journey publish them. Raises where one stands there twice."""
    found = [orjson.loads(r.value) for r in await read_all(bootstrap, [topic])]
    stages = {(t["entity"], t["from"], t["to"], t["at"]) for t in found}
    if len(stages) < len(found):
        raise SystemExit(f"bench: FAILED, {topic} holds {len(found) - len(stages)} stage changes twice")
    return stages


async def our_stages(bootstrap: str, topic: str) -> set[Stage]:
    """The users' valid stage changes that an event caused: the baseline has no timers."""
    newest: dict[str, dict[str, object]] = {}
    for r in await read_all(bootstrap, [topic]):
        told = orjson.loads(r.value)
        if told["machine"] == "stage" and "event" in told["cause"]:
            newest[told["id"]] = told
    return {
        (str(t["entity"]), t["from"], str(t["to"]), parse_time(t["at"]) or 0)  # type: ignore[misc]
        for t in newest.values()
        if t["valid"]
    }


class Written(NamedTuple):
    """Changelog records of entities: how many, bytes and µs of encoding each."""

    records: int
    bytes: float
    us: float


async def entity_bytes(bootstrap: str, topic: str, definition: Path, kind: str) -> Written:
    """Bytes per written entity, and the time to encode one again."""
    found = [r.value for r in await read_all(bootstrap, [topic]) if r.key.startswith(b"e:") and r.value]
    logic = UsersLogic(load(definition)) if kind == "users" else AccountsLogic(load(definition))
    sample = [
        logic.load(b"x", record.payload_of(value, record.header_of(value)))
        for value in found[:: max(1, len(found) // 2000)]
    ]
    began = time.perf_counter()
    for entity in sample:
        logic.dump(entity)
    us = (time.perf_counter() - began) / max(1, len(sample)) * 1e6
    return Written(len(found), sum(map(len, found)) / max(1, len(found)), us)
