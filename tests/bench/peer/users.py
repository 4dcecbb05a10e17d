"""A user of the peer: the user section of saas.yaml in plain Python, but for its timers and what only timers lead to."""

from __future__ import annotations

from typing import Any

from tests.bench.peer.levels import level_of
from tests.bench.peer.records import (
    DAY,
    Event,
    Out,
    Rule,
    State,
    Term,
    counted,
    evidence,
    leaving,
    ms_of,
    stand,
    transition,
)
from tests.bench.small.journey import ACTIVE, CORE, SIGN_UPS, count

ELSEWHERE = frozenset(
    ("Deal Won", "Deal Lost", "Deal Opened", "Subscription Created", "Subscription Updated", "Subscription Renewed",
     "Subscription Ended", "Subscription Upgraded", "Subscription Reactivated", "Invoice Paid", "Invoice Overdue",
     "Invoice Payment Failed", "Ticket Opened", "NPS Answered")
)  # fmt: skip
"""Events that do not happen in the product: sales, billing, support."""

CARRIED = ("email", "title", "plan")
KNOWN = Term("signed_up", "known", True)
RULES = (
    Rule("signs up", ("awareness",), "activation", (KNOWN,), lambda v: v["signed_up"] is not None),
    Rule("first value", ("activation",), "engagement", (Term("core_7", ">=", 3.0),), lambda v: v["core_7"] >= 3),
    Rule(
        "habit", ("engagement",), "adoption", (Term("weeks", ">=", 3.0), Term("features", ">=", 3.0)),
        lambda v: v["weeks"] >= 3 and v["features"] >= 3,
    ),
)  # fmt: skip
LEAVING = leaving(RULES)


def fresh() -> State:
    """The state of a user of whom nothing is known."""
    return {
        "machines": {}, "signals": [], "carry": {}, "home": None, "signed_up": None, "setup": [], "core": [],
        "features": {}, "days": [], "ids": {}, "traits": {}, "level": "unknown", "admin": False, "told": None,
        "accounts": {}, "said": None, "said_at": -1,
    }  # fmt: skip


def advance(state: State, event: Event, user: str) -> Out:
    """Count an event in; the records that follow. The state is changed in place."""
    out = Out()
    at, number, context = event["timestamp"], event["messageId"], event.get("context") or {}
    now = ms_of(at)
    day, account = now // DAY, context.get("groupId")
    if account is not None:
        state["home"] = account
    moved = False
    if not state["machines"]:
        for machine, first in (("stage", "awareness"), ("risk", "healthy")):
            out.transitions.append(
                transition(state, "user", user, machine, first, "begins", at, {}, (), [number], {"event": number})
            )
        state["reached"], moved = ["awareness"], True
    active = measure(state, event, at, day)
    if event["type"] == "identify":
        remember(state, event.get("traits") or {})
        moved = True
    moved = run(state, user, at, day, number, out) or moved
    tell(state, user, at, account, day if active else None, number, moved, out)
    stand(state, "user", user, now, at, lambda: {"setup": len(state["setup"])}, out)
    return out


def measure(state: State, event: Event, at: str, day: int) -> bool:
    """Whether it is activity in the product."""
    name, kind = event.get("event"), event["type"]
    if kind == "track":
        ids, number = state["ids"], event["messageId"]
        if name in CORE:
            count(state["core"], day)
            ids["core_7"] = number
            feature = event["properties"].get("feature")
            if feature is not None:
                state["features"][feature] = day
                ids["features"] = number
        elif name == "Setup Step Completed":
            step = event["properties"].get("step")
            if step not in state["setup"]:
                state["setup"].append(step)
        elif name in SIGN_UPS and state["signed_up"] is None:
            state["signed_up"] = at
            ids["signed_up"] = number
    if kind not in ACTIVE or name in ELSEWHERE:
        return False
    days = state["days"]
    if not days or days[-1] != day:
        state["days"] = [d for d in days if d > day - 28] + [day]
    state["ids"]["weeks"] = event["messageId"]
    return True


def remember(state: State, traits: Event) -> None:
    state["traits"].update({name: traits[name] for name in (*CARRIED, "role") if name in traits})
    state["carry"] = {name: state["traits"][name] for name in CARRIED if name in state["traits"]}
    state["level"], state["admin"] = level_of(state["traits"].get("title"), state["traits"].get("role"))


def run(state: State, user: str, at: str, day: int, number: str, out: Out) -> bool:
    """Let the stage machine go as far as it goes."""
    moved = False
    while True:
        rules = LEAVING.get(state["machines"]["stage"][0], ())
        values = values_of(state, day) if rules else {}
        rule = next((rule for rule in rules if rule.holds(values)), None)
        if rule is None:
            return moved
        out.transitions.append(
            transition(
                state,
                "user",
                user,
                "stage",
                rule.to,
                rule.name,
                at,
                values,
                rule.terms,
                evidence(state, rule, number),
                {"event": number},
            )
        )
        state["reached"], moved = [*state["reached"], rule.to], True


def values_of(state: State, day: int) -> dict[str, Any]:
    days = state["days"]
    return {
        "signed_up": state["signed_up"],
        "core_7": counted(state["core"], day, 7),
        "weeks": len({(day - d) // 7 for d in days if d > day - 28}),
        "features": sum(d > day - 28 for d in state["features"].values()),
    }


def tell(
    state: State, user: str, at: str, account: str | None, active: int | None, number: str, moved: bool, out: Out
) -> None:
    """Tell the account of a status that changed or of a new day of activity."""
    known = state["accounts"].get(account, -2) if account is not None else -2
    fresh_day = active if active is not None and active > known else None
    if account is None or (known > -2 and fresh_day is None and not moved):
        return
    status = [state["machines"]["stage"][0], state["level"], state["admin"]]
    if known > -2 and fresh_day is None and status == state["told"]:
        return
    state["told"] = status
    state["accounts"][account] = fresh_day if fresh_day is not None else max(known, -1)
    out.facts.append(
        {
            "user": user, "account": account, "at": at, "stage": status[0], "reached": state["reached"],
            "risk": state["machines"]["risk"][0], "level": status[1], "admin": status[2], "active_day": fresh_day,
            "event": number,
        }
    )  # fmt: skip
