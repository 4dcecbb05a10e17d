"""What the simulated sink reads, and what ClickHouse must show of it, from the records alone, one after the other."""

from __future__ import annotations

from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

import orjson

from schemas.deadletter import dead_letter_id
from schemas.time import parse_time, rfc3339
from tests.simulation.kafka import Kafka
from tests.sinks.clickhouse.test_rows import SNAPSHOT, TRANSITION

PARTITIONS = 2
TOPICS = ("transitions.user", "state.user", "source", "dead-letters")
CURSED = "cursed0"
"""Whoever is called so can be stored in no table but that of dead letters, ..."""
CURSED_LETTER = b"cursed9"
"""... and a dead letter with this key not even there."""

ENGINES = "0" * 20
"""Ids of dead letters that are not the sink's begin so."""

NOON = 1_714_564_800_000


class Fed(NamedTuple):
    """A record to be."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def story(luck: Random) -> list[Fed]:
    """Transitions with corrections, snapshots with ends, events, letters of the engine, nonsense; some of it again, later."""
    fed: list[Fed] = []
    told: dict[str, list[str]] = {}
    for number in range(luck.randint(25, 50)):
        entity = CURSED if luck.random() < 0.05 else f"u{luck.randrange(5)}"
        kind = luck.choices(
            ("move", "correct", "snapshot", "end", "event", "letter", "nonsense"), (6, 3, 4, 1, 6, 1, 2)
        )[0]
        fed.append(_one(kind, number, entity, told, luck))
        if luck.random() < 0.25:
            again = luck.choice(fed)
            if again.topic != "state.user":  # of a snapshot the last record counts, so it is never sent again
                fed.append(again)
    return fed


def _one(kind: str, number: int, entity: str, told: dict[str, list[str]], luck: Random) -> Fed:
    key = entity.encode()
    ids = told.setdefault(entity, [])
    if kind == "correct" and ids:
        return _transition(key, luck.choice(ids), 100 + number, valid=luck.random() < 0.3)
    if kind in ("move", "correct"):
        ids.append(blake2b(b"%d" % number, digest_size=16).hexdigest())
        return _transition(key, ids[-1], 100 + number, valid=True)
    if kind == "snapshot":
        return Fed(
            "state.user",
            key,
            orjson.dumps({**SNAPSHOT, "kind": "user", "entity": entity, "as_of": rfc3339(NOON + number)}),
        )
    if kind == "end":
        return Fed("state.user", key, None)
    if kind == "event":
        return Fed("source", key, orjson.dumps({"id": f"e{number}", "event": "x", "user": entity, "at": NOON / 1000}))
    if kind == "letter":
        return Fed(
            "dead-letters",
            luck.choice((key, key, CURSED_LETTER)),
            b"?",
            (("id", b"%032x" % number), ("reason", b"not_json")),
        )
    return Fed(luck.choice(("transitions.user", "source")), key, luck.choice((b"{", b"[]", b'{"id":1}')))


def _transition(key: bytes, id: str, seq: int, valid: bool) -> Fed:
    body: dict[str, Any] = {
        **TRANSITION,
        "id": id,
        "entity": key.decode(),
        "seq": seq,
        "valid": valid,
        "to": f"s{id[:2]}",
    }
    return Fed("transitions.user", key, orjson.dumps(body))


def letters(kafka: Kafka) -> tuple[set[str], set[str]]:
    """(ids of the dead letters that must be on their topic, ids that are)."""
    there = {dict(record.headers)["id"].decode() for record in kafka.records("dead-letters")}
    return _of_the_sink(kafka) | {id for id in there if id.startswith(ENGINES)}, there


def _of_the_sink(kafka: Kafka) -> set[str]:
    """A letter about each record that is no row, or whose row cannot be stored."""
    return {
        dead_letter_id(f"{record.topic}/sink", record.partition, record.offset, 0)
        for topic in ("transitions.user", "state.user", "source")
        for record in kafka.records(topic)
        if record.key == CURSED.encode() or (topic == "transitions.user" and "seq" not in _read(record.value))
        if topic != "source" or _read(record.value).get("user")
    }


def expected(kafka: Kafka) -> dict[str, list[Any]]:
    """{table: what its view shows, row by row}."""
    moves: dict[str, Any] = {}
    for found in (_read(record.value) for record in kafka.records("transitions.user")):
        if found.get("entity", CURSED) != CURSED and found["seq"] >= moves.get(found["id"], (0, 0))[1]:
            moves[found["id"]] = (found["id"], found["seq"], found["valid"], found["to"])
    standing: dict[str, Any] = {}
    for record in kafka.records("state.user"):
        entity, told = (record.key or b"").decode(), _read(record.value)
        standing[entity] = (entity, record.value is None, parse_time(told["as_of"]) if told else None)
    standing.pop(CURSED, None)
    events = {(found["user"], found["id"]) for r in kafka.records("source") if "user" in (found := _read(r.value))}
    cursed = {dict(r.headers)["id"].decode() for r in kafka.records("dead-letters") if r.key == CURSED_LETTER}
    return {
        "transitions": list(moves.values()), "entities": list(standing.values()),
        "events": [event for event in events if event[0] != CURSED], "dead_letters": list(letters(kafka)[0] - cursed),
    }  # fmt: skip


def _read(value: bytes | None) -> dict[str, Any]:
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
