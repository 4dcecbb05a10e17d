"""Every number of the overview and of operations, counted again by a query or a view of another way."""

from __future__ import annotations

import re

import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load
from sinks.clickhouse import journey
from sinks.clickhouse.board import people
from streams.board import show
from streams.board.subject import Subject
from streams.notify.rules import Rules
from streams.notify.text import link
from tests.streams.board.conftest import ROOT, SAAS, Visit
from tests.streams.board.test_tasks import rows_of

OWNED = (
    "(SELECT entity FROM entities FINAL WHERE kind = 'account' AND JSONExtractString(carry, 'owner') = 'Ines Okafor')"
)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def one(company: Client, sql: str) -> int:
    return int(company.query(sql).result_rows[0][0])


def test_the_tiles_are_what_the_transitions_say(visit: Visit, company: Client) -> None:
    visit.go("/")
    living = "SELECT living FROM stock_check WHERE machine = 'stage' AND kind = "
    assert visit.figure("accounts") == one(company, living + "'account'")
    assert visit.figure("users") == one(company, living + "'user'")
    assert visit.figure("at_risk") == one(company, "SELECT count() FROM accounts_at_risk")
    assert visit.figure("alerts") == one(company, "SELECT count() FROM open_alerts")
    for currency in ("EUR", "USD", "GBP"):
        text = visit.page.locator(f'[data-figure="mrr-{currency}"]').inner_text()
        plans = one(company, f"""
            SELECT sum(mrr) FROM (
                SELECT account, argMax(JSONExtractFloat(properties, 'mrr'), at) AS mrr,
                    argMax(JSONExtractString(properties, 'currency'), at) AS currency
                FROM events FINAL WHERE name IN ('Subscription Created', 'Subscription Updated', 'Subscription Reactivated')
                GROUP BY account)
            WHERE currency = '{currency}' AND account NOT IN (
                SELECT entity FROM entity_states WHERE kind = 'account' AND machine = 'stage' AND state = 'churn')""")  # fmt: skip
        assert number(text[1:]) == round(plans / 100)


@pytest.mark.parametrize("kind", ["account", "user"])
def test_the_funnel_is_the_view_stage_funnel(visit: Visit, company: Client, kind: str) -> None:
    page = visit.go("/")
    shown = {row[0]: (row[2], row[4]) for row in rows_of(page, f"#funnel-{kind}") if row[2] != "–"}
    assert {state: (number(reached), number(now)) for state, (reached, now) in shown.items()} == {
        state: (reached, now)
        for state, reached, now in company.query(
            "SELECT state, reached, now FROM stage_funnel WHERE kind = {kind:String}", parameters={"kind": kind}
        ).result_rows
    }


def test_a_filter_narrows_every_number_to_its_accounts(visit: Visit, company: Client) -> None:
    page = visit.go("/?owner=Ines+Okafor&days=365")
    assert visit.figure("accounts") == one(company, f"SELECT count() FROM {OWNED}")
    assert visit.figure("users") == one(
        company, f"SELECT count() FROM entities FINAL WHERE kind = 'user' AND NOT gone AND account IN {OWNED}"
    )
    assert visit.figure("alerts") == one(company, f"SELECT count() FROM open_alerts WHERE account IN {OWNED}")
    for kind, whose in (("account", "entity"), ("user", "account")):
        page.locator(f"#flow-{kind} summary").click()
        shown = {(was, to): number(n) for was, to, n in rows_of(page, f"#flow-{kind}")}
        expected = company.query(
            "SELECT ifNull(toString(from_state), 'began') AS was, ifNull(toString(to_state), 'ended') AS to, count()"
            f" FROM valid_transitions WHERE kind = '{kind}' AND machine = 'stage' AND {whose} IN {OWNED}"
            " AND at > (SELECT max(at) FROM events) - INTERVAL 365 DAY GROUP BY was, to"
        ).result_rows
        assert shown == {(was, to): n for was, to, n in expected}
        assert shown


def test_operations_adds_up_and_counts_what_is_stored(visit: Visit, company: Client) -> None:
    sizes = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
    before = dict(company.query(sizes).result_rows)
    page = visit.go("/operations")
    after = dict(company.query(sizes).result_rows)  # a merge may come in between
    for machine, entries, living, equal in rows_of(page, "#stock"):
        kind, name = machine.split()
        expected = company.query(
            "SELECT stock, living FROM stock_check WHERE kind = {k:String} AND machine = {m:String}",
            parameters={"k": kind, "m": name},
        ).result_rows[0]
        assert (number(entries), number(living), equal) == (*expected, "yes")
    assert max(before.values()) > 1_000_000
    for table, rows, megabytes in rows_of(page, "#held"):
        assert number(rows) == one(company, f"SELECT count() FROM {table}")
        assert megabytes in {f"{size[table] / 1_000_000:,.1f}" for size in (before, after)}


def test_an_accounts_page_says_why_and_what_would_change_it(visit: Visit, company: Client) -> None:
    page = visit.go("/account/a-ashdown")
    title, clears, signals = company.query(
        "SELECT title, clears_when, signals FROM accounts_at_risk WHERE account = 'a-ashdown'"
    ).result_rows[0]
    why = page.locator("#why").inner_text()
    assert title in why
    assert show.clears(clears) in why
    assert "[" not in why
    assert all(signal.replace("_", " ") in why for signal in signals)
    steps = page.locator("#steps .timeline > li").count()
    assert steps == one(
        company, "SELECT count() FROM valid_transitions WHERE kind = 'account' AND entity = 'a-ashdown'"
    )


def test_a_users_step_shows_the_events_behind_it(visit: Visit, company: Client) -> None:
    user, id, evidence = company.query(
        "SELECT entity, id, evidence FROM valid_transitions WHERE kind = 'user' AND name = 'first value' ORDER BY at LIMIT 1"
    ).result_rows[0]
    page = visit.go(f"/user/{user}")
    step = page.locator(f'#steps details[data-key="{id}"]')
    step.locator("summary").click()
    told = step.inner_text()
    names = company.query(
        "SELECT name FROM events FINAL WHERE event_id IN {ids:Array(String)}", parameters={"ids": evidence}
    ).result_rows
    assert names
    assert "core_7" in told
    assert all(name in told for (name,) in names)
    days = one(company, f"""
        SELECT uniqExact(toDate(at)) FROM events FINAL WHERE entity = '{user}' AND actor = 'user' AND place = 'product'
        AND type IN ('track', 'page', 'screen') AND at > (SELECT max(at) FROM events) - INTERVAL 365 DAY""")  # fmt: skip
    assert page.locator("#habit .sub").inner_text().startswith(f"{days} active days")


def test_the_counts_of_an_accounts_people_are_over_all_of_them(company: Client) -> None:
    subject = Subject.of(load(SAAS))
    now = journey.newest_event(company)
    assert now is not None
    whose = ("a-oakhurst", subject.levels, subject.seen, now)
    counts = people.member_counts(company, *whose)
    assert len(people.members(company, *whose, "all", 3)) == 3 < counts["all"]
    for view, n in counts.items():
        assert len(people.members(company, *whose, view, 10_000)) == n


@pytest.mark.parametrize("kind", ["account", "user"])
def test_the_link_in_a_message_leads_to_the_very_alert(visit: Visit, company: Client, kind: str) -> None:
    """`link` as docs/notify.md has it, filled in as `journeys notify` does."""
    told = re.search(r'^link: "https://board\.acme\.io(\S+)"', (ROOT / "docs" / "notify.md").read_text(), re.MULTILINE)
    assert told is not None
    entity, account, alert, title = company.query(
        "SELECT entity, account, alert, title FROM open_alerts WHERE kind = {kind:String} ORDER BY alert LIMIT 1",
        parameters={"kind": kind},
    ).result_rows[0]
    record = {"kind": kind, "entity": entity, "account": account, "opens": alert}
    visit.page.goto(link(record, Rules({}, (), link=visit.home + told[1])))
    target = visit.page.locator(":target")
    assert target.is_visible()
    assert title in target.inner_text()
