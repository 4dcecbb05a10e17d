"""The verdict: what Kafka and ClickHouse hold after a case, held against what the oracle says there must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from sinks.clickhouse import queries
from tests.chaos.oracle import Expected, Move, move, said
from tests.integration.live import truth


@dataclass
class Verdict:
    """Counts over transitions, alerts and dead letters, in Kafka and in ClickHouse.

    lost       must be there, and is not
    doubled    records or rows beyond the first of each, before a reader keeps one per id
    twice      rows that a view shows more than once
    wrong      is there, and must not be, or says something else
    seconds    from healing until everything had arrived
    """

    lost: int = 0
    doubled: int = 0
    twice: int = 0
    wrong: int = 0
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)

    @property
    def green(self) -> bool:
        return not (self.lost or self.twice or self.wrong)

    def __str__(self) -> str:
        told = f"lost {self.lost}, doubled raw {self.doubled}, doubled in views {self.twice}, wrong {self.wrong}"
        return f"{told}, recovered in {self.seconds:.1f} s"

    def compare(self, what: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
        missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
        other = [id for id in wanted.keys() & found.keys() if wanted[id] != found[id]]
        self.lost += len(missing)
        self.wrong += len(extra) + len(other)
        for name, ids, of in (("lost", missing, wanted), ("extra", extra, found), ("other", other, found)):
            if ids:
                self.remarks.append(f"{what}: {len(ids)} {name}, such as {of[min(ids)]}")

    def complain(self, count: int, remark: str) -> None:
        if count:
            self.wrong += count
            self.remarks.append(remark)


def in_kafka(verdict: Verdict, expected: Expected, dead: int, records: Iterable[Any], prefix: str) -> None:
    """`records`: all of the topics of transitions, alerts and dead letters; `dead`: how many of these there must be."""
    by_topic: dict[str, list[Any]] = {}
    for record in records:
        by_topic.setdefault(record.topic.removeprefix(prefix), []).append(record)
    moved = by_topic.get("transitions.user", []) + by_topic.get("transitions.account", [])
    transitions = [orjson.loads(record.value) for record in moved]
    verdict.compare("Kafka, transitions", expected.transitions, truth(transitions))
    copies: dict[tuple[str, int], set[bytes]] = {}
    for told, record in zip(transitions, moved, strict=True):
        copies.setdefault((told["id"], told["seq"]), set()).add(record.value)
    verdict.complain(sum(len(found) > 1 for found in copies.values()), "Kafka: copies of one record differ")
    verdict.complain(_gaps(transitions), "Kafka: seq has gaps")
    alerts = [orjson.loads(record.value) for record in by_topic.get("alerts", [])]
    verdict.compare("Kafka, alerts", standing(expected.alerts), standing(alerts))
    letters = [dict(record.headers)["id"] for record in by_topic.get("dead-letters", [])]
    verdict.complain(abs(len(set(letters)) - dead), f"Kafka: {len(set(letters))} dead letters of {dead}")
    ids = {told["id"] for told in alerts}
    verdict.doubled += len(moved) - len(copies) + len(alerts) - len(ids) + len(letters) - len(set(letters))


def order(told: dict[str, Any]) -> tuple[str, bool]:
    """By time; at one instant `busy` comes last."""
    return told["at"], told["to"] == "busy"


def standing(alerts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """{opening id: what was said last} of the alerts that were not taken back. In the order in which they were published."""
    newest = {told["opens"]: told for told in alerts}
    return {opens: said(told) for opens, told in newest.items() if told["status"] != "retracted"}


def _gaps(transitions: list[dict[str, Any]]) -> int:
    """Entities' machines whose records do not count 1, 2, 3 …"""
    seqs: dict[tuple[str, str, str], set[int]] = {}
    for told in transitions:
        seqs.setdefault((told["kind"], told["entity"], told["machine"]), set()).add(told["seq"])
    return sum(found != set(range(1, len(found) + 1)) for found in seqs.values())


def _stored(row: dict[str, Any]) -> tuple[Any, ...]:
    moved = Move(row["kind"], row["entity"], row["machine"], row["from_state"], row["to_state"], row["ms"])
    return (*moved, row["name"], orjson.loads(row["because"]))


def _wanted(told: dict[str, Any]) -> tuple[Any, ...]:
    return (*move(told), told["name"], told["because"])


_ROW = (
    "SELECT t.id AS told, kind, entity, machine, from_state, to_state, name,"
    " toUnixTimestamp64Milli(at) AS ms, because FROM valid_transitions AS t"
)


def in_clickhouse(verdict: Verdict, expected: Expected, client: Any, refused: str | None = None) -> None:
    """Tables as they are, and as the views show them. `refused`: a user whose moves the table cannot hold."""
    rows = queries.ask(client, _ROW)
    shown = Counter(row["told"] for row in rows)
    verdict.twice += sum(count - 1 for count in shown.values())
    found = {row["told"]: _stored(row) for row in rows}
    wanted = {id: _wanted(told) for id, told in expected.transitions.items()}
    verdict.compare("ClickHouse, valid_transitions", wanted, found)
    last = {
        (told["kind"], told["entity"]): told
        for told in sorted(expected.transitions.values(), key=order)
        if told["machine"] == "stage" and told["entity"] != refused
    }
    stands = {f"{kind} {entity}": told["to"] for (kind, entity), told in last.items()}
    at_large(verdict, stands, expected.dead, client, refused)


def at_large(verdict: Verdict, stands: dict[str, str], dead: int, client: Any, refused: str | None = None) -> None:
    """What the tables say beside the transitions: repetitions, dead letters, where everybody `stands`, and the stock."""
    held = queries.counts(client)
    verdict.doubled += sum(
        table.raw - table.final for name, table in held.items() if name in ("transitions", "alerts", "events")
    )
    verdict.complain(abs(held["dead_letters"].final - dead), f"ClickHouse: dead letters {held['dead_letters']}")
    rows = queries.ask(client, "SELECT kind, entity, states['stage'] AS stage FROM entities FINAL WHERE NOT gone")
    found = {f"{row['kind']} {row['entity']}": row["stage"] for row in rows if row["entity"] != refused}
    verdict.compare("ClickHouse, entities", stands, found)
    for line in queries.stock_check(client) if refused is None else ():
        verdict.complain(line["broken"] + abs(line["stock"] - line["living"]), f"ClickHouse: the stock is {line}")
