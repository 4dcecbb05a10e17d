"""The play with toy logics: cheap, so thousands of schedules fit, and made to notice anything that goes wrong."""

from __future__ import annotations

from random import Random
from typing import Any

from streams.delivery.contracts import Logic, Outcome, Record
from tests.simulation import toys
from tests.simulation.kafka import Kafka
from tests.simulation.oracle import Event, Oracle
from tests.simulation.play import Fed, Wrong, states

END = 1_000
"""Event time (ms) at which every source says that nothing earlier follows."""

PEOPLE = 9
"""Users; three of them are on the topic that is keyed by user, the others go through decode."""


class ToyPlay:
    """Users count, accounts fold."""

    def __init__(self, exact: bool = False) -> None:
        self.exact = exact

    def history(self, random: Random) -> list[Fed]:
        fed: list[Fed] = []
        at = 0
        for number in range(random.randint(20, 45)):
            at += random.choices((0, 1, 3, 8, 30, 70, 160), (4, 6, 4, 2, 2, 3, 2))[0]  # bursts, then all idle at once
            if at >= END - 10:
                break
            person = random.randrange(PEOPLE)
            kind = random.choices((b"e", b"b", b"a", b"x", b"d"), (12, 2, 2, 1, 1))[0]
            user, account = b"u%d" % person, b"a%d" % (person * 7 % 3)
            topic = "direct" if person >= PEOPLE - 3 else "raw"
            fed.append(Fed(topic, user, b"%s|%s|%d|%d|%s" % (user, account, at, number, kind)))
        return fed

    def ending(self) -> bytes:
        return b"||%d|0|w" % END

    def route(self, record: Record) -> list[Outcome]:
        return toys.route(record)

    def logic(self, kind: str) -> Logic[Any]:
        return toys.CountingUsers() if kind == "users" else toys.FoldingAccounts()

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        oracle = Oracle([_event(fed.value) for fed in feed], END)
        published = {record.value for record in kafka.records("transitions")}
        if published != oracle.transitions:
            lost, wrong = oracle.transitions - published, published - oracle.transitions
            raise Wrong(f"lost {sorted(lost, key=repr)[:3]}, wrong or extra {sorted(wrong, key=repr)[:3]}")
        dead = {dict(record.headers)["id"] for record in kafka.records("dead-letters")}
        if len(dead) != oracle.dead:
            raise Wrong(f"{len(dead)} dead letters instead of {oracle.dead}")
        for kind in ("users", "accounts"):
            found = states(kafka, kind, self.logic(kind))
            if found != oracle.states[kind]:
                raise Wrong(f"final states of {kind}: {found} instead of {oracle.states[kind]}")


def _event(value: bytes) -> Event:
    user, account, at, number, kind = value.split(b"|")
    return user, account, int(at), int(number), kind
