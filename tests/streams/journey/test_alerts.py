"""Alerts: one open at a time, resolved when left, held back by their cool-down, and right again after a correction."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.definition.model import AlertRule
from schemas.event import Event
from schemas.time import rfc3339
from streams.journey.alerts import owner, title
from streams.journey.timeline import Retract
from tests.streams.journey.harness import Person, ms
from tests.streams.journey.small import small

_RISK = """\
  signals:
    quiet: idle >= 2d
  carry: [owner]
  stage:
    states: [well, ill]
    transitions:
      - {name: falls, from: well, to: ill,  when: on}
      - {name: heals, from: ill,  to: well, when: not on}
"""
_ALERTS = """\
alerts:
  - {name: ill, user: stage, enters: ill, severity: high, cooldown: 5d, act_within: 3d, title: "{entity} of {owner}", do: call}
  - {name: quiet, user: signals, enters: quiet, severity: low}
"""


def person() -> Person:
    return Person(small("on: {flag: {set: open, clear: close}}", _RISK, _ALERTS), account="acme")


def told(found: Person, name: str = "ill") -> list[tuple[str, str]]:
    return [(a["status"], a["at"]) for a in found.alerts if a["name"] == name]


def test_an_alert_opens_with_all_that_a_person_needs() -> None:
    found = person()
    event = found.event("Opened", 0, traits={"owner": "kim"})
    (alert,) = found.alerts
    assert alert["id"] == alert["opens"]
    assert (alert["title"], alert["owner"], alert["account"], alert["do"]) == ("u1 of kim", "kim", "acme", "call")
    assert alert["act_by"] == rfc3339(ms(3))
    assert alert["evidence"] == [event]
    assert alert["transition"] == found.fired("falls")[0]["id"]
    assert alert["clears_when"] == "on is false (now true)"


def test_it_opens_once_and_resolves_under_the_same_name() -> None:
    found = person()
    for day, name in ((0, "Opened"), (0.1, "Opened"), (0.2, "Other"), (1, "Closed"), (1.1, "Other")):
        found.event(name, day)
    assert [status for status, _ in told(found)] == ["opened", "resolved"]
    opened, resolved = found.alerts
    assert resolved["opens"] == opened["id"] != resolved["id"]
    assert resolved["clears_when"] is None
    assert resolved["act_by"] is None


@pytest.mark.parametrize(("again", "opened"), [(5.9, 6), (6, 6), (6.5, 6.5)])
def test_it_reopens_no_earlier_than_the_end_of_its_cool_down(again: float, opened: float) -> None:
    """Five days from day 1, when the first one resolved."""
    found = person()
    for day, name in ((0, "Opened"), (1, "Closed"), (again, "Opened")):
        found.event(name, day)
    found.wait(20)
    assert told(found)[2:] == [("opened", rfc3339(ms(opened)))]


def test_what_heals_within_the_cool_down_was_never_said() -> None:
    found = person()
    for day, name in ((0, "Opened"), (1, "Closed"), (2, "Opened"), (3, "Closed")):
        found.event(name, day)
    found.wait(20)
    assert [status for status, _ in told(found)] == ["opened", "resolved"]


def test_a_signal_opens_an_alert_at_its_own_instant_and_activity_resolves_it() -> None:
    found = person()
    found.event("Other", 0.5)
    found.wait(2.5, -1)
    assert told(found, "quiet") == []
    found.wait(9)
    found.event("Other", 10)
    assert told(found, "quiet") == [("opened", rfc3339(ms(2.5))), ("resolved", rfc3339(ms(10)))]


def hit(found: Person, name: str, day: float, event_id: str) -> Any:
    event = Event(event_id, name, "track", ms(day), user=found.key, account="acme")
    return found.logic.fold.reader.hit(event, found.logic.selections.match(event))


def truth(found: Person, name: str) -> set[str]:
    """Ids of the alerts of a name that are open now, by what was said of each last."""
    last = {a["opens"]: a["status"] for a in found.alerts if a["name"] == name}
    return {opens for opens, status in last.items() if status == "opened"}


def test_a_silence_that_never_was_is_retracted_and_the_true_one_opens() -> None:
    found = Person(small("", _QUICK, _QUICK_ALERT), account=None)
    found.put([hit(found, "Other", 0, "e0")], ms(0))
    found.put([], ms(0.02))  # 28.8 minutes: silent after 20
    (wrong,) = truth(found, "quiet")
    found.put([hit(found, "Other", 0.01, "e1")], ms(0.02))
    assert truth(found, "quiet") == set()
    assert [a["status"] for a in found.alerts] == ["opened", "retracted"]
    assert found.alerts[-1]["opens"] == wrong
    assert found.alerts[-1]["origin"] == "correction"
    found.put([], ms(0.03))
    (right,) = truth(found, "quiet")
    assert right != wrong


def test_an_alert_whose_resolution_never_was_is_open_again_under_its_own_id() -> None:
    found = Person(small("", _QUICK, _QUICK_ALERT), account=None)
    found.put([hit(found, "Opened", 0, "e0")], ms(0))
    found.put([], ms(0.015))
    (first,) = truth(found, "quiet")
    wrong = hit(found, "Other", 0.016, "e1")
    found.put([wrong], ms(0.016))
    assert truth(found, "quiet") == set()
    tally = found.logic.timeline.advance(found.entity, [Retract(wrong.t, wrong.id)], ms(0.017), found.kept)
    said = [c.record for c in tally.changes if c.kind == "alert"]
    assert [(r.status, r.opens, r.id) for r in said] == [("opened", first, first)]


_QUICK = """\
  signals:
    quiet: idle >= 20m
  stage:
    states: [first, second]
    transitions:
      - {name: opens, from: first, to: second, when: known(opened)}
"""
_QUICK_ALERT = "alerts:\n  - {name: quiet, user: signals, enters: quiet, severity: low}\n"


def test_an_entity_that_is_forgotten_leaves_no_alert_open() -> None:
    found = Person(small("", "  forget: {stage: first, idle: 5d}\n" + _QUICK, _QUICK_ALERT), account=None)
    found.event("Other", 0)
    found.wait(5)
    assert [a["status"] for a in found.alerts] == ["opened", "resolved"]
    assert found.fired("ends")


@pytest.mark.parametrize(
    ("said", "expected"), [("kim", "kim"), (7, "7"), ("", ""), (True, None), ({}, None), (2.5, None)]
)
def test_an_owner_is_text_or_nobody(said: Any, expected: str | None) -> None:
    assert owner({"owner": said}) == expected
    assert owner({}) is None


def test_a_title_is_filled_in_or_made_up() -> None:
    rule = AlertRule("at_risk", "account", "risk", "at_risk", "high", title="{name} ({plan}): {signals} {unknown}")
    assert title(rule, {"name": "Acme", "plan": "pro"}, ["thin_use", "leaving"], "a1") == (
        "Acme (pro): thin use, leaving {unknown}"
    )
    assert title(AlertRule("at_risk", "account", "risk", "at_risk", "high"), {}, [], "a1") == "a1: at risk"
