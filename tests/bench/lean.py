"""The lean peer: users' stages alone, on Faust as its documentation would have it, in its fastest honest setting.

Two agents, two tables, one repartition topic, a record out on each stage change of a user. It does a part of the work: no
account's stages, no risk, alerts, signals, explanation or snapshots, let alone timers, corrections and an outbox. All figures
before 28 November 2026 are against it; `tests/bench/peer` does the same work. Run: `faust -A tests.bench.lean worker`.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import faust

from tests.bench.faust_settings import FASTEST

DAY = 86_400
CORE = {"Report Created", "Feature Used", "Data Exported"}

app = faust.App(
    os.environ.get("BENCH_APP", "bench-idiomatic"),
    broker=f"kafka://{os.environ.get('BENCH_KAFKA', '127.0.0.1:9092')}",
    topic_partitions=int(os.environ.get("BENCH_PARTITIONS", "4")),
    **FASTEST,
)
source = app.topic(os.environ.get("BENCH_SOURCE", "bench-source"), key_type=str, key_serializer="raw")
members = app.topic(f"{app.conf.id}-members", key_type=str, key_serializer="raw", partitions=app.conf.topic_partitions)
transitions = app.topic(f"{app.conf.id}-transitions", key_type=str, key_serializer="raw")
users = app.Table("users", partitions=app.conf.topic_partitions)
accounts = app.Table("accounts", partitions=app.conf.topic_partitions)


@app.agent(source)
async def follow_users(events: faust.Stream[dict[str, Any]]) -> None:
    """Each user's stage, from its events."""
    async for key, event in events.items():
        name = key.decode() if isinstance(key, bytes) else key
        state = users.get(name) or {
            "stage": None,
            "signed": False,
            "core": {},
            "features": {},
            "days": [],
            "told": None,
        }
        at = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")).timestamp()
        day = int(at // DAY)
        for before, after in advance(state, event, day):
            await transitions.send(
                key=name, value={"kind": "user", "entity": name, "from": before, "to": after, "at": at}
            )
        account = (event.get("context") or {}).get("groupId") or event.get("groupId")
        status = [account, day, state["stage"]]
        if account and status != state["told"]:
            state["told"] = status
            await members.send(key=account, value={"user": name, "day": day, "stage": state["stage"]})
        users[name] = state


def advance(state: dict[str, Any], event: dict[str, Any], day: int) -> list[tuple[str | None, str]]:
    """Measures, then the first rule that holds, until none does: the stage machine of saas.yaml without its timers."""
    moved: list[tuple[str | None, str]] = []
    if state["stage"] is None:
        state["stage"] = "awareness"
        moved.append((None, "awareness"))
    measure(state, event, day)
    while (to := rule(state, day)) is not None:
        moved.append((state["stage"], to))
        state["stage"] = to
    return moved


def measure(state: dict[str, Any], event: dict[str, Any], day: int) -> None:
    name = event.get("event")
    if name in ("Signed Up", "Invite Accepted"):
        state["signed"] = True
    if name in CORE:
        core = state["core"]
        core[str(day)] = core.get(str(day), 0) + 1
        state["core"] = {d: n for d, n in core.items() if int(d) > day - 7}
        feature = event["properties"].get("feature")
        if feature:
            state["features"][feature] = day
    if event["type"] in ("track", "page", "screen") and day not in state["days"]:
        state["days"] = [d for d in state["days"] if d > day - 28] + [day]


def rule(state: dict[str, Any], day: int) -> str | None:
    stage = state["stage"]
    if stage == "awareness" and state["signed"]:
        return "activation"
    if stage == "activation" and sum(n for d, n in state["core"].items() if int(d) > day - 7) >= 3:
        return "engagement"
    if stage == "engagement":
        weeks = len({(day - d) // 7 for d in state["days"] if d > day - 28})
        features = sum(1 for d in state["features"].values() if d > day - 28)
        if weeks >= 3 and features >= 3:
            return "adoption"
    return None


@app.agent(members)
async def follow_accounts(facts: faust.Stream[dict[str, Any]]) -> None:
    """Each account's members, and how many are active and activated."""
    async for key, fact in facts.items():
        name = key.decode() if isinstance(key, bytes) else key
        state = accounts.get(name) or {"members": {}, "stage": None}
        state["members"][fact["user"]] = [fact["day"], fact["stage"]]
        state["weekly"] = sum(1 for day, _ in state["members"].values() if day > fact["day"] - 7)
        state["activated"] = sum(1 for _, stage in state["members"].values() if stage in ("engagement", "adoption"))
        if state["stage"] is None:
            state["stage"] = "awareness"
            await transitions.send(
                key=name,
                value={"kind": "account", "entity": name, "from": None, "to": "awareness", "at": fact["day"] * DAY},
            )
        accounts[name] = state
