"""What a record says in `because` and `evidence` is recomputed by SQL over the events table alone."""

from __future__ import annotations

from typing import Any

from schemas.time import parse_time
from tests.integration.company_run import Finished

CORE = ("Report Created", "Feature Used", "Data Exported")
ENGAGED = """
    SELECT user FROM (
        SELECT user, toDate(at) AS day, count() AS n FROM events FINAL
        WHERE account = {account:String} AND name IN {core:Array(String)} AND at <= {at:DateTime64(3, 'UTC')}
        GROUP BY user, day
    ) AS one
    ARRAY JOIN range(7) AS ahead
    GROUP BY user, addDays(day, ahead) AS last
    HAVING sum(n) >= 3
"""
"""Members with three core events within seven calendar days, which is what engagement takes."""


def ask(run: Finished, sql: str, **given: Any) -> Any:
    """The one value that a query finds."""
    return run.client.query(sql, parameters=given).result_rows[0][0]


def row(record: dict[str, Any], measure: str) -> dict[str, Any]:
    """One condition of a record."""
    found: dict[str, Any] = next(r for r in record["because"] if r["measure"] == measure)
    return found


def assert_evidence_is_held(run: Finished, record: dict[str, Any]) -> None:
    """Every evidence id is an event of the table."""
    ids = record["evidence"]
    assert ids
    assert ask(
        run, "SELECT uniqExact(event_id) FROM events FINAL WHERE event_id IN {ids:Array(String)}", ids=ids
    ) == len(set(ids))


def moment(record: dict[str, Any]) -> str:
    """A record's time as ClickHouse reads it."""
    return str(record["at"]).replace("T", " ").replace("Z", "")


def test_a_users_comeback(company_live: Finished) -> None:
    back = next(t for t in company_live.transitions if t["kind"] == "user" and t["name"] == "comes back" and t["valid"])
    idle = row(back, "idle")
    last = ask(
        company_live,
        "SELECT max(at) FROM events FINAL WHERE user = {user:String} AND actor = 'user' AND place = 'product'"
        " AND type IN ('track', 'page', 'screen') AND at <= {at:DateTime64(3, 'UTC')}",
        user=back["entity"],
        at=moment(back),
    )
    assert idle["value"] == (parse_time(back["at"]) or 0) / 1000 - last.timestamp()
    assert idle["threshold"] == 86_400
    silence = ask(
        company_live,
        "SELECT max(gap) FROM (SELECT dateDiff('day', lagInFrame(at) OVER (ORDER BY at), at) AS gap,"
        " row_number() OVER (ORDER BY at) AS n FROM events FINAL WHERE user = {user:String} AND actor = 'user'"
        " AND place = 'product' AND at <= {at:DateTime64(3, 'UTC')}) WHERE n > 1",
        user=back["entity"],
        at=moment(back),
    )
    assert silence >= 60, "nobody comes back who was not away"
    assert_evidence_is_held(company_live, back)


def test_an_accounts_onboarding(company_live: Finished) -> None:
    done = next(
        t for t in company_live.transitions if t["kind"] == "account" and t["name"] == "onboarded" and t["valid"]
    )
    given = {"account": done["entity"], "at": moment(done), "core": list(CORE)}
    seats = ask(
        company_live,
        "SELECT argMax(JSONExtractInt(properties, 'seats'), at) FROM events FINAL WHERE account = {account:String}"
        " AND JSONHas(properties, 'seats') AND at <= {at:DateTime64(3, 'UTC')}",
        **given,
    )
    activated = ask(company_live, f"SELECT uniqExact(user) FROM ({ENGAGED})", **given)
    weekly = ask(
        company_live,
        "SELECT uniqExact(user) FROM events FINAL WHERE account = {account:String} AND actor = 'user'"
        " AND place = 'product' AND type IN ('track', 'page', 'screen') AND user IS NOT NULL"
        " AND at <= {at:DateTime64(3, 'UTC')} AND toDate(at) > toDate({at:DateTime64(3, 'UTC')}) - 7",
        **given,
    )
    assert row(done, "activated / seats")["value"] == round(activated / seats, 6)
    assert row(done, "weekly")["value"] == weekly
    assert row(done, "admins")["value"] >= 1
    assert_evidence_is_held(company_live, done)


def test_an_alert(company_live: Finished) -> None:
    alert = next(
        a
        for a in company_live.alerts
        if a["name"] == "account_at_risk" and a["status"] == "opened" and "many_tickets" in a["signals"]
    )
    tickets = ask(
        company_live,
        "SELECT uniqExact(event_id) FROM events FINAL WHERE account = {account:String} AND name = 'Ticket Opened'"
        " AND at <= {at:DateTime64(3, 'UTC')} AND toDate(at) > toDate({at:DateTime64(3, 'UTC')}) - 30",
        account=alert["entity"],
        at=moment(alert),
    )
    assert row(alert, "tickets")["value"] == tickets
    assert_evidence_is_held(company_live, alert)
    assert alert["title"]
    assert alert["clears_when"]
    assert alert["owner"]
    assert alert["do"]
