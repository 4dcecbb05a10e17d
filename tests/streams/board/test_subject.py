"""What the board reads in a definition: levels as the core has them, health with its parts, selections that fell silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load, parse
from sinks.clickhouse.board import operations, people
from streams.board.pages.operations import warnings
from streams.board.subject import SILENT_BELOW, Subject
from streams.journey.levels import NO_TITLES, Matcher
from tests.streams.board.conftest import COMMUNITY, SAAS

TITLES = [
    "CEO", "ceo", "  Chief   Executive Officer ", "VP, Sales", "VPN Engineer", "Vice President Europe", "Product Owner", "Owner",
    "Head of Growth", "Deputy Head of IT", "Team Lead", "Leadership Coach", "Geschäftsführerin", "GESCHÄFTSFÜHRER", "Werksleiter Nord",
    "Directrice Générale", "Directrice Marketing", "Jefe de Ventas", "Analyst", "Data/CTO", "C?O", "[x]", "a.b", "", "n/a", "None", "-",
    "Founder & CEO", "Co-Founder", "Art Director", "Director General Adjunto", "Mitglied des Vorstands",
]  # fmt: skip


def test_a_title_has_the_level_that_the_core_gives_it(company: Client) -> None:
    definition = load(SAAS)
    assert definition.levels is not None
    matcher = Matcher(definition.levels)
    asked = [*TITLES, *(title.upper() for title in TITLES), *(f"{title} " for title in TITLES)]
    found = people.levels_of(company, asked, Subject.of(definition).levels)
    assert dict(zip(asked, found, strict=True)) == {title: matcher.level_of({"title": title})[0] for title in asked}
    assert set(found) == {"executive", "manager", "user", "unknown"}
    assert frozenset(people.NO_TITLES) == NO_TITLES


def test_the_parts_of_the_health_sum_to_it(company: Client) -> None:
    subject = Subject.of(load(SAAS))
    looked = 0
    for text, signals in company.query(
        "SELECT measures, signals FROM entities FINAL WHERE kind = 'account'"
    ).result_rows:
        measures = orjson.loads(text)
        if measures["health"] is None or measures["overdue"] or {"silent_14d"} & set(signals):
            continue  # a cap may hold it down
        parts = [part for part in subject.parts(measures) if part.points is not None]
        assert sum(part.share or 0 for part in parts) == pytest.approx(1)
        assert sum((part.share or 0) * (part.points or 0) for part in parts) == pytest.approx(
            measures["health"], abs=0.01
        )
        looked += 1
    assert looked > 5


def test_a_churn_probability_that_is_not_published_is_none_of_the_boards() -> None:
    text = COMMUNITY.read_text()
    shown = (
        "      after: 3                 # active days; the rows it was fitted on have three or more\n      publish: "
    )
    assert f"{shown}true" in text
    hidden = parse(text.replace(f"{shown}true", f"{shown}false"))
    assert (Subject.of(load(COMMUNITY)).churn("user"), Subject.of(hidden).churn("user")) == ("churn_90", "")
    assert Subject.of(hidden).churn("account") == "churn_90"


def row(name: str, last_day: int, before: float, place: str = "product") -> dict[str, Any]:
    return {"name": name, "type": "track", "actor": "user", "place": place, "last_day": last_day, "before": before}


INSIDE = {"tests": {"last_day": 0, "before": 0.0}}
"""The one selection of saas.yaml that looks inside events."""


def silent(rows: list[dict[str, Any]]) -> list[str]:
    return [one.selection for one in Subject.of(load(SAAS)).matched(rows, INSIDE) if one.silent]


def test_a_selection_is_silent_only_where_it_matched_a_thousand_a_day() -> None:
    assert silent([row("Feature Used", 3_900, 4_000.0), row("Signed Up", 0, 20.0)]) == []
    assert silent([row("Feature Used", 0, 4_000.0), row("feature_used", 3_900, 0.0)]) == ["core"]
    assert silent([row("Feature Used", 0, SILENT_BELOW - 1.0)]) == []
    assert silent([row("Feature Used", 0, float(SILENT_BELOW))]) == ["core", "active"]
    assert silent([row("Feature Used", 1, 4_000.0)]) == []


def test_the_warning_names_the_selection_and_what_it_was() -> None:
    now = datetime(2024, 2, 1)  # noqa: DTZ001  (as ClickHouse's times come)
    matched = Subject.of(load(SAAS)).matched([row("Feature Used", 0, 4_000.0), row("feature_used", 3_900, 0.0)], INSIDE)
    (said,) = warnings(matched, {"now": now, "stored": now - timedelta(hours=23)})
    assert "“core” matched nothing in the last 24 hours, and 4,000 events a day before" in said


def test_that_nothing_is_stored_any_more_is_a_warning_where_much_was() -> None:
    now = datetime(2024, 2, 1)  # noqa: DTZ001
    lively, small = ([row("Feature Used", n, float(n))] for n in (4_000, 40))
    subject = Subject.of(load(SAAS))
    for since, rows, said in ((23, lively, 0), (25, lively, 1), (25, small, 0)):
        found = warnings(subject.matched(rows, INSIDE), {"now": now, "stored": now - timedelta(hours=since)})
        assert len(found) == said
    assert warnings(subject.matched([], INSIDE), {"now": now, "stored": None}) == []


def test_kinds_of_events_are_counted_for_the_last_day_and_the_week_before(company: Client) -> None:
    now = company.query("SELECT toUnixTimestamp64Milli(max(at)) FROM events").result_rows[0][0]
    found = {row["name"]: row for row in operations.kinds_of_events(company, now)}
    expected = company.query(
        "SELECT name, countIf(dateDiff('millisecond', at, m) < 86400000) AS day, (count() - day) / 7 FROM events"
        " CROSS JOIN (SELECT max(at) AS m FROM events) AS x WHERE dateDiff('millisecond', at, m) < 8 * 86400000 GROUP BY name"
    ).result_rows
    assert {name: (found[name]["last_day"], pytest.approx(found[name]["before"])) for name, _, _ in expected} == {
        name: (day, before) for name, day, before in expected
    }
