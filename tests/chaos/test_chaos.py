"""A short part of the fault suite: some cases with one seed each, one control that must go red, and the judge itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
import pytest

from deploy.local.clickhouse import LocalClickHouse
from tests.chaos.__main__ import play
from tests.chaos.cases import CASES
from tests.chaos.controls import CONTROLS
from tests.chaos.history import BEGIN, DAY, history, shuffled
from tests.chaos.oracle import expected, moves
from tests.chaos.verdict import Verdict, in_kafka
from tests.chaos.world import Servers


class Borrowed(NamedTuple):
    """The run's shared Kafka: no case that touches it is played here."""

    bootstrap: str

    def start(self) -> None:
        pass


@pytest.fixture(scope="module")
def servers(kafka: str) -> Iterator[Servers]:
    with LocalClickHouse(with_faults=True, say=print) as clickhouse:
        yield Servers(Borrowed(kafka), clickhouse)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "seed"), [("engine-killed", 3), ("clickhouse-fails-after", 1), ("gaps-in-the-source", 2)]
)
def test_nothing_is_lost_doubled_or_wrong(servers: Servers, name: str, seed: int) -> None:
    verdict = asyncio.run(play(CASES[name], seed, servers))
    print(f"{name}, seed {seed}: {verdict}")
    assert verdict.green, "\n".join(verdict.remarks)


def test_without_a_protection_the_suite_is_red(servers: Servers) -> None:
    case = CASES[CONTROLS["commit-early"]]
    verdicts = (asyncio.run(play(case, seed, servers, "commit-early")) for seed in range(3))
    assert any(not verdict.green for verdict in verdicts)


# --- the oracle and the judge ----------------------------------------------------------------------------------------


def test_the_two_ways_to_know_what_must_come_agree() -> None:
    names: set[str] = set()
    for seed in range(4):
        found = expected(history(seed, 800, users=15, hot=seed))
        assert len(found.transitions) > 200
        names |= {told["name"] for told in found.transitions.values()}
    assert names == {"begins", "starts", "grows", "silent", "returns", "rises", "falls", "gathers", "scatters"}


def test_the_order_of_arrival_changes_nothing_that_must_come() -> None:
    story = history(5, 800)
    assert moves(shuffled(story.events, 5), story.until) == moves(story.events, story.until)


def test_a_story_of_many_users_names_each_event_once_and_keeps_to_the_order_of_time() -> None:
    events = history(0, 20_000, users=24_000).events
    assert len({event.id for event in events}) == len(events)
    assert all(one.at < other.at for one, other in pairwise(events))


def test_a_long_story_begins_earlier_and_ends_before_the_clock() -> None:
    story, early = history(5, 800), history(5, 800, latest=BEGIN)
    assert early.until <= BEGIN < story.until
    assert {one.at - other.at for one, other in zip(story.events, early.events, strict=True)} == {
        story.until - early.until
    }
    assert (story.until - early.until) % DAY == 0


class Told(NamedTuple):
    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def published(of: Any) -> list[Told]:
    """What a flawless engine would have published."""
    seqs: dict[tuple[str, str], int] = {}
    records = []
    for id, told in sorted(of.transitions.items(), key=lambda pair: str(pair[1]["at"])):
        where = told["entity"], told["machine"]
        seqs[where] = seqs.get(where, 0) + 1
        record = told | {"id": id, "seq": seqs[where], "valid": True, "detected_at": "now", "origin": "live"}
        records.append(Told(f"x.transitions.{told['kind']}", told["entity"].encode(), orjson.dumps(record)))
    return records + [Told("x.alerts", b"", orjson.dumps(told)) for told in of.alerts]


def judged(records: list[Told], of: Any) -> Verdict:
    verdict = Verdict()
    in_kafka(verdict, of, of.dead, records, "x.")
    return verdict


def test_the_judge_sees_what_is_lost_doubled_wrong_or_torn() -> None:
    of = expected(history(6, 600))
    records = published(of)
    assert judged(records, of).green
    assert judged(records[1:], of).lost == 1
    assert (judged([*records, records[5]], of).doubled, judged([*records, records[5]], of).green) == (1, True)
    at = next(n for n, record in enumerate(records) if b'"because":[{' in record.value)
    other = orjson.dumps(orjson.loads(records[at].value) | {"because": []})
    assert judged([*records[:at], records[at]._replace(value=other), *records[at + 1 :]], of).wrong >= 1
    assert judged([*records, records[at]._replace(value=other)], of).wrong >= 1, "a copy that says something else"
    ghost = orjson.dumps(orjson.loads(records[at].value) | {"id": "f" * 32})
    assert judged([*records, records[at]._replace(value=ghost)], of).wrong >= 1
    assert judged([*records, Told("x.dead-letters", b"", b"", (("id", b"1"),))], of).wrong == 1
