"""What must come and what has come as a few bytes an id: for the soak, whose millions of transitions fit no memory as JSON.

The same two ways to know it as `oracle.py`, and the same comparison as `verdict.py`: ids, what each says, corrections, alerts,
and where everybody stands in ClickHouse.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from schemas.definition.parse import load
from streams.replay.run import Replay
from tests.chaos.history import History
from tests.chaos.oracle import move, moves, said
from tests.chaos.verdict import Verdict, at_large, order
from tests.integration.live import APART, each

MOVED = ("transitions.user", "transitions.account")

_NONE = 0
"""The digest of what was taken back."""


def digest(value: Any) -> int:
    """8 bytes of what a value says, whatever the order of its keys; never 0."""
    return int.from_bytes(blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()) | 1


class Digests:
    """{id: (seq, what it says)} of transitions, {opening id: what was said last} of alerts, and where everybody stands.

    records  how many transitions and alerts were taken
    torn     how many had the id and seq of another one and said something else
    """

    def __init__(self) -> None:
        self.records = self.torn = 0
        self.alerts: dict[bytes, int] = {}
        self.stands: dict[str, tuple[str, bool, str]] = {}
        self._newest: dict[bytes, int] = {}  # seq << 64 | digest: half the memory of a tuple

    def take(self, topic: str, told: dict[str, Any]) -> None:
        """A record of a topic by its logical name, in the order of its partition."""
        self.records += 1
        if topic == "alerts":
            self.alerts[bytes.fromhex(told["opens"])] = _NONE if told["status"] == "retracted" else digest(said(told))
            return
        id, says = bytes.fromhex(told["id"]), {name: value for name, value in told.items() if name not in APART}
        newest = told["seq"] << 64 | (digest(says) if told["valid"] else _NONE)
        known = self._newest.get(id, -1)
        self.torn += known >> 64 == told["seq"] and known != newest
        self._newest[id] = max(newest, known)
        if told["machine"] == "stage" and told["valid"]:
            self._stand(told)

    def _stand(self, told: dict[str, Any]) -> None:
        key, last = f"{told['kind']} {told['entity']}", (*order(told), told["to"])
        self.stands[key] = max(self.stands.get(key, last), last)

    def transitions(self) -> dict[bytes, int]:
        """{id: what it says} of those that hold in the end."""
        return {id: says for id, newest in self._newest.items() if (says := newest & (2**64 - 1)) != _NONE}

    def standing(self) -> dict[bytes, int]:
        """{opening id: what was said last} of the alerts that were not taken back."""
        return {opens: says for opens, says in self.alerts.items() if says != _NONE}


def expected(story: History, definition: Path) -> Digests:
    """What must come. Raises AssertionError where the two ways to know it do not agree."""
    found, by_core = Digests(), set[int]()

    def take(output: Any) -> None:
        if output.value is not None and output.topic in (*MOVED, "alerts"):
            told = orjson.loads(output.value)
            found.take(output.topic, told)
            if output.topic in MOVED:
                (by_core.add if told["valid"] else by_core.discard)(digest([*move(told)]))

    Replay(load(definition), "canonical", take).run(story.lines, story.until)
    by_hand = {digest([*made]) for made in moves(story.events, story.until)}
    if by_hand != by_core:
        apart = [m for m in moves(story.events, story.until) if digest([*m]) not in by_core]
        raise AssertionError(
            f"the oracles do not agree on {len(by_hand ^ by_core)} moves; not by the core: {apart[:3]}"
        )
    return found


async def in_kafka(bootstrap: str, prefix: str) -> Digests:
    """What has come, on the topics with this prefix."""
    found = Digests()
    async for record in each(bootstrap, [prefix + topic for topic in (*MOVED, "alerts")]):
        found.take(record.topic.removeprefix(prefix), orjson.loads(record.value))
    return found


def compare(verdict: Verdict, wanted: Digests, found: Digests) -> None:
    """What Kafka holds."""
    _hold(verdict, "Kafka, transitions", wanted.transitions(), found.transitions())
    _hold(verdict, "Kafka, alerts", wanted.standing(), found.standing())
    verdict.complain(found.torn, "Kafka: copies of one record differ")
    verdict.doubled += found.records - wanted.records


def compare_stored(verdict: Verdict, wanted: Digests, client: Any) -> None:
    """What ClickHouse shows: every transition that holds, once, and where everybody stands."""
    raw = client.raw_query("SELECT unhex(id) FROM valid_transitions FORMAT RowBinary")
    ids = [raw[at + 1 : at + 17] for at in range(0, len(raw), 17)]  # a length of one byte before each
    shown = set(ids)
    verdict.twice += len(ids) - len(shown)
    _hold(verdict, "ClickHouse, valid_transitions", dict.fromkeys(wanted.transitions(), 0), dict.fromkeys(shown, 0))
    at_large(verdict, {key: last[2] for key, last in wanted.stands.items()}, 0, client)


def _hold(verdict: Verdict, what: str, wanted: dict[bytes, int], found: dict[bytes, int]) -> None:
    """As `Verdict.compare`, with ids as they are read elsewhere."""
    verdict.compare(
        what, {id.hex(): says for id, says in wanted.items()}, {id.hex(): says for id, says in found.items()}
    )
