"""One account's and one user's page, number by number, against transitions, alerts, snapshots and events read here."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Page

from schemas.definition.parse import load
from streams.board import show
from tests.streams.board.conftest import SAAS, Visit
from tests.streams.board.drawn import nearly, values_drawn
from tests.streams.board.test_numbers import ACTIVE
from tests.streams.board.test_tasks import column, members, rows_of

LADDER = ["awareness", "activation", "engagement", "adoption", "retention"]


@pytest.fixture(scope="module")
def now(company: Client) -> datetime:
    found: datetime = company.query("SELECT max(at) FROM events").result_rows[0][0]
    return found


@pytest.fixture(scope="module")
def user(company: Client) -> str:
    """Somebody with an open alert, a long history and events behind it."""
    return str(company.query(
        "SELECT entity FROM open_alerts WHERE kind = 'user' ORDER BY opened_at, entity LIMIT 1"
    ).result_rows[0][0])  # fmt: skip


def moves(company: Client, kind: str, entities: list[str]) -> list[dict[str, Any]]:
    """Their true transitions, newest first: of each id the record with the highest seq, unless it takes it back."""
    found = company.query(
        "SELECT lower(hex(t.id)) AS id, entity, machine, from_state, to_state, at, seq, valid, name, label, dwell_s, because,"
        " evidence FROM transitions AS t WHERE kind = {kind:String} AND entity IN {entities:Array(String)} ORDER BY seq",
        parameters={"kind": kind, "entities": entities},
    )
    latest = {row[0]: dict(zip(found.column_names, row, strict=True)) for row in found.result_rows}
    true = [row for row in latest.values() if row["valid"]]
    return sorted(true, key=lambda row: (row["at"], row["seq"]), reverse=True)


def standing(company: Client, kind: str, entity: str) -> dict[str, tuple[str, datetime]]:
    """{machine: (state, since)} by the entity's own transitions."""
    found: dict[str, tuple[str, datetime]] = {}
    for move in moves(company, kind, [entity]):
        if move["to_state"] is not None:
            found.setdefault(move["machine"], (move["to_state"], move["at"]))
    return found


def alerts_of(company: Client, kind: str, entity: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """[(the record that opened it, its latest record)] of every alert, in the order of the latest."""
    found = company.query(
        "SELECT lower(hex(r.opens)) AS alert, * EXCEPT (opens) FROM alerts AS r WHERE kind = {kind:String}"
        " AND entity = {entity:String} ORDER BY position",
        parameters={"kind": kind, "entity": entity},
    )
    records = [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]
    opened = {row["alert"]: row for row in records if row["status"] == "opened"}
    latest = {row["alert"]: row for row in records}
    return [(opened[alert], latest[alert]) for alert in latest]


def timeline(page: Page, region: str) -> list[dict[str, Any]]:
    """The steps of a journey as they are written, opened or not."""
    found: list[dict[str, Any]] = page.locator(f"{region} details").evaluate_all(
        """all => all.map(one => ({id: one.dataset.key, at: one.querySelector('time').textContent,
            what: one.querySelector('.what').innerText, rule: one.querySelector('.rule').textContent.trim(),
            why: one.querySelector('.why').textContent,
            terms: [...one.querySelectorAll('.terms tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))}))"""
    )
    return found


def terms(record: dict[str, Any]) -> list[list[str]]:
    """A rule's conditions as cells: durations are published in seconds, and shown in the largest unit that fits."""
    rows = []
    for term in orjson.loads(record["because"]):
        value, wanted = (term.get(name) for name in ("value", "threshold"))
        about_time = re.match(r"idle|in_state|age\(|until\(", term["measure"])
        shown, needed = (
            show.duration(it) if about_time and it is not None else show.value(it) for it in (value, wanted)
        )
        holds = {True: "yes", False: "no"}.get(term["holds"], "unknown")
        rows.append([term["measure"], shown, f"{term['op']} {needed}", holds])
    return rows


def agree(shown: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Each step with its time, states and rule; opened, how long before, each term of its rule and how many events."""
    by_id = {move["id"]: move for move in expected}
    assert {step["id"] for step in shown} == set(by_id)
    order = [(move["at"], move["seq"]) for move in (by_id[step["id"]] for step in shown)]
    assert order == sorted(order, reverse=True)
    for step in shown:
        move = by_id[step["id"]]
        assert step["at"] == show.clock(move["at"])
        was, to = show.words(move["from_state"] or "began"), show.words(move["to_state"] or "ended")
        assert step["what"].endswith(f"{show.words(move['machine'])} {was} → {to}")
        assert step["rule"] == move["name"] + (f" ({move['label']})" if move["label"] else "")
        stayed = f"After {show.duration(move['dwell_s'])} in {was}"
        assert (stayed in step["why"]) == (move["dwell_s"] is not None)
        assert step["terms"] == terms(move)
        events = len(move["evidence"])
        assert re.findall(r"Evidence: (\d+) event", step["why"]) == ([str(events)] if events else [])


@pytest.mark.parametrize("account", ["a-ashdown", "a-ironwood"])
def test_where_an_account_stands_and_since_when(visit: Visit, company: Client, now: datetime, account: str) -> None:
    page = visit.go(f"/account/{account}")
    expected = standing(company, "account", account)
    assert set(expected) == {"stage", "risk", "expansion"}
    for machine, (state, since) in expected.items():
        tile = page.locator("#standing .tile", has=page.get_by_role("heading", name=machine.capitalize(), exact=True))
        assert tile.locator(".big").inner_text() == show.words(state)
        stands = show.duration((now - since).total_seconds())
        assert tile.locator(".sub").inner_text() == f"for {stands}, since {show.day(since)}"


def test_an_accounts_journey_and_its_peoples_step_by_step(visit: Visit, company: Client) -> None:
    page = visit.go("/account/a-ashdown")
    agree(timeline(page, "#steps"), moves(company, "account", ["a-ashdown"]))
    people = members(company, "a-ashdown")
    expected = [
        move for move in moves(company, "user", list(people)) if move["machine"] == "stage" or move["from_state"]
    ][:40]
    shown = timeline(page, "#moves")
    assert len(expected) == 40
    assert page.locator("#moves > .sub").inner_text() == "The newest 40 moves of members"
    assert Counter(step["at"] for step in shown) == Counter(show.clock(move["at"]) for move in expected)
    ids = {step["id"] for step in shown}
    agree(shown, [move for move in moves(company, "user", list(people)) if move["id"] in ids])


def test_the_parts_of_the_health_on_the_page(visit: Visit, company: Client) -> None:
    """By hand, as saas.yaml says it: 40 usage, 20 breadth, 20 people, 10 sentiment, 10 support."""
    page = visit.go("/account/a-ironwood")
    ((text,),) = company.query(
        "SELECT argMax(measures, position) FROM entities WHERE kind = 'account' AND entity = 'a-ironwood'"
    ).result_rows
    m = orjson.loads(text)
    parts = {
        "usage": (40, m["weekly"] / m["seats"], lambda value: value / 0.6),
        "breadth": (20, m["activated"] / m["seats"], lambda value: value / 0.8),
        "people": (20, m["executives_30"] + m["managers_28"], lambda value: value / 2),
        "sentiment": (10, m["nps"], lambda value: value / 9),
        "support": (10, m["tickets"], lambda value: (4 - value) / 4),
    }
    known = sum(weight for weight, value, _ in parts.values() if value is not None)
    expected = []
    for name, (weight, value, reach) in parts.items():
        points = None if value is None else 100 * min(1.0, max(0.0, reach(value)))
        share = None if value is None else weight / known
        expected.append([name, show.share(share), show.value(value), show.number(points)])
    assert [[row[n] for n in (0, 1, 2, 4)] for row in rows_of(page, "#health .parts")] == expected
    widths = page.locator("#health .parts .inbar rect:last-child").evaluate_all(
        "all => all.map(one => Math.round(one.getAttribute('width')))"
    )
    assert [str(width) for width in widths] == [points for *_, points in expected if points != show.NOTHING]
    assert page.locator("#health h2 .score").inner_text() == show.number(m["health"])


def test_the_lines_of_an_account_are_its_mornings(visit: Visit, company: Client, now: datetime) -> None:
    page = visit.go("/account/a-ashdown")
    days = [
        orjson.loads(text)
        for (text,) in company.query(
            "SELECT argMax(measures, position) FROM account_days WHERE account = 'a-ashdown'"
            " AND dateDiff('day', day, (SELECT toDate(max(at)) FROM events)) < 180 GROUP BY day ORDER BY day"
        ).result_rows
    ]
    assert len(days) == 180
    assert len({one["health"] for one in days}) > 5
    known = [one["health"] for one in days if one["health"] is not None]
    assert values_drawn(page, "#health", "health") == nearly(known, 100)
    assert values_drawn(page, "#use", "weekly active people") == nearly([one["weekly"] for one in days], 50)
    labels = page.locator("#health .xs span").all_inner_texts()
    assert labels[0] == f"{(first := now.date() - timedelta(days=179)).day} {first:%b}"
    assert labels[-1] == f"{now.day} {now:%b}"


@pytest.mark.parametrize("account", ["a-oakhurst", "a-ashdown"])
def test_what_is_said_of_each_member(visit: Visit, company: Client, account: str) -> None:
    page = visit.go(f"/account/{account}")
    ids = page.locator("#people tbody tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    climbed = {
        who: max((LADDER.index(to) for _, to in steps if to in LADDER), default=0)
        for who, steps in members(company, account).items()
    }
    assert set(ids) == set(climbed)
    assert column(page, "Came as far as", "#people") == [LADDER[climbed[who]] for who in ids]
    setup = dict(company.query(
        "SELECT entity, uniqExact(JSONExtractString(properties, 'step')) FROM events WHERE name = 'Setup Step Completed'"
        " GROUP BY entity"
    ).result_rows)  # fmt: skip
    most = max(setup.get(who, 0) for who in ids)
    assert most > 1
    assert column(page, "Setup", "#people") == [f"{setup.get(who, 0)} of {most} steps" for who in ids]
    done = page.locator("#people tbody tr").evaluate_all(
        "all => all.map(one => one.querySelectorAll('.step.done').length)"
    )
    assert done == [setup.get(who, 0) for who in ids]
    risks = {who: standing(company, "user", who)["risk"][0] for who in ids}
    assert column(page, "Risk", "#people") == [show.words(risks[who]) for who in ids]
    assert visit.figure("all") == len(ids)
    assert visit.figure("at_risk") == sum(risk == "at_risk" for risk in risks.values())


def test_the_counts_above_the_people_are_the_lengths_of_their_lists(visit: Visit) -> None:
    page = visit.go("/account/a-oakhurst")
    counts = {
        name: visit.figure(name)
        for name in ("all", "not_started", "executives", "silent_executives", "unknown", "at_risk")
    }
    assert sum(0 < n < counts["all"] for n in counts.values()) > 1
    for name, n in counts.items():
        page = visit.go(f"/account/a-oakhurst?people={name}")
        assert page.locator("#people tbody tr").count() == n


def test_open_alerts_say_since_when_until_when_and_why(visit: Visit, company: Client, now: datetime) -> None:
    page = visit.go("/account/a-ashdown")
    found = [
        (opened, last) for opened, last in alerts_of(company, "account", "a-ashdown") if last["status"] == "opened"
    ]
    assert found
    assert page.locator("#why article").count() == len(found)
    for opened, _ in found:
        article = page.locator(f"#alert-{opened['alert']}")
        text = article.inner_text()
        assert f"since {show.day(opened['at'])}, {show.ago(opened['at'], now)}" in text
        assert f"{opened['do']}, by {show.day(opened['act_by'])}" in text
        article.locator("summary").click()
        assert rows_of(page, f"#alert-{opened['alert']} .terms") == terms(opened)
        assert f"Evidence: {len(opened['evidence'])} event" in article.inner_text() or not opened["evidence"]
    ((signals,),) = company.query(
        "SELECT argMax(signals, position) FROM entities WHERE kind = 'account' AND entity = 'a-ashdown'"
    ).result_rows
    assert page.locator("#why > .signals .tag").all_inner_texts() == [show.words(name) for name in signals]


def test_alerts_that_ended_with_when_and_how(visit: Visit, company: Client) -> None:
    ended = [
        (opened, last) for opened, last in alerts_of(company, "account", "a-ashdown") if last["status"] != "opened"
    ]
    ended.sort(key=lambda pair: (-pair[1]["at"].timestamp(), pair[0]["alert"]))
    assert len(ended) > 3
    page = visit.go("/account/a-ashdown")
    assert rows_of(page, "#closed") == [
        [opened["title"], opened["severity"], show.day(opened["at"]), show.day(last["at"]), last["status"]]
        for opened, last in ended[:20]
    ]


def test_a_users_page_number_by_number(visit: Visit, company: Client, now: datetime, user: str) -> None:
    page = visit.go(f"/user/{user}")
    for machine, (state, since) in standing(company, "user", user).items():
        tile = page.locator("#standing .tile", has=page.get_by_role("heading", name=machine.capitalize(), exact=True))
        assert tile.locator(".big").inner_text() == show.words(state)
        stands = show.duration((now - since).total_seconds())
        assert tile.locator(".sub").inner_text() == f"for {stands}, since {show.day(since)}"
    agree(timeline(page, "#steps"), moves(company, "user", [user]))
    silent = next(step for step in timeline(page, "#steps") if step["rule"] == "silent")
    assert silent["terms"] == [["idle", "30 d", ">= 30 d", "yes"]]  # saas.yaml's `silent`
    (opened,) = [opened for opened, last in alerts_of(company, "user", user) if last["status"] == "opened"]
    card = page.locator(f"#alert-{opened['alert']}").inner_text()
    assert f"since {show.day(opened['at'])}" in card
    acts = Counter(at.date() for (at,) in company.query(
        f"SELECT at FROM events FINAL WHERE entity = {{user:String}} AND {ACTIVE}", parameters={"user": user}
    ).result_rows if at > now - timedelta(days=365))  # fmt: skip
    squares = page.locator("#habit rect title").evaluate_all("all => all.map(one => one.textContent)")
    assert {square for square in squares if "no acts" not in square} == {
        f"{day:%a %d %b %Y}: {n} {'act' if n == 1 else 'acts'}" for day, n in acts.items() if day >= oldest(now)
    }
    assert len(acts) > 20
    newest = company.query(
        "SELECT at, name, place FROM events FINAL WHERE entity = {user:String} ORDER BY at DESC LIMIT 50",
        parameters={"user": user},
    ).result_rows
    assert Counter(tuple(row) for row in rows_of(page, "#events")) == Counter(
        (show.clock(at), name, place) for at, name, place in newest
    )
    assert page.locator("#events > .sub").inner_text() == f"The newest {len(newest)} events"


def oldest(now: datetime) -> date:
    """The calendar's first day: a Monday, 52 weeks before the week of today."""
    return now.date() - timedelta(days=now.weekday() + 7 * 52)


def test_the_sheets_of_people_and_steps_have_what_the_pages_have(visit: Visit, company: Client, user: str) -> None:
    people = sheet(visit, "/account/a-oakhurst/people.csv")
    page = visit.go("/account/a-oakhurst")
    for name, title in (("level", "Level"), ("stage", "Stage"), ("furthest", "Came as far as")):
        assert [row[name] for row in people] == column(page, title, "#people")
    expected = moves(company, "user", [user])
    assert [(row["at"], row["from_state"], row["to_state"]) for row in sheet(visit, f"/user/{user}/steps.csv")] == [
        (f"{move['at'].isoformat(timespec='seconds')}Z", move["from_state"] or "", move["to_state"] or "")
        for move in expected
    ]


def sheet(visit: Visit, path: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(visit.page.request.get(visit.home + path).text().splitlines()))


def test_the_ladder_here_is_that_of_the_definition() -> None:
    stages = next(machine for machine in load(SAAS).user.machines if machine.name == "stage").states
    assert tuple(LADDER) == stages[:-1]
