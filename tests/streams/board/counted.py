"""The company of the tests row by row, to count figures from that the board asks ClickHouse for."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from clickhouse_connect.driver.client import Client

LADDERS = {
    "user": ["awareness", "activation", "engagement", "adoption", "retention"],
    "account": ["awareness", "consideration", "conversion", "onboarding", "adoption", "retention", "advocacy"],
}


class Step(NamedTuple):
    """A transition that is true."""

    id: str
    kind: str
    entity: str
    account: str
    machine: str
    was: str
    to: str
    at: datetime
    detected: datetime
    dwell: float | None


class Rows(NamedTuple):
    """The company row by row: all that the figures are counted from here."""

    now: datetime
    accounts: dict[str, dict[str, Any]]
    users: dict[str, dict[str, Any]]
    steps: list[Step]
    alerts: list[dict[str, Any]]
    acts: list[tuple[str, str, datetime]]

    def chosen(self, query: dict[str, str]) -> Rows:
        """Those of the accounts that carry what a query says, and of their users."""
        wanted = {name.removeprefix("attr."): text for name, text in query.items() if name != "days"}
        fit = {a: row for a, row in self.accounts.items() if wanted.items() <= row["carry"].items()}
        return Rows(
            self.now,
            fit,
            {user: row for user, row in self.users.items() if not wanted or row["account"] in fit},
            [step for step in self.steps if not wanted or step.account in fit],
            [row for row in self.alerts if not wanted or row["account"] in fit],
            [act for act in self.acts if not wanted or act[1] in fit],
        )

    def since(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


def read(company: Client) -> Rows:
    """Without FINAL and without the views: the newest row of each is found here."""
    ((now,),) = company.query("SELECT max(at) FROM events").result_rows
    standing: dict[str, dict[str, dict[str, Any]]] = {"account": {}, "user": {}}
    for kind, entity, account, gone, states, carry in company.query(
        "SELECT kind, entity, account, gone, states, carry FROM entities ORDER BY position"
    ).result_rows:
        standing[kind].pop(entity, None)
        if not gone:
            standing[kind][entity] = {"account": account, "states": states, "carry": orjson.loads(carry)}
    last = {}
    for id, seq, valid, *told in company.query(
        "SELECT lower(hex(t.id)), seq, valid, kind, entity, if(kind = 'account', entity, ifNull(account, '')), machine,"
        " ifNull(toString(from_state), ''), ifNull(toString(to_state), ''), at, detected_at, dwell_s FROM transitions AS t ORDER BY seq"
    ).result_rows:
        last[id] = (valid, seq, Step(id, *told))
    alerts = company.query(
        "SELECT lower(hex(a.id)) AS id, lower(hex(opens)) AS opens, status, account, at, detected_at FROM alerts AS a ORDER BY position"
    )
    acts = company.query(
        "SELECT entity, ifNull(account, ''), at FROM events FINAL WHERE actor = 'user' AND place = 'product'"
        " AND type IN ('track', 'page', 'screen') AND entity != ''"
    ).result_rows
    steps = [step for valid, _, step in sorted(last.values(), key=lambda one: (one[2].at, one[1])) if valid]
    return Rows(now, standing["account"], standing["user"], steps, list(alerts.named_results()), list(acts))


def crossings(steps: list[Step], kind: str) -> dict[str, list[tuple[datetime, bool]]]:
    """{entity: when it came into the stages between the first and an ending, and when it went}."""
    inside, found = LADDERS[kind][1:], defaultdict(set)
    for step in steps:
        if step.kind == kind and step.machine == "stage" and (step.was in inside) != (step.to in inside):
            found[step.entity].add((step.at, step.to in inside))
    return {entity: sorted(moves) for entity, moves in found.items()}
