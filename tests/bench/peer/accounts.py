"""An account of the peer: the account section of saas.yaml in plain Python, but for its timers and what only timers lead to."""

from __future__ import annotations

from typing import Any

from tests.bench.peer.records import (
    DAY,
    Event,
    Out,
    Rule,
    State,
    Term,
    Values,
    counted,
    evidence,
    leaving,
    ms_of,
    stand,
    transition,
)
from tests.bench.small.journey import count

SET, CLEAR, LATEST, COUNT, FIRST = range(5)
PLANS = ("Subscription Created", "Subscription Updated", "Subscription Reactivated")
BUYS = ("Deal Won", "Subscription Created", "Subscription Reactivated")


def _acts() -> dict[str, list[tuple[int, str, Any]]]:
    """Event name -> what it does to which measures."""
    found: dict[str, list[tuple[int, str, Any]]] = {}

    def on(names: tuple[str, ...], act: int, measure: str, how: Any = None) -> None:
        for name in names:
            found.setdefault(name, []).append((act, measure, how))

    on(("Page Viewed", "Form Submitted", "Campaign Touched", "Lead Created"), FIRST, "touched")
    on(("Demo Booked", "Trial Started", "Deal Opened"), SET, "evaluating")
    on(("Deal Lost", "Trial Ended", *BUYS), CLEAR, "evaluating")
    on(BUYS, SET, "contract")
    on(("Subscription Ended",), CLEAR, "contract")
    on(("Cancellation Requested", "Renewal Declined"), SET, "cancelling")
    on(("Renewal Declined Undone", "Subscription Renewed", *BUYS), CLEAR, "cancelling")
    on(("Invoice Payment Failed", "Invoice Overdue"), SET, "overdue")
    on(("Invoice Paid",), CLEAR, "overdue")
    on(("Onboarding Kickoff", "Implementation Started"), SET, "kicked_off")
    on(("Subscription Ended",), CLEAR, "kicked_off")
    for measure in ("plan", "mrr", "currency", "renews_at", "seats"):
        on(PLANS, LATEST, measure, measure)
    on(("Quota Reported", *PLANS), LATEST, "quota", "quota_used")
    on(("NPS Answered",), LATEST, "nps", "score")
    on(("Subscription Renewed", "Subscription Upgraded", "Add-on Purchased"), COUNT, "grew", 36_500)
    on(("Referral Made", "Review Published", "Reference Call Given", "Testimonial Given"), COUNT, "advocated", 365)
    on(("Ticket Opened",), COUNT, "tickets", 30)
    on(("Feature Blocked",), COUNT, "premium", 30)
    return found


ACTS = _acts()
EVENTS = frozenset(ACTS)
"""Names of the events that an account has to hear of."""

FLAGS = ("evaluating", "contract", "cancelling", "overdue", "kicked_off")
LATESTS = ("plan", "mrr", "currency", "renews_at", "quota", "seats", "nps")
COUNTS = {"grew": 36_500, "advocated": 365, "tickets": 30, "premium": 30}
PAYING = frozenset(("conversion", "onboarding", "adoption", "retention", "advocacy"))
USING = frozenset(("adoption", "retention", "advocacy"))


def _is(measure: str) -> Term:
    return Term(measure, "==", True)


STAGE = (
    Rule("evaluates", ("awareness",), "consideration", (_is("evaluating"),), lambda v: v["evaluating"]),
    Rule(
        "lost", ("consideration",), "awareness", (_is("evaluating"), _is("contract")),
        lambda v: not v["evaluating"] and not v["contract"],
    ),
    Rule("buys", ("awareness", "consideration"), "conversion", (_is("contract"),), lambda v: v["contract"]),
    Rule("leaves", tuple(PAYING), "churn", (_is("contract"),), lambda v: not v["contract"]),
    Rule(
        "starts", ("conversion",), "onboarding", (_is("kicked_off"), Term("weekly", ">=", 1.0)),
        lambda v: v["kicked_off"] or v["weekly"] >= 1,
    ),
    Rule(
        "onboarded", ("onboarding",), "adoption",
        (Term("activated / seats", ">=", 0.6), Term("admins", ">=", 1.0), Term("weekly", ">=", lambda v: float(min(3, v["seats"])))),
        lambda v: v["activated"] >= 0.6 * v["seats"] and v["admins"] >= 1 and v["weekly"] >= min(3, v["seats"]),
    ),
    Rule("renews or grows", ("adoption",), "retention", (Term("grew", ">=", 1.0),), lambda v: v["grew"] >= 1),
    Rule("advocates", ("retention",), "advocacy", (Term("advocated", ">=", 1.0),), lambda v: v["advocated"] >= 1),
    Rule("falls silent", ("advocacy",), "retention", (Term("advocated", "==", 0.0),), lambda v: v["advocated"] == 0),
    Rule("won back", ("churn",), "conversion", (_is("contract"),), lambda v: v["contract"]),
)  # fmt: skip
RISK = (
    Rule("leaving", ("healthy", "watch"), "at_risk", (_is("cancelling"),), lambda v: v["cancelling"]),
    Rule("many", ("healthy", "watch"), "at_risk", (Term("count(signals)", ">=", 3.0),), lambda v: v["count(signals)"] >= 3),
    Rule("first", ("healthy",), "watch", (Term("count(signals)", ">=", 1.0),), lambda v: v["count(signals)"] >= 1),
)  # fmt: skip
EXPANSION = (
    Rule(
        "blocked", ("none",), "ready", (Term("health", ">", 75.0), Term("premium", ">=", 3.0)),
        lambda v: v["health"] > 75 and v["premium"] >= 3,
    ),
    Rule("cooled", ("ready",), "none", (Term("health", "<", 65.0),), lambda v: v["health"] < 65),
)  # fmt: skip


MACHINES = (
    ("stage", "awareness", leaving(STAGE)), ("risk", "healthy", leaving(RISK)), ("expansion", "none", leaving(EXPANSION)),
)  # fmt: skip
ALERTS = {
    ("risk", "at_risk"): ("account_at_risk", "high", 7, 2, "call the owner's contact; agree on one next step"),
    ("expansion", "ready"): ("expansion_ready", "info", 28, 10, "offer seats or the next plan"),
}
"""(machine, state) -> (name, severity, cooldown in days, days to act, what to do)"""


def fresh() -> State:
    """The state of an account of which nothing is known. `members`: user -> [day, activated, was retained, level, admin]."""
    return {
        "machines": {}, "signals": [], "carry": {}, "members": {}, "touched": None, "flags": {}, "latest": {},
        "counts": {}, "ids": {}, "alerts": {}, "said": None, "said_at": -1,
    }  # fmt: skip


def advance(state: State, told: Event, account: str) -> Out:
    """Take a member's facts or an event; the records that follow. The state is changed in place."""
    out = Out()
    if "user" in told:
        at, number = told["at"], told["event"]
        now, cause = ms_of(at), {"member": f"{told['user']}/{number}"}
        member(state, told)
    else:
        at, number = told["timestamp"], told["messageId"]
        now, cause = ms_of(at), {"event": number}
        event(state, told, at, now // DAY)
    if not state["machines"]:
        for machine, first, _ in MACHINES:
            out.transitions.append(
                transition(state, "account", account, machine, first, "begins", at, {}, (), [number], cause)
            )
    values = values_of(state, now // DAY)
    for machine, first, rules in MACHINES:
        if machine == "risk":
            state["signals"] = signals(values, state["machines"]["stage"][0])
            values["count(signals)"] = len(state["signals"])
        run(state, account, machine, first, rules, values, at, number, cause, out)
    stand(state, "account", account, now, at, lambda: {name: values[name] for name in PUBLISHED}, out)
    return out


def member(state: State, fact: Event) -> None:
    user, day = fact["user"], fact["active_day"]
    known = state["members"].get(user)
    if day is None:
        day = known[0] if known is not None else None
    activated = fact["stage"] in ("engagement", "adoption", "retention")
    state["members"][user] = [day, activated, "retention" in fact["reached"], fact["level"], fact["admin"]]
    ids, number = state["ids"], fact["event"]
    ids["weekly"] = number
    if activated and (known is None or not known[1]):
        ids["activated / seats"] = number
    if activated and fact["admin"]:
        ids["admins"] = number


def event(state: State, told: Event, at: str, day: int) -> None:
    number, properties = told["messageId"], told.get("properties") or {}
    for act, measure, how in ACTS[name_of(told)]:
        if act == COUNT:
            count(state["counts"].setdefault(measure, []), day, how)
        elif act == LATEST:
            value = properties.get(how)
            if value is None:
                continue
            state["latest"][measure] = value
        elif act == FIRST:
            state[measure] = state[measure] or at
        else:
            state["flags"][measure] = act == SET
        state["ids"][measure] = number
    state["carry"] = {k: state["latest"][k] for k in ("currency", "mrr", "plan", "renews_at") if k in state["latest"]}


def name_of(told: Event) -> str | None:
    """An event's name; that of a page is one for all pages."""
    return "Page Viewed" if told["type"] == "page" else told.get("event")


def values_of(state: State, day: int) -> Values:
    """Every measure of the account, in one pass over its members."""
    values: Values = {"touched": state["touched"]}
    flags, latest, counts = state["flags"], state["latest"], state["counts"]
    for name in FLAGS:
        values[name] = flags.get(name, False)
    for name in LATESTS:
        values[name] = latest.get(name)
    for name, window in COUNTS.items():
        values[name] = counted(counts[name], day, window) if name in counts else 0
    weekly = monthly = activated = admins = managers = executives = executives_30 = champions = champions_14 = 0
    for seen, is_active, retained, level, admin in state["members"].values():
        ago = day - seen if seen is not None else 99_999
        weekly += ago < 7
        monthly += ago < 28
        activated += is_active
        admins += admin and is_active
        if level == "executive":
            executives += 1
            executives_30 += ago < 30
        elif level == "manager":
            managers += ago < 28
        if retained:
            champions += 1
            champions_14 += ago < 14
    seats = values["seats"] = values["seats"] if values["seats"] is not None else len(state["members"])
    values.update(
        members=len(state["members"]), activated=activated, admins=admins, weekly=weekly, monthly=monthly,
        managers_28=managers, executives=executives, executives_30=executives_30, champions=champions,
        champions_14=champions_14,
    )  # fmt: skip
    values["activated / seats"] = round(activated / seats, 6) if seats else None
    values["health"] = health(values, seats)
    return values


def health(v: Values, seats: int) -> float:
    """0 to 100; what is unknown leaves the sum."""
    parts = [(20, min(1.0, (v["executives_30"] + v["managers_28"]) / 2)), (10, max(0.0, 1 - v["tickets"] / 4))]
    if seats:
        parts += [(40, min(1.0, v["weekly"] / seats / 0.6)), (20, min(1.0, v["activated"] / seats / 0.8))]
    if v["nps"] is not None:
        parts.append((10, min(1.0, v["nps"] / 9)))
    score = 100 * sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)
    return round(min(score, 70.0) if v["overdue"] else score, 3)


def signals(v: Values, stage: str) -> list[str]:
    """The reasons to worry that hold, by name; those of a time in a state, or of silence, only timers find."""
    seats, found = v["seats"], []
    if stage in USING and stage != "advocacy" and seats and v["weekly"] / seats < 0.2:
        found.append("thin_use")
    if stage in PAYING and v["champions"] and not v["champions_14"]:
        found.append("champion_quiet")
    if v["executives"] and not v["executives_30"]:
        found.append("no_executive_30d")
    if seats >= 5 and v["monthly"] <= 1:
        found.append("single_threaded")
    if v["tickets"] >= 4:
        found.append("many_tickets")
    if v["nps"] is not None and v["nps"] <= 6:
        found.append("detractor")
    if v["cancelling"]:
        found.append("leaving")
    return found


def run(
    state: State, account: str, machine: str, first: str, rules: dict[str, list[Rule]], values: Values, at: str,
    number: str, cause: Event, out: Out,
) -> None:  # fmt: skip
    """Let a machine go as far as it goes; risk and expansion only where they mean something."""
    stage, machines = state["machines"]["stage"][0], state["machines"]
    runs = machine == "stage" or (
        stage in PAYING if machine == "risk" else stage in USING and machines["risk"][0] == "healthy"
    )
    if not runs:
        if machines[machine][0] != first:
            move(state, account, machine, first, "outside", values, (), at, [number], cause, out)
        return
    entered: set[str] = set()
    while True:
        rule = next((r for r in rules.get(machines[machine][0], ()) if r.to not in entered and r.holds(values)), None)
        if rule is None:
            return
        entered.add(rule.to)
        found = evidence(state, rule, number)
        move(state, account, machine, rule.to, rule.name, values, rule.terms, at, found, cause, out)


def move(
    state: State, account: str, machine: str, to: str, name: str, values: Values, terms: tuple[Term, ...], at: str,
    evidence: list[str], cause: Event, out: Out,
) -> None:  # fmt: skip
    before = state["machines"][machine][0]
    made = transition(state, "account", account, machine, to, name, at, values, terms, evidence, cause)
    out.transitions.append(made)
    alerts = state["alerts"]
    if (left := ALERTS.get((machine, before))) is not None and alerts.get(left[0], {}).get("open"):
        alerts[left[0]]["open"] = False
        out.alerts.append({**alert(left, account, made), "status": "resolved", "opens": alerts[left[0]]["id"]})
    entered = ALERTS.get((machine, to))
    if entered is not None and ms_of(at) - alerts.get(entered[0], {}).get("at", -99 * DAY) >= entered[2] * DAY:
        alerts[entered[0]] = {"id": made["id"], "at": ms_of(at), "open": True}
        out.alerts.append({**alert(entered, account, made), "status": "opened", "opens": made["id"]})


def alert(rule: tuple[str, str, int, int, str], account: str, made: Event) -> Event:
    name, severity, _, days, do = rule
    return {
        "id": made["id"], "name": name, "kind": "account", "entity": account, "account": account, "severity": severity,
        "title": f"{account}: {name}", "signals": made["signals"], "because": made["because"],
        "evidence": made["evidence"], "do": do, "act_by": ms_of(made["at"]) + days * DAY, "carry": made["carry"],
        "transition": made["id"], "at": made["at"], "definition": made["definition"], "version": made["version"],
    }  # fmt: skip


PUBLISHED = (
    "touched", *FLAGS, "plan", "mrr", "currency", "renews_at", "quota", "members", "seats", "activated", "admins", "weekly",
    "monthly", "managers_28", "executives", "executives_30", "champions", "champions_14", "grew", "advocated", "tickets",
    "premium", "nps", "health",
)  # fmt: skip
