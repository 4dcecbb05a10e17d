"""Eight vendors' topics on real Kafka: who goes by several names is one, and every person ends where a replay says.

The company's first weeks are read as fast as they go, so partitions are weeks apart, and what one account tells another
comes late: its stages may be entered later than in a replay (docs/guarantee.md). People, and who is who, are the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from deploy.demo.company import Company
from deploy.demo.feed import Due
from deploy.demo.script import DAY, START
from deploy.demo.wire.company import SOURCES, records
from schemas.definition.parse import load
from schemas.time import parse_time
from streams.replay import Replay
from tests.integration.company_run import SAAS
from tests.integration.live import Live, truth

UNTIL = START + 35 * DAY

Ends = dict[tuple[str, str, str], tuple[str | None, str | None]]
"""{(kind, entity, machine): (last state, into whom it merged)}."""


def ends(transitions: list[dict[str, Any]]) -> Ends:
    valid = sorted(truth(transitions).values(), key=lambda t: (parse_time(t["at"]), t["to"] is None))
    return {(t["kind"], t["entity"], t["machine"]): (t["to"], t.get("into")) for t in valid}


def end_of(name: str, found: Ends, kind: str) -> str:
    """Whom a name stands for in the end: the way there may be another one."""
    while True:
        into = found[kind, name, "stage"][1]
        if into is None:
            return name
        name = into


def test_people_and_names_end_where_a_replay_of_all_sources_says(kafka: str, clickhouse: Any) -> None:
    company = Company()
    wire = [record for record in records(company) if record.at < UNTIL]
    assert {record.source for record in wire} == set(SOURCES) - {"zendesk", "delighted"}  # no ticket and no survey yet
    replayed: list[dict[str, Any]] = []
    Replay(
        load(SAAS),
        SOURCES,
        lambda o: replayed.append(orjson.loads(o.value)) if o.topic.startswith("transitions") else None,
    ).run([(record.source, record.value) for record in wire], UNTIL)

    async def run() -> list[dict[str, Any]]:
        async with Live(kafka, clickhouse.url, SAAS, workers=1, sink=False, sources=SOURCES, partitions=1) as live:
            await live.feed([Due(r.source, r.at, r.key, r.value) for r in wire], UNTIL)
            await live.drained()
            assert await live.read("dead-letters") == []
            return await live.transitions()

    expected, found = ends(replayed), ends(asyncio.run(run()))
    people = {p.id for d in company.diaries for p in (d.lead, *d.people)}
    stand = {key: end for key, end in expected.items() if key[1] in people}
    assert len(stand) > 100
    assert {key: found.get(key) for key in stand} == stand
    known = {name for kind, name, machine in found if kind == "account"}
    assert {a.id for a in company.accounts} & {name for _, name, _ in expected} <= known
    for kind, name, machine in expected:
        if machine == "stage":
            assert (kind, name, machine) not in found or end_of(name, found, kind) == end_of(name, expected, kind)
