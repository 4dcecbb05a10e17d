"""A history read from records: whose days count, in which zone, and what is left out."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.definition.parse import parse
from streams.backtest.history import History, read
from streams.journey.calendar import DAY

TEXT = """\
language: 1
definition: read
version: 1
clock: {{timezone: {zone}}}
events:
  used: {{name: Used, actor: user}}
  bots: {{actor: system}}
exclude: [bots]
user:
  activity: used
  measures: {{n: {{count: used}}{more}}}
  stage: {{states: [a, b], transitions: [{{name: up, from: a, to: b, when: n >= 1}}]}}
"""
START = 19_700
"""2023-12-09."""


def told(*events: dict[str, Any], zone: str = "UTC", more: str = "") -> History:
    lines = [
        orjson.dumps({"id": str(n), "event": "Used", "user": "ann", **e, "at": (START + e["at"]) * 86_400})
        for n, e in enumerate(events)
    ]
    return read(parse(TEXT.format(zone=zone, more=more)), lines, "canonical")


def test_a_day_is_active_once_however_many_events_it_has() -> None:
    found = told({"at": 0.1}, {"at": 0.9}, {"at": 3.5})
    assert found.users["ann"].days == [START, START + 3]
    assert len(found.users["ann"].times) == 3
    assert found.end == round((START + 3.5) * DAY)


def test_days_are_those_of_the_definitions_zone() -> None:
    assert told({"at": 0.99}, zone="Asia/Tokyo").users["ann"].days == [START + 1]


def test_what_is_no_activity_is_excluded_or_was_seen_before_does_not_count() -> None:
    found = told({"at": 0}, {"at": 1, "event": "Else"}, {"at": 2, "actor": "system"}, {"at": 3, "id": "0"})
    assert found.users["ann"].days == [START]


def test_a_churn_measures_own_selection_is_what_counts() -> None:
    more = ", gone: {churn: els, horizon: 90d, coefficients: {intercept: 0.5, 30d: -1}}"
    text = TEXT.replace("  bots:", "  els: {{name: Else}}\n  bots:")
    line = orjson.dumps({"id": "1", "event": "Else", "user": "ann", "at": START * 86_400})
    assert read(parse(text.format(zone="UTC", more=more)), [line], "canonical").users["ann"].days == [START]


def test_an_event_is_its_accounts_or_that_of_the_account_named_last() -> None:
    found = told(
        {"at": 0}, {"at": 1, "account": "acme"}, {"at": 2}, {"at": 3, "account": "other", "event": "Else"}, {"at": 4},
        {"at": 2, "user": "ben", "account": "acme"},
    )  # fmt: skip
    assert found.accounts["acme"].days == [START + 1, START + 2]
    assert found.accounts["acme"].second == (START + 2) * DAY
    assert found.accounts["other"].days == [START + 4]
    assert found.accounts["other"].second is None


def test_what_was_known_before_a_day_is_what_had_happened_by_then() -> None:
    found = told({"at": 0.5}, {"at": 1.5}, {"at": 2}, {"at": 1.2, "user": "ben"}, {"at": 5, "user": "cid"}).before(
        START + 2
    )
    assert {key: a.days for key, a in found.users.items()} == {"ann": [START, START + 1], "ben": [START + 1]}
    assert found.end == round((START + 1.5) * DAY)


def test_an_account_whose_measure_counts_events_of_its_own_is_active_by_those() -> None:
    text = TEXT.format(zone="UTC", more="").replace("  bots:", "  paid: {name: Paid}\n  bots:") + (
        "account:\n  measures: {gone: {churn: paid, horizon: 90d, coefficients: {intercept: 0.5, 30d: -1}}}\n"
        "  stage: {states: [a, b], transitions: [{name: up, from: a, to: b, when: gone >= 0.5}]}\n"
    )
    lines = [
        orjson.dumps({"id": f"{n}", "event": name, "user": user, "account": "acme", "at": (START + n) * 86_400})
        for n, (name, user) in enumerate([("Used", "ann"), ("Paid", None), ("Paid", "ann")])
    ]
    assert read(parse(text), lines, "canonical").accounts["acme"].days == [START + 1, START + 2]
