"""The play with the real logics and the shipped definition, held against a replay of the same records without Kafka."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.definition.parse import load
from streams.delivery.contracts import Logic, Outcome, Output, Record
from streams.journey.accounts import AccountsLogic
from streams.journey.members import Alone
from streams.journey.users import Decoder, UsersLogic
from streams.replay.run import Replay
from tests.simulation.kafka import Kafka
from tests.simulation.play import Fed, Wrong, states
from tests.simulation.worker import PARTITIONS
from tests.streams import linked

DAY = 86_400_000
BEGIN = 1_680_307_200_000
END = BEGIN + 400 * DAY

NAMES = (
    "Page Viewed", "Demo Booked", "Trial Started", "Deal Won", "Signed Up", "Setup Step Completed", "Report Created",
    "Feature Used", "Data Exported", "Invoice Paid", "Invoice Overdue", "Subscription Created", "NPS Answered",
)  # fmt: skip

CALLED = {"id", "machine", "kind", "entity", "from", "to", "name", "label", "at", "cause", "because", "evidence"}
"""What of a transition must be the same however it was computed."""


class JourneyPlay:
    """`saas.yaml` over a random year of a few people in two accounts."""

    exact = False

    def __init__(self, grace: int | None = None, definition: Definition | None = None) -> None:
        definition = definition or load(Path("schemas/definitions/saas.yaml"))
        clock = replace(definition.clock, wall=False, grace=definition.clock.grace if grace is None else grace)
        self.definition = replace(definition, clock=clock)
        self.decoder = Decoder(self.definition, "canonical")
        self.logics: dict[str, Logic[Any]] = {
            "users": UsersLogic(self.definition, {"direct": "canonical"}, home=Kafka(PARTITIONS).home),
            "accounts": AccountsLogic(self.definition),
        }
        """Compiled once: they keep nothing between two calls."""

    def history(self, random: Random) -> list[Fed]:
        fed: list[Fed] = []
        at = BEGIN
        for number in range(random.randint(60, 140)):
            at += random.choice((60_000, 3_600_000, DAY // 2, DAY, 3 * DAY, 9 * DAY))
            if at >= END:
                break
            person = random.randrange(8)
            user = f"u{person}"
            event = {
                "id": f"e{number}",
                "event": random.choice(NAMES),
                "user": user,
                "account": f"a{person % 2}",
                "at": at / 1000,
                "properties": {"feature": f"f{number % 5}", "seats": 3, "mrr": 5000, "score": number % 11},
            }
            fed.append(Fed("direct" if person >= 6 else "raw", user.encode(), orjson.dumps(event)))
        return fed

    def ending(self) -> bytes:
        return orjson.dumps({"type": "watermark", "at": END / 1000})

    def route(self, record: Record) -> list[Outcome]:
        return self.decoder.route(record)

    def logic(self, kind: str) -> Logic[Any]:
        return self.logics[kind]

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        outputs: list[Output] = []
        Replay(self.definition, "canonical", outputs.append).run([fed.value for fed in feed], until=END)
        for topic in ("transitions.user", "transitions.account"):
            expected = valid([output.value for output in outputs if output.topic == topic])
            found = valid([record.value for record in kafka.records(topic)])
            same(topic, found, expected)


class LinkedPlay(JourneyPlay):
    """The same with people and accounts that go by several names, each on the partition that its name hashes to.

    In this world partitions are a year apart. What one identifier tells another waits for nobody, unless they hear each
    other out: then the grace period is an hour, else it is made as long as that year, so that nothing is late.
    """

    def __init__(self, exact: bool = False) -> None:
        super().__init__(grace=None if exact else 500 * DAY)
        self.exact = exact

    def history(self, random: Random) -> list[Fed]:
        fed: list[Fed] = []
        at = BEGIN
        for number in range(random.randint(15, 40)):
            at += random.choice((60_000, 3_600_000, DAY // 2, DAY, 3 * DAY, 9 * DAY))
            person = random.randrange(4)
            event: dict[str, Any] = {
                "id": f"e{number:02}", "event": random.choice(NAMES), "at": at / 1000, "account": f"a{person % 2}",
                "properties": {"feature": f"f{number % 5}", "seats": 3, "mrr": 5000, "score": number % 11},
            }  # fmt: skip
            self._name(event, f"u{person}", random)
            key = event.get("user") or event["anonymous"]
            fed.append(Fed("direct" if person == 3 else "raw", key.encode(), orjson.dumps(event)))
        return fed

    def _name(self, event: dict[str, Any], who: str, random: Random) -> None:
        way = random.choice(("anonymous", "anonymous", "both", "user", "mail", "known", "group"))
        if way != "user":
            event["anonymous"] = f"{who}-anon"
        if way in ("both", "user", "known", "group"):
            event["user"] = who
        if way in ("mail", "known"):
            event |= {"type": "identify", "event": "Identified", "traits": {"email": f"{who}@acme.test"}}
        if way == "group":
            event |= {"type": "group", "event": "Grouped", "account": "a0", "traits": {"crm_company": "a1"}}


class CountedPlay(JourneyPlay):
    """People under several names with an hour of grace, while partitions are months apart.

    What comes out of time does not move stages where it would have in time; but every event counts, and counts once.
    """

    def __init__(self) -> None:
        super().__init__(definition=linked.definition("1h", forget=False))

    def ending(self) -> bytes:
        return orjson.dumps({"type": "watermark", "at": (linked.BEGIN + 200 * DAY) / 1000})

    def history(self, random: Random) -> list[Fed]:
        lines = linked.crowd(random.randrange(1_000_000), n=random.randint(20, 60), people=3)
        read = [orjson.loads(line) for line in lines]
        return [
            Fed("raw", (e.get("user") or e["anonymous"]).encode(), line) for e, line in zip(read, lines, strict=True)
        ]

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        logic = self.logics["users"]
        counted = 0
        for key, payload in states(kafka, "users", logic).items():
            entity = logic.load(key, payload)
            logic.timeline.wake(entity, Alone())  # type: ignore[attr-defined]
            head = entity.head
            counted += head.cells[0] if head is not None and head.begun >= 0 and head.ended < 0 else 0
        if counted != len(feed):
            raise Wrong(f"{len(feed)} events were fed, and {counted} are counted")


def same(topic: str, found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    """Raises Wrong, with one of those that were lost and one of those that nobody expected."""
    if found != expected:
        lost = [expected[i] for i in expected if found.get(i) != expected[i]]
        wrong = [found[i] for i in found if found[i] != expected.get(i)]
        raise Wrong(f"{topic}: {len(lost)} lost {lost[:1]}, {len(wrong)} wrong or extra {wrong[:1]}")


def valid(values: list[bytes | None]) -> dict[str, dict[str, Any]]:
    """Id -> transition, of those whose record with the highest `seq` says that it is valid."""
    last: dict[str, dict[str, Any]] = {}
    for value in values:
        record = orjson.loads(value or b"{}")
        if record["seq"] >= last.get(record["id"], record)["seq"]:
            last[record["id"]] = record
    return {i: {name: r[name] for name in CALLED} for i, r in last.items() if r["valid"]}
