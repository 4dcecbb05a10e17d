"""A new version of a definition takes over every state that an earlier one kept, and says what became of it."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.definition.check import check
from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.member import MemberFacts
from streams.delivery.contracts import Ok, Record, UnknownDefinition
from streams.journey.accounts import AccountsLogic
from streams.journey.users import UsersLogic
from tests.strategies.definitions import EVENTS, WORDS, definition_texts
from tests.streams.journey.harness import Customer, Followed, Person, ms
from tests.streams.journey.small import STAGE, small

MEASURES = """
n:    {count: any, within: 9d}
last: {latest: properties.x, of: any}
on:   {flag: {set: open, clear: close}}
"""
TWO = (
    STAGE
    + """\
  risk:
    states: [healthy, watch]
    transitions:
      - {name: quiet, from: healthy, to: watch, when: idle >= 5d}
      - {name: back, from: watch, to: healthy, when: idle < 1d, hold: 2d}
"""
)
ALERTS = """\
alerts:
  - {name: quiet, user: risk, enters: watch, severity: low}
"""


def first(measures: str = MEASURES, rest: str = TWO, tail: str = "") -> Definition:
    return small(measures, rest, tail)


def second(migrate: str = "", *changes: tuple[str, str], of: Definition | None = None) -> Definition:
    """The next version: the text with these changes, and what it says of the one before."""
    text = (of or first()).text
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse(text.replace("version: 1\n", f"version: 2\nmigrate: {{from: [1]{migrate}}}\n"))


def over(followed: Followed, new: Definition, day: float) -> Any:
    """The same person or customer, taken over as of a day."""
    after: Followed = type(followed)(new, followed.key)
    former = after.logic.former(followed.logic.definition.text.encode())
    payload = followed.logic.dump(followed.entity)
    after.transitions, after.alerts, after.facts = (
        list(x) for x in (followed.transitions, followed.alerts, followed.facts)
    )
    after.kept, after.count = followed.kept, followed.count
    taken = after.logic.take_over(
        former, followed.key.encode(), payload, ms(day) + followed.lag, ms(day), followed.kept
    )
    after.entity = taken.entity
    for name, value in taken.beside:
        after.kept.records[name] = value
    for output in taken.outputs:
        after._keep(output)
    return after


def ann(definition: Definition | None = None) -> Person:
    """Opened on day 0, seen on days 1 and 2."""
    person = Person(definition or first(), "ann", "a1")
    person.event("Opened", 0, x="red")
    person.event("Other", 1, x="blue")
    person.event("Other", 2)
    return person


def value(person: Followed, measure: str, day: float) -> Any:
    fold = person.logic.fold
    return fold.terms.terms[measure].value.of(person.entity.head, ms(day), fold.calendar.day(ms(day)))


def moves(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["machine"], r["from"], r["to"], r["name"], r["origin"]) for r in records]


# --- measures ---


def test_a_measure_that_says_the_same_goes_on_and_a_changed_one_begins_empty() -> None:
    after = over(ann(), second("", ("within: 9d", "within: 10d")), 3)
    assert value(after, "n", 3) == 0
    assert value(after, "last", 3) == "blue"
    assert value(after, "on", 3) is True
    after.event("Other", 4)
    assert value(after, "n", 4) == 1


def test_a_measure_that_counts_other_events_begins_empty() -> None:
    after = over(ann(), second("", ("open:  {name: Opened}", "open:  {name: [Opened, Reopened]}")), 3)
    assert value(after, "on", 3) is False
    assert value(after, "opened", 3) is None
    assert value(after, "n", 3) == 3


def test_a_measure_in_another_place_of_the_file_or_under_another_name_goes_on() -> None:
    changed = second(
        ", measures: {user.n: often}",
        ("    n:    {count: any, within: 9d}\n", ""), ("    on: ", "    often: {count: any, within: 9d, publish: true}\n    on: "),
    )  # fmt: skip
    after = over(ann(), changed, 3)
    assert (value(after, "often", 3), value(after, "last", 3)) == (3, "blue")


def test_a_selection_under_another_name_counts_the_same_events() -> None:
    renamed = second("", ("  any:   {type: track}", "  all:   {type: track}"), ("any", "all"))
    after = over(ann(), renamed, 3)
    assert value(after, "n", 3) == 3
    after.event("Other", 4)
    assert value(after, "n", 4) == 4


def test_another_time_zone_counts_other_days_so_windows_begin_empty() -> None:
    after = over(ann(), second("", ("timezone: UTC", "timezone: Europe/Berlin")), 3)
    assert (value(after, "n", 3), value(after, "last", 3)) == (0, "blue")


# --- states ---

RENAMED = second(
    ", states: {user.stage.second: active}", ("[first, second]", "[first, active]"), ("to: second", "to: active")
)


def test_a_state_under_another_name_is_published_and_keeps_its_time() -> None:
    after = over(ann(), RENAMED, 3)
    (record,) = [t for t in after.transitions if t["origin"] == "migration"]
    assert (record["machine"], record["from"], record["to"]) == ("stage", "second", "active")
    assert record["cause"] == {"definition": 2}
    assert (record["version"], record["seq"], record["dwell_s"]) == (2, 3, 3 * 86_400)
    assert after.entity.head.since[0] == ms(0)
    assert after.state() == "active"


def test_states_that_keep_their_names_are_not_published_wherever_they_stand_now() -> None:
    after = over(
        ann(),
        second(
            "",
            ("[first, second]", "[first, middle, second]"),
            ("known(opened)}", "known(opened)}\n      - {name: x, from: first, to: middle, when: on}"),
        ),
        3,
    )
    assert [t for t in after.transitions if t["origin"] == "migration"] == []
    assert after.entity.head.states[0] == 2
    assert after.entity.head.reached[0] == 0b101


def test_two_states_may_become_one() -> None:
    person = ann()
    person.wait(9)
    assert person.state("risk") == "watch"
    merged = second(
        ", states: {user.risk.watch: calm, user.risk.healthy: calm}",
        ("[healthy, watch]", "[calm, alarmed]"), ("from: healthy, to: watch", "from: calm, to: alarmed"),
        ("from: watch, to: healthy", "from: alarmed, to: calm"), ("idle >= 5d", "idle >= 50d"),
    )  # fmt: skip
    after = over(person, merged, 9)
    assert moves(after.transitions)[-1] == ("risk", "watch", "calm", "outside", "migration")


def test_rules_that_now_hold_fire_at_once_because_of_the_definition() -> None:
    person = ann()
    person.wait(6)
    assert person.state("risk") == "healthy"
    after = over(person, second("", ("idle >= 5d", "idle >= 3d")), 6)
    record = after.transitions[-1]
    assert (record["to"], record["name"], record["origin"], record["cause"]) == (
        "watch",
        "quiet",
        "migration",
        {"definition": 2},
    )
    assert record["at"].startswith("2023-12-15T00:00:00")
    assert record["because"][0]["threshold"] == 3 * 86_400


def test_timers_follow_the_new_rules() -> None:
    after = over(ann(), second("", ("idle >= 5d", "idle >= 4d")), 3)
    after.wait(6, -1)
    assert after.state("risk") == "healthy"
    after.wait(6)
    assert after.fired("quiet", "risk")[0]["at"].startswith("2023-12-15T00:00:00.000")
    assert after.fired("quiet", "risk")[0]["origin"] in ("live", "backfill")


def test_a_new_machine_begins_and_one_that_is_dropped_ends() -> None:
    mood = "  mood:\n    states: [good, bad]\n    transitions:\n      - {name: sours, from: good, to: bad, when: idle >= 3d}\n"
    risk = TWO.removeprefix(STAGE)
    changed = second(", drop: [user.risk]", (risk, mood))
    after = over(ann(), changed, 3)
    told = [t for t in after.transitions if t["origin"] == "migration"]
    assert [(t["machine"], t["from"], t["to"], t["label"]) for t in told] == [
        ("risk", "healthy", None, "dropped"), ("mood", None, "good", None),
    ]  # fmt: skip
    after.wait(5)
    assert after.state("mood") == "bad"


def test_a_hold_that_was_running_starts_again() -> None:
    rest = TWO.replace("when: idle >= 5d", "when: n >= 3, hold: 2d")
    person = ann(first(rest=rest))  # it holds from day 2 on
    after = over(
        person, second("", ("open:  {name: Opened}", "open:  {name: Opened, type: track}"), of=first(rest=rest)), 3
    )
    after.wait(5, -1)
    assert after.state("risk") == "healthy"
    after.wait(5)
    assert after.state("risk") == "watch"


def test_the_log_of_each_machine_goes_on_without_gaps_and_stocks_stay_true() -> None:
    after = over(ann(), RENAMED, 3)
    after.wait(9)
    after.event("Other", 10)
    after.wait(20)
    for machine in ("stage", "risk"):
        seqs = [t["seq"] for t in after.transitions if t["machine"] == machine]
        assert seqs == list(range(1, len(seqs) + 1))
    stock = Counter[str]()
    for t in after.transitions:
        stock[t["to"]] += t["machine"] == "stage"
        stock[t["from"]] -= t["machine"] == "stage"
    assert {state for state, n in stock.items() if n and state} == {"active"}


def test_done_again_it_gives_the_same_records() -> None:
    assert over(ann(), RENAMED, 3).transitions == over(ann(), RENAMED, 3).transitions


def test_who_was_forgotten_stays_so_until_nothing_can_bring_them_back() -> None:
    rest = "  forget: {stage: first, idle: 4d}\n" + STAGE
    person = Person(first(rest=rest), "bob", None)
    person.event("Other", 0)
    after = over(person, second("", ("within: 9d", "within: 10d"), of=first(rest=rest)), 4)
    assert [t["label"] for t in after.transitions if t["to"] is None] == ["forgotten"]
    assert after.logic.advance(b"bob", after.entity, [], ms(5), ms(5), after.kept).ended


# --- what had not settled, and what still waits ---


def test_what_comes_late_for_the_time_before_counts_on_its_day_from_the_boundary_on() -> None:
    after = over(ann(), second("", ("idle >= 5d", "idle >= 6d")), 3)
    before = list(after.transitions)
    after.event("Other", 2.98)
    assert after.transitions == before  # nothing of before is told anew
    assert value(after, "n", 3) == 4
    assert after.entity.recent[-1].t == ms(3)


def test_a_duplicate_of_what_came_before_is_still_recognised() -> None:
    person, after = ann(), over(ann(), second("", ("idle >= 5d", "idle >= 6d")), 2.01)
    after.put([person.entity.recent[-1]] if person.entity.recent else [], ms(2.01))
    assert value(after, "n", 3) == 3
    assert after.logic.counts["duplicate", "input"] == 1


def test_timers_that_were_due_before_fire_under_the_old_rules() -> None:
    after = over(ann(), second("", ("idle >= 5d", "idle >= 6d")), 8)
    quiet = after.fired("quiet", "risk")
    assert [(t["version"], t["at"][:10]) for t in quiet] == [(1, "2023-12-16")]
    assert moves(after.transitions)[-1][:3] == ("risk", "healthy", "watch")


# --- alerts ---


def test_an_open_alert_stays_open_and_resolves_under_its_own_id() -> None:
    old = first(tail=ALERTS)
    person = ann(old)
    person.wait(8)
    after = over(person, second(", states: {user.risk.watch: wary}", ("watch", "wary"), of=old), 9)
    assert [a["status"] for a in after.alerts] == ["opened"]
    for day in (10, 10.9, 11.8):
        after.event("Other", day)
    after.wait(13)
    assert [(a["status"], a["opens"]) for a in after.alerts] == [
        ("opened", after.alerts[0]["id"]),
        ("resolved", after.alerts[0]["id"]),
    ]


def test_an_alert_of_a_rule_that_is_gone_resolves() -> None:
    old = first(tail=ALERTS)
    person = ann(old)
    person.wait(8)
    after = over(person, second("", (ALERTS, ""), of=old), 9)
    opened, resolved = after.alerts
    assert (resolved["status"], resolved["opens"], resolved["origin"]) == ("resolved", opened["id"], "migration")
    assert resolved["version"] == 2
    assert after.entity.head.alerts == {}


def test_an_alert_that_the_new_rules_open_pages_nobody() -> None:
    person = ann()
    person.wait(8)
    more = parse(second().text + ALERTS)
    after = over(person, more, 9)
    assert [(a["status"], a["origin"]) for a in after.alerts] == [("opened", "migration")]


# --- accounts ---

COMPANY = """\
account:
  activity: members
  measures:
    active: {{members: {{stage: {0}}}}}
    all:    {{members: {{}}}}
    deals:  {{count: open}}
  stage:
    states: [lead, customer]
    transitions:
      - {{name: grows, from: lead, to: customer, when: active >= 2}}
"""
OLD_COMPANY = parse(first().text + COMPANY.format("second"))
NEW_COMPANY = second(
    ", states: {user.stage.second: active}", ("[first, second]", "[first, active]"), ("to: second", "to: active"),
    ("stage: second", "stage: active"), of=OLD_COMPANY,
)  # fmt: skip


def company() -> Customer:
    """One active member and one not; a deal has come that still waits for its time."""
    customer = Customer(OLD_COMPANY, "a1")
    customer.member("ann", 0, stage="second", reached=("first", "second"), risk="healthy")
    customer.member("bob", 1, stage="first", risk="healthy")
    return customer


def test_members_are_counted_again_by_the_names_of_now() -> None:
    after = over(company(), NEW_COMPANY, 3)
    assert (value(after, "active", 3), value(after, "all", 3)) == (1, 2)
    after.member("bob", 4, stage="active", reached=("first", "active"))
    after.wait(4.1)
    assert after.state() == "customer"
    after.member("ann", 5, stage="first", reached=("first", "active"))
    after.wait(5.1)
    assert value(after, "active", 5) == 1


def test_a_members_measure_that_is_new_counts_the_members_there_are() -> None:
    more = second("", ("    all: ", "    firsts: {members: {stage: first}}\n    all: "), of=OLD_COMPANY)
    assert value(over(company(), more, 3), "firsts", 3) == 1


def test_an_input_that_waits_counts_where_its_measure_is_now() -> None:
    customer = company()
    customer.lag = 0  # stop right where it still waits
    customer.event("Opened", 3)
    assert len(customer.entity.pending) == 1
    moved = second(
        "",
        ("    deals:  {count: open}\n", ""),
        ("    active: {", "    opened: {first: open}\n    sales:  {count: open}\n    active: {"),
        of=OLD_COMPANY,
    )
    after = over(customer, moved, 3)
    after.lag = 2_000
    after.wait(4)
    assert value(after, "sales", 4) == 1
    assert value(after, "opened", 4) == ms(3)


def test_a_fact_that_an_earlier_version_told_is_read_by_the_names_of_now() -> None:
    """While workers of two versions run side by side, or what was sent before has not been read."""
    logic = AccountsLogic(NEW_COMPANY)
    facts = MemberFacts.of(
        user="bob", account="a1", at=ms(4), stage="second", reached=["first", "second"], risk=None, level="user",
        admin=False, active_day=None, event=None,
    )  # fmt: skip
    (found,) = logic.read(Record("members", 0, 0, 0, b"a1", facts.to_json()))
    assert isinstance(found, Ok)
    assert (found.input.member.stage, found.input.member.reached) == ("active", ("first", "active"))


def test_users_tell_their_accounts_where_names_changed_and_only_there() -> None:
    told = over(ann(), RENAMED, 3).facts
    assert (told[-1]["stage"], told[-1]["reached"]) == ("active", ["first", "active"])
    quiet = over(ann(), second("", ("within: 9d", "within: 10d")), 3)
    assert quiet.facts == ann().facts


# --- what is refused ---


def refused(old: Definition, new: Definition) -> str:
    with pytest.raises(UnknownDefinition) as problem:
        UsersLogic(new).former(old.text.encode())
    return str(problem.value)


def test_another_file_with_the_same_version_is_refused_with_the_difference() -> None:
    other = parse(first().text.replace("idle >= 5d", "idle >= 6d"))
    said = refused(first(), other)
    assert re.match(r"kept under small version 1 \(digest [0-9a-f]{12}\), and this is small version 1 \(digest", said)
    assert "Give it version 2 and `migrate: {from: [1]}`" in said
    assert "user.risk: transition quiet: healthy -> watch when idle >= 5d; now healthy -> watch when idle >= 6d" in said


def test_the_same_file_with_another_version_label_is_the_same_definition() -> None:
    assert UsersLogic(parse(first().text.replace("version: 1", "version: 9"))).former(first().text.encode()) is None


def test_a_version_that_does_not_name_the_one_before_is_refused_with_what_to_write() -> None:
    new = parse(first().text.replace("version: 1", "version: 3").replace("idle >= 5d", "idle >= 6d"))
    assert "write `migrate: {from: [1]}` into it" in refused(first(), new)
    named = parse(
        first().text.replace("version: 1", "version: 3\nmigrate: {from: [2]}").replace("idle >= 5d", "idle >= 6d")
    )
    assert "does not say that it takes its states over" in refused(first(), named)


def test_a_definition_of_another_name_is_taken_over_by_its_digest_only() -> None:
    text = first().text.replace("definition: small", "definition: other").replace("idle >= 5d", "idle >= 6d")
    assert "does not say" in refused(first(), parse(text.replace("version: 1", "version: 2\nmigrate: {from: [1]}")))
    by_digest = text.replace("version: 1", f"version: 2\nmigrate: {{from: [{first().digest[:10]}]}}")
    assert UsersLogic(parse(by_digest)).former(first().text.encode()) is not None


def test_a_state_that_is_gone_and_sent_nowhere_is_refused_with_what_to_write() -> None:
    new = second("", ("[first, second]", "[first, seconds]"), ("to: second", "to: seconds"))
    said = refused(first(), new)
    assert (
        "state user.stage.second is gone: say where it goes, `migrate: {states: {user.stage.second: seconds}}`" in said
    )


def test_a_machine_that_is_gone_and_not_dropped_is_refused() -> None:
    assert "machine user.risk is gone: say so, `migrate: {drop: [user.risk]}`" in refused(
        first(), second("", (TWO, STAGE))
    )


def test_a_state_that_takes_the_old_name_of_another_is_refused() -> None:
    """Accounts could not tell which of the two a member was told to be in."""
    swapped = second(", states: {user.stage.first: second, user.stage.second: first}", ("known(opened)}", "on}"))
    said = refused(first(), swapped)
    assert "state user.stage.first becomes second, and second becomes first" in said
    assert "do it in two versions" in said


def test_a_definition_that_cannot_be_read_any_more_is_refused() -> None:
    with pytest.raises(UnknownDefinition, match="cannot read any more"):
        UsersLogic(second()).former(b"language: 0\n")


# --- the law ---


@given(definition_texts(), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_change_that_concerns_nobody_changes_nobodys_journey(text: str, seed: int) -> None:
    """Taken over in the midst of its life, by a version with one measure more, a person moves as if nothing had been."""
    text = re.sub(r", hold: \w+", "", text)  # a hold that was running starts again
    old = parse(text)
    assume(
        not any("in one instant" in p.message for p in check(old))
    )  # such a definition moves whenever it is looked at
    new = parse(
        text.replace("version: 1", "version: 2\nmigrate: {from: [1]}").replace(
            "  measures:\n", "  measures:\n    more: {count: big, within: 3d, publish: true}\n"
        )
    )
    luck = random.Random(seed)
    lived, taken = Person(old, account=None), Person(old, account=None)
    day, change = 0.0, luck.randrange(15)
    for n in range(15):
        day += luck.choice([0.01, 1, 1, 2, 5, 12])
        event = luck.choice(EVENTS), {"x": luck.choice(WORDS), "n": luck.randrange(4)}
        for person in (lived, taken):
            person.event(event[0], day, **event[1])
            person.wait(day + 0.005)
        if n == change:
            taken = over(taken, new, day + 0.005)
    for person in (lived, taken):
        person.wait(day + 40)
    assert [m[:4] for m in moves(taken.transitions)] == [m[:4] for m in moves(lived.transitions)]
    assert [t["at"] for t in taken.transitions] == [t["at"] for t in lived.transitions]
    assert not any(t["origin"] == "migration" for t in taken.transitions)
