"""The overview: who stands where, how they moved, the risk and the money in it, and what happened last."""

from __future__ import annotations

from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.scope import ACCOUNTS, NOW, SINCE, TRULY, Scope
from sinks.clickhouse.queries import ask

Row = dict[str, Any]


def order(client: Client) -> list[Row]:
    """[{kind, machine, state, position, lost}] of the definition last registered, in its order."""
    return ask(
        client,
        "SELECT kind, machine, toString(state) AS state, position, lost FROM stage_order"
        " WHERE definition = (SELECT argMax(definition, registered_at) FROM stages) ORDER BY kind, machine, position",
    )


def standing(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{machine, state, entities}]: how many stand where now."""
    return ask(
        client,
        f"SELECT machine, state, count() AS entities FROM {ACCOUNTS}"
        " ARRAY JOIN mapKeys(states) AS machine, mapValues(states) AS state"
        f" WHERE {scope.of(kind)} AND NOT gone GROUP BY machine, state",
        **scope.parameters(kind=kind),
    )


def money(client: Client, scope: Scope) -> list[Row]:
    """[{currency, risk, accounts, mrr}] of the accounts that pay; minor units, currencies apart."""
    return ask(
        client,
        "SELECT ifNull(carried.currency, '') AS currency, states['risk'] AS risk, count() AS accounts,"
        f" sum(carried.mrr) AS mrr FROM {ACCOUNTS} WHERE {scope.condition()} AND carried.mrr > 0"
        " AND states['stage'] NOT IN (SELECT toString(state) FROM stage_order"
        "  WHERE kind = 'account' AND machine = 'stage' AND lost)"
        " GROUP BY currency, risk ORDER BY currency, risk",
        **scope.parameters(),
    )


def funnel(client: Client, scope: Scope, kind: str) -> list[Row]:
    """[{state, furthest}]: the stage beyond which each entity never came, and how many of them there are."""
    return ask(
        client,
        "WITH (SELECT groupArray(toString(state)) FROM (SELECT state FROM stage_order WHERE kind = {kind:String}"
        "  AND machine = 'stage' AND NOT lost ORDER BY position)) AS ladder"
        " SELECT ladder[rung] AS state, count() AS furthest FROM ("
        f"  SELECT entity, max(indexOf(ladder, ifNull(toString(to_state), ''))) AS rung FROM transitions"
        f"  WHERE {scope.of(kind)} AND machine = 'stage' AND {TRULY} GROUP BY entity HAVING rung > 0"
        " ) GROUP BY rung ORDER BY rung",
        **scope.parameters(kind=kind),
    )


def flow(client: Client, scope: Scope, kind: str, machine: str = "stage") -> list[Row]:
    """[{from_state, to_state, transitions}] in the last `scope.days`; None is where one begins or ends."""
    return ask(
        client,
        "SELECT from_state, to_state, uniqExact(t.id) AS transitions FROM transitions AS t"
        f" WHERE {scope.of(kind)} AND machine = {{machine:String}} AND {TRULY} AND at > {SINCE} AND at <= {NOW}"
        " GROUP BY from_state, to_state ORDER BY transitions DESC, from_state, to_state",
        **scope.parameters(kind=kind, machine=machine),
    )


def risk_days(client: Client, scope: Scope) -> list[Row]:
    """[{day, entered, left}] of accounts' state at_risk, over all time: summed up, how many were at risk that evening."""
    return ask(
        client,
        "SELECT toDate(at) AS day, uniqExactIf(id, to_state = 'at_risk') AS entered, uniqExactIf(id, from_state = 'at_risk') AS left"
        f" FROM transitions WHERE {scope.of('account')} AND machine = 'risk' AND {TRULY}"
        " AND (to_state = 'at_risk' OR from_state = 'at_risk') GROUP BY day ORDER BY day",
        **scope.parameters(kind="account"),
    )


def feed(client: Client, scope: Scope | None = None, limit: int = 40) -> list[Row]:
    """What the engine found out last of the accounts in scope and their users, newest first: {what, kind, entity, name,
    account, subject, from_state, to_state, title, at, id}.

    The newest ones are found by few columns, and only they are read in full. A correction finds many out at one instant:
    of these the latest are the newest.
    """
    scope = scope or Scope(0)
    moves = ask(
        client,
        "SELECT 'transition' AS what, lower(hex(t.id)) AS id, kind, entity, account, JSONExtractString(carry, 'name') AS name,"
        " JSONExtractString(carry, 'email') AS email, machine AS subject, from_state, to_state, label, t.name AS rule,"
        " at, detected_at FROM transitions AS t FINAL"
        f" WHERE (kind, entity) IN (SELECT kind, entity FROM transitions WHERE {TRULY} AND {scope.about()}"
        "  ORDER BY detected_at DESC, at DESC, seq DESC LIMIT {limit:UInt32})"
        f" AND valid AND {scope.about()} ORDER BY detected_at DESC, at DESC, seq DESC LIMIT {{limit:UInt32}}",
        **scope.parameters(limit=limit),
    )
    alerts = ask(
        client,
        "SELECT 'alert' AS what, lower(hex(a.id)) AS id, kind, entity, account, title, severity, status, a.name AS subject,"
        f" at, detected_at FROM alerts AS a WHERE {scope.about()}"
        " ORDER BY detected_at DESC, at DESC LIMIT 1 BY a.id LIMIT {limit:UInt32}",
        **scope.parameters(limit=limit),
    )
    newest = sorted([*moves, *alerts], key=lambda row: (row["detected_at"], row["at"]), reverse=True)
    return newest[:limit]


def open_alerts(client: Client, scope: Scope) -> list[Row]:
    """[{severity, alerts}] that are open."""
    return ask(
        client,
        "SELECT severity, count() AS alerts FROM ("
        " SELECT opens, argMax(status, position) AS now, argMaxIf(a.severity, position, a.status = 'opened') AS severity"
        " FROM alerts AS a"
        + (f" WHERE ifNull(a.account, '') IN {scope.ids()}" if scope.narrow else "")
        + " GROUP BY opens) WHERE now = 'opened' GROUP BY severity",
        **scope.parameters(),
    )


def alerts(client: Client, scope: Scope, limit: int) -> list[Row]:
    """The alerts that are open, the gravest first and then the newest: {alert, severity, title, kind, entity, …}."""
    return ask(
        client,
        "SELECT alert, severity, title, name, kind, entity, account, owner, opened_at, signals, do, act_by, clears_when"
        f" FROM open_alerts WHERE {scope.about()}"
        " ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), opened_at DESC, alert"
        " LIMIT {limit:UInt32}",
        **scope.parameters(limit=limit),
    )


def version(client: Client) -> str:
    """Changes when anything that a page shows was stored."""
    (row,) = ask(
        client,
        "SELECT toString((SELECT max(inserted_at) FROM transitions)) AS moves,"
        " toString((SELECT max(inserted_at) FROM alerts)) AS alerts,"
        " toString((SELECT count() FROM entities)) AS standing, toString((SELECT count() FROM events)) AS events",
    )
    return "|".join(row.values())
