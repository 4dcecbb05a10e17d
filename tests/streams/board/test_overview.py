"""The overview's small print, its funnel, its trend, its feed and its flows, and the reasons in lists, counted one by one."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load
from schemas.event import Event
from sinks.clickhouse.board.accounts import reasons
from streams.board import show
from streams.board.pages.accounts import reason
from streams.journey.selections import Selections
from tests.streams.board.conftest import SAAS, Visit
from tests.streams.board.drawn import nearly, sparks, values_drawn
from tests.streams.board.test_figures import number, one
from tests.streams.board.test_tasks import column, rows_of

SEVERITIES = ["critical", "high", "medium", "low", "info"]


@pytest.fixture(scope="module")
def now(company: Client) -> datetime:
    found: datetime = company.query("SELECT max(at) FROM events").result_rows[0][0]
    return found


def steps(company: Client, kind: str, machine: str) -> dict[str, list[tuple[datetime, str | None]]]:
    """{entity: its true steps as (at, state entered), in order}."""
    found: dict[str, list[tuple[datetime, str | None]]] = defaultdict(list)
    for entity, at, to in company.query(
        "SELECT entity, at, to_state FROM transitions FINAL WHERE kind = {kind:String} AND machine = {machine:String} AND valid"
        " ORDER BY at, seq",
        parameters={"kind": kind, "machine": machine},
    ).result_rows:
        found[entity].append((at, to))
    return found


def standing(company: Client, kind: str, machine: str) -> dict[str, str]:
    """{entity: where it stands}, of those that have not ended."""
    last = {entity: path[-1][1] for entity, path in steps(company, kind, machine).items()}
    return {entity: state for entity, state in last.items() if state is not None}


def paying(company: Client) -> dict[str, tuple[float, str]]:
    """{account: (minor units a month, currency)} by the newest plan, of those that pay and have not left."""
    gone = {account for account, stage in standing(company, "account", "stage").items() if stage == "churn"}
    return {
        account: (mrr, currency)
        for account, mrr, currency in company.query(
            "SELECT account, JSONExtractFloat(argMax(properties, at) AS plan, 'mrr'), JSONExtractString(plan, 'currency')"
            " FROM events FINAL WHERE name IN ('Subscription Created', 'Subscription Updated', 'Subscription Reactivated')"
            " GROUP BY account"
        ).result_rows
        if mrr > 0 and account not in gone
    }


def alerts(company: Client) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """[(the record that opened an alert, its latest one)]."""
    found = company.query("SELECT lower(hex(opens)) AS alert, * EXCEPT (opens) FROM alerts ORDER BY position")
    opened, latest = {}, {}
    for row in (dict(zip(found.column_names, values, strict=True)) for values in found.result_rows):
        latest[row["alert"]] = row
        if row["status"] == "opened":
            opened[row["alert"]] = row
    return [(opened[alert], latest[alert]) for alert in latest]


def test_the_small_print_of_the_tiles(visit: Visit, company: Client) -> None:
    page = visit.go("/")

    def small(name: str) -> str:
        tile = page.locator("#tiles .tile", has=page.get_by_role("heading", name=name, exact=True))
        return tile.locator(".sub").first.inner_text()  # what follows is an export

    for kind in ("account", "user"):
        risks = Counter(standing(company, kind, "risk").values())
        assert set(risks) >= {"healthy", "at_risk"}
        told = ", ".join(
            f"{risks[name]:,} {show.words(name)}" for name in ("healthy", "watch", "at_risk") if risks[name]
        )
        assert small(f"{kind.capitalize()}s") == told
    pays, risk = paying(company), standing(company, "account", "risk")
    danger: Counter[str] = Counter()
    for account, (mrr, currency) in pays.items():
        danger[currency] += round(mrr) if risk[account] == "at_risk" else 0
    money = ", ".join(show.money(danger[currency], currency) for currency in sorted(danger) if danger[currency])
    assert small("At risk") == f"{money} a month"
    assert small("Revenue a month") == f"{len(pays)} paying accounts"
    counts = Counter(opened["severity"] for opened, latest in alerts(company) if latest["status"] == "opened")
    assert len(counts) > 2
    assert small("Open alerts") == ", ".join(f"{counts[name]} {name}" for name in SEVERITIES if counts[name])


@pytest.mark.parametrize(("path", "region", "kind"), [
    ("/", "#funnel-account", "account"), ("/", "#funnel-user", "user"), ("/journeys", "#stages", "user"),
    ("/journeys?kind=account", "#stages", "account"),
])  # fmt: skip
def test_a_funnel_says_how_many_of_the_stage_before_came_on(
    visit: Visit, company: Client, path: str, region: str, kind: str
) -> None:
    definition = load(SAAS)
    entity = definition.user if kind == "user" else definition.account
    assert entity is not None
    ladder = [state for state in entity.machines[0].states if state != "churn"]
    furthest = Counter(
        max((ladder.index(to) for _, to in path if to in ladder), default=-1)
        for path in steps(company, kind, "stage").values()
    )
    reached = [sum(n for rung, n in furthest.items() if rung >= least) for least in range(len(ladder))]
    here = Counter(standing(company, kind, "stage").values())
    page = visit.go(path)
    names = ("Stage", "Reached", "Of previous", "Here now")
    shown = list(zip(*(column(page, name, region) for name in names), strict=True))
    before: list[int | None] = [None, *reached]
    assert shown == [
        (
            show.words(state),
            f"{reached[n]:,}",
            show.share(reached[n] / was if (was := before[n]) else None),
            f"{here[state]:,}",
        )
        for n, state in enumerate(ladder)
    ] + [("churn", "–", "–", f"{here['churn']:,}")]
    assert reached[0] > reached[-1] > 0
    widths = page.locator(f"{region} .inbar rect:last-child").evaluate_all(
        "all => all.map(one => +one.getAttribute('width'))"
    )
    assert widths == pytest.approx([100 * n / reached[0] for n in reached], abs=0.06)


def test_the_trend_is_who_stood_at_risk_each_evening(visit: Visit, company: Client, now: datetime) -> None:
    paths = steps(company, "account", "risk").values()
    days = [now.date() - timedelta(days=n) for n in reversed(range(90))]
    expected = []
    for day in days:
        evening = [[to for at, to in path if at.date() <= day] for path in paths]
        expected.append(sum(states[-1] == "at_risk" for states in evening if states))
    assert len(set(expected)) > 3
    page = visit.go("/?days=90")
    assert values_drawn(page, "#trend", "at risk") == nearly([float(n) for n in expected], 20)
    assert (
        page.locator("#trend .plot svg").get_attribute("aria-label")
        == f"Accounts at risk over 90 days, now {expected[-1]}"
    )
    labels = page.locator("#trend .xs span").all_inner_texts()
    assert (labels[0], labels[-1]) == tuple(f"{day.day} {day:%b}" for day in (days[0], days[-1]))


def test_the_feed_has_nothing_older_than_what_it_leaves_out(visit: Visit, company: Client) -> None:
    page = visit.go("/")
    shown: list[list[str]] = page.locator("#feed li").evaluate_all(
        "all => all.map(one => [one.dataset.key, one.querySelector('time').textContent, one.innerText])"
    )
    assert len(shown) == 24
    found = company.query("""
        SELECT lower(hex(t.id)), detected_at, at, concat(ifNull(from_state, 'began'), ' → ', ifNull(to_state, 'ended'))
        FROM transitions AS t FINAL WHERE valid
        UNION ALL SELECT lower(hex(a.id)), detected_at, at, title FROM alerts AS a FINAL""").result_rows  # fmt: skip
    known = {id: (detected, at, what) for id, detected, at, what in found}
    for id, at, text in shown:
        assert at == show.clock(known[id][1])
        assert show.words(known[id][2]) in show.words(text)
    newest = sorted((detected for detected, _, _ in known.values()), reverse=True)[:24]
    assert [known[id][0] for id, _, _ in shown] == newest


@pytest.mark.parametrize("days", [30, 365])
def test_what_flows_is_drawn_as_it_is_counted(visit: Visit, company: Client, now: datetime, days: int) -> None:
    page = visit.go(f"/?days={days}")
    for kind in ("account", "user"):
        counts: Counter[tuple[str, str]] = Counter()
        for path in steps(company, kind, "stage").values():
            was = "began"
            for at, to in path:
                if now - timedelta(days=days) < at <= now:
                    counts[was, to or "ended"] += 1
                was = to or "began"
        drawn = page.locator(f"#flow-{kind} .ribbon title").evaluate_all("all => all.map(one => one.textContent)")
        assert sorted(drawn) == sorted(f"{was} → {to}: {n:,}" for (was, to), n in counts.items())
        told = page.locator(f"#flow-{kind} svg.sankey").get_attribute("aria-label")
        assert told == f"{kind}s: {sum(counts.values())} moves between stages in {days} days"
        page.locator(f"#flow-{kind} summary").click()
        assert {(was, to): number(n) for was, to, n in rows_of(page, f"#flow-{kind}")} == dict(counts)


def test_why_is_what_holds_or_what_held_when_the_gravest_alert_was_opened(visit: Visit, company: Client) -> None:
    risk = standing(company, "account", "risk")
    held: dict[str, list[tuple[int, float, list[str]]]] = defaultdict(list)
    for opened, latest in alerts(company):
        if latest["status"] == "opened" and latest["kind"] == "account":
            gravity = SEVERITIES.index(opened["severity"])
            held[latest["entity"]].append((gravity, -latest["at"].timestamp(), opened["signals"]))
    expected = {}
    for account, signals in company.query(
        "SELECT entity, argMax(signals, position) FROM entities WHERE kind = 'account' GROUP BY entity"
    ).result_rows:
        was = min(held[account])[2] if account in held and risk.get(account, "healthy") != "healthy" else []
        told = ", ".join(show.words(name) for name in signals or was)
        expected[account] = f"was: {told}" if was and not signals else told
    assert len({gravity for several in held.values() if len(several) > 1 for gravity, *_ in several}) > 1
    assert {account: row["signals"] for account, row in reasons(company, list(expected)).items()} == {
        account: min(several)[2] for account, several in held.items()
    }
    page = visit.go("/accounts")
    ids = page.locator("#list tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert dict(zip(ids, column(page, "Why"), strict=True)) == expected
    assert sum(map(bool, expected.values())) > 3
    assert column(page, "Risk") == [show.words(risk[account]) for account in ids]


def test_a_risk_that_outlasts_its_signals_says_what_they_were() -> None:
    alert = {"signals": ["silent_14d", "thin_use"]}
    assert reason({"signals": [], "risk": "at_risk"}, alert) == "was: silent 14d, thin use"
    assert reason({"signals": ["leaving"], "risk": "at_risk"}, alert) == "leaving"
    assert reason({"signals": [], "risk": "healthy"}, alert) == reason({"signals": [], "risk": "at_risk"}, None) == ""


def test_money_and_lines_of_every_account_in_the_list(visit: Visit, company: Client) -> None:
    page = visit.go("/accounts")
    ids = page.locator("#list tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    plans = {account: (mrr, currency) for account, mrr, currency in company.query(
        "SELECT account, JSONExtractFloat(argMax(properties, at) AS plan, 'mrr'), JSONExtractString(plan, 'currency')"
        " FROM events FINAL WHERE name IN ('Subscription Created', 'Subscription Updated', 'Subscription Reactivated')"
        " GROUP BY account"
    ).result_rows}  # fmt: skip
    assert column(page, "MRR") == [show.money(*plans[account]) if account in plans else "–" for account in ids]
    days: dict[str, list[float]] = defaultdict(list)
    for account, measures in company.query(
        "SELECT account, argMax(measures, position) FROM account_days"
        " WHERE dateDiff('day', day, (SELECT toDate(max(at)) FROM events)) < 90 GROUP BY account, day ORDER BY account, day"
    ).result_rows:
        if (health := orjson.loads(measures)["health"]) is not None:
            days[account].append(health)
    tones = set()
    for account, spark in zip(ids, sparks(page), strict=True):
        assert (spark is None) == (len(days[account]) < 2)
        if spark is not None:
            assert [100 * value for value in spark[1]] == pytest.approx(days[account], abs=0.3)
            assert spark[2] == ("worse" if days[account][-1] < days[account][0] - 10 else "held")
            tones.add(spark[2])
    assert tones == {"worse", "held"}
    rows = csv.DictReader(visit.page.request.get(f"{visit.home}/accounts.csv").text().splitlines())
    assert [[row["account"], row["mrr"]] for row in rows] == [
        [account, str(plans[account][0]) if account in plans else ""] for account in ids
    ]


def test_the_largest_at_risk_have_their_renewal_and_owner(visit: Visit, company: Client, now: datetime) -> None:
    page = visit.go("/")
    carry = {entity: orjson.loads(text) for entity, text in company.query(
        "SELECT entity, argMax(carry, position) FROM entities WHERE kind = 'account' GROUP BY entity"
    ).result_rows}  # fmt: skip
    ids = page.locator("#worst tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    risk = standing(company, "account", "risk")
    at_risk = sorted((-(carry[a].get("mrr") or 0), a) for a, state in risk.items() if state == "at_risk")
    assert ids == [account for _, account in at_risk[:6]]
    renewals = [datetime.fromisoformat(carry[account]["renews_at"]).replace(tzinfo=None) for account in ids]
    assert column(page, "Renews", "#worst") == [show.ago(moment, now) for moment in renewals]
    assert column(page, "Owner", "#worst") == [carry[account].get("owner") or "–" for account in ids]


def test_every_selection_matched_what_the_core_says_it_does(visit: Visit, company: Client, now: datetime) -> None:
    definition = load(SAAS)
    selections = Selections(definition)
    last_day: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for name, kind, at, actor, place, properties, traits in company.query(
        "SELECT name, type, at, actor, place, properties, traits FROM events WHERE at > (SELECT max(at) FROM events) - INTERVAL 8 DAY"
    ).result_rows:
        event = Event("e", name, kind, 0, "u", None, None, orjson.loads(properties), orjson.loads(traits), actor, place)
        bits = selections.match(event)
        counts = last_day if at > now - timedelta(days=1) else before
        counts.update(selection for n, selection in enumerate(selections.names) if bits >> n & 1)
    page = visit.go("/operations")
    expected = []
    for name in definition.selections:
        a_day = before[name] / 7
        silent = "nothing all week" if not last_day[name] and not a_day else ""
        expected.append(
            [show.words(name), f"{last_day[name]:,}", show.number(a_day, 0 if a_day >= 10 or not a_day else 1), silent]
        )
    assert rows_of(page, "#selections") == expected
    assert sum(row[1] != "0" for row in expected) > 2
    assert sum(row[2] != "0" for row in expected) > 8


def test_a_search_says_how_many_it_found(visit: Visit, company: Client) -> None:
    page = visit.go("/find?q=ash")
    found = one(company, """
        SELECT count() FROM (SELECT entity, argMax(carry, position) AS last FROM entities GROUP BY kind, entity
        HAVING NOT argMax(gone, position)) WHERE lower(concat(entity, '|', if(JSONExtractString(last, 'name') = '',
        JSONExtractString(last, 'email'), JSONExtractString(last, 'name')))) LIKE '%ash%'""")  # fmt: skip
    assert found > 10
    assert page.locator("main .sub").inner_text() == f"{min(found, 50)}{'+' if found >= 50 else ''} found for “ash”"
    assert page.locator(".found li").count() == min(found, 50)
