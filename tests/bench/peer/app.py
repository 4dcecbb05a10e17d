"""The peer's Faust app, as Faust's own documentation would have it, in its fastest honest setting: two agents, two tables.

Run: `faust -A tests.bench.peer.app worker`. It does what ours does as far as events alone can move a journey: every measure,
machine, signal and alert of saas.yaml, records with what explains them, snapshots, an account agent. What it leaves out, to
its advantage: timers, corrections of what came late, duplicates, and everything that keeps a crash from losing or doubling.
"""

from __future__ import annotations

import gc
import os
from typing import Any

import faust

from tests.bench.faust_settings import FASTEST
from tests.bench.peer import accounts as account_rules
from tests.bench.peer import users as user_rules

app = faust.App(
    os.environ.get("BENCH_APP", "bench-peer"),
    broker=f"kafka://{os.environ.get('BENCH_KAFKA', '127.0.0.1:9092')}",
    topic_partitions=int(os.environ.get("BENCH_PARTITIONS", "4")),
    **FASTEST,
)


def _topic(name: str) -> faust.TopicT[Any]:
    return app.topic(f"{app.conf.id}-{name}", key_type=str, key_serializer="raw", partitions=app.conf.topic_partitions)


source = app.topic(os.environ.get("BENCH_SOURCE", "bench-source"), key_type=str, key_serializer="raw")
members = _topic("members")
transitions = _topic("transitions")
snapshots = _topic("state")
alerts = _topic("alerts")
users = app.Table("users", partitions=app.conf.topic_partitions)
accounts = app.Table("accounts", partitions=app.conf.topic_partitions)


async def collect_rarely() -> None:
    """As our engine does: between two looks of the garbage collector Python lets 700 objects be made, which is dear here."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


if os.environ.get("BENCH_TUNED"):  # no setting of Faust's, nor in its documentation
    app.task(collect_rarely)


@app.agent(source)
async def follow_users(events: faust.Stream[dict[str, Any]]) -> None:
    """Each user's journey, from its events; its account hears of it, and of events that are the account's."""
    async for event in events:
        user = event["userId"]
        state = users.get(user) or user_rules.fresh()
        out = user_rules.advance(state, event, user)
        for transition in out.transitions:
            await transitions.send(key=user, value=transition)
        for fact in out.facts:
            await members.send(key=fact["account"], value=fact)
        if out.snapshot is not None:
            await snapshots.send(key=user, value=out.snapshot)
        if account_rules.name_of(event) in account_rules.EVENTS:
            account = (event.get("context") or {}).get("groupId")
            if account is not None:
                await members.send(key=account, value=event)
        users[user] = state


@app.agent(members)
async def follow_accounts(told: faust.Stream[dict[str, Any]]) -> None:
    """Each account's journey, from what its members and their events say."""
    async for value in told:
        account = value["account"] if "user" in value else value["context"]["groupId"]
        state = accounts.get(account) or account_rules.fresh()
        out = account_rules.advance(state, value, account)
        for transition in out.transitions:
            await transitions.send(key=account, value=transition)
        for alert in out.alerts:
            await alerts.send(key=account, value=alert)
        if out.snapshot is not None:
            await snapshots.send(key=account, value=out.snapshot)
        accounts[account] = state
