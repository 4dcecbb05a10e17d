"""Who is at risk, kept up to date from Kafka: repetitions passed over, corrections followed, what is gone forgotten.

    python docs/examples/at_risk.py kafka-1:9092 journeys.

Reads `transitions.account` from the beginning and goes on; needs nothing but aiokafka.
"""

import asyncio
import contextlib
import json
import sys

from aiokafka import AIOKafkaConsumer


class AtRisk:
    """Accounts whose machine `risk` stands at `at_risk`, from transitions in whatever order and number they come."""

    def __init__(self):
        self.truth = {}  # id -> the record of that id with the highest seq
        self.by_entity = {}  # entity -> the ids of its machine `risk`

    def take(self, record):
        if record["machine"] != "risk":
            return
        known = self.truth.get(record["id"])
        if known is None or record["seq"] > known["seq"]:  # else a repetition, or a late copy
            self.truth[record["id"]] = record
            self.by_entity.setdefault(record["entity"], set()).add(record["id"])

    def now(self):
        """{account: (since when, the conditions that held)}."""
        found = {}
        for entity, ids in self.by_entity.items():
            valid = [self.truth[id] for id in ids if self.truth[id]["valid"]]
            last = max(valid, key=lambda record: (record["at"], record["seq"]), default=None)
            if last is not None and last["to"] == "at_risk":
                found[entity] = last["at"], [reason["measure"] for reason in last["because"] if reason["holds"] is True]
        return found


async def follow(bootstrap, prefix, each):
    consumer = AIOKafkaConsumer(
        f"{prefix}transitions.account",
        bootstrap_servers=bootstrap,
        group_id=None,  # everything, each time; with a group, keep `truth` in your own database before you commit
        auto_offset_reset="earliest",
    )
    at_risk = AtRisk()
    async with consumer:
        async for message in consumer:
            at_risk.take(json.loads(message.value))
            each(at_risk, dict(message.headers))


def show(at_risk, headers):
    print(headers.get("ce_subject", b"").decode(), len(at_risk.now()), "accounts at risk")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "", show))
