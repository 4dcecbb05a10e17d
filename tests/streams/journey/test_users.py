"""Users: what their records mean, whom else they concern, and what their accounts are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.definition.parse import load
from streams.delivery.contracts import Clocked, Dead, Drop, Ok, Outcome, Record, Redirect
from streams.journey.identity import Link, link_to
from streams.journey.users import Decoder, UsersLogic
from tests.streams.journey.harness import DAY, START, Person, ms

SAAS = Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml"


def saas() -> Definition:
    return load(SAAS)


def record(topic: str = "events", **said: Any) -> Record:
    event = {"id": "e1", "event": "Report Created", "user": "u1", "at": START // 1000, **said}
    return Record(topic, 0, 0, START, None, orjson.dumps(event))


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


# --- routing ---


def test_an_event_goes_to_its_user_and_to_its_account_where_that_one_looks_at_it() -> None:
    found = Decoder(saas(), "canonical").route(record(event="NPS Answered", account="a1"))
    assert [(o.output.topic, o.output.key) for o in found if isinstance(o, Redirect)] == [
        ("events", b"u1"), ("members", b"a1"),
    ]  # fmt: skip
    assert kinds(Decoder(saas(), "canonical").route(record(account="a1"))) == ["Redirect"]


def test_an_account_event_without_a_user_goes_to_the_account_alone() -> None:
    (found,) = Decoder(saas(), "canonical").route(record(user=None, account="a1", event="Invoice Overdue"))
    assert isinstance(found, Redirect)
    assert found.output.topic == "members"


def test_an_account_event_that_nobody_looks_at_is_dropped_and_says_so() -> None:
    found = Decoder(saas(), "canonical").route(record(user=None, account="a1", event="Coffee Ordered"))
    assert found == [Drop("account_event_unused")]


def test_excluded_traffic_is_dropped_under_the_name_of_its_rule() -> None:
    assert Decoder(saas(), "canonical").route(record(actor="staff")) == [Drop("excluded:staff")]
    assert UsersLogic(saas(), {"app": "canonical"}).read(record("app", actor="staff")) == [Drop("excluded:staff")]


def test_a_watermark_record_is_the_clock() -> None:
    value = orjson.dumps({"type": "watermark", "at": START // 1000})
    assert UsersLogic(saas()).read(Record("events", 0, 0, START, None, value)) == [Clocked(START)]


def test_what_cannot_be_read_is_a_dead_letter() -> None:
    (found,) = UsersLogic(saas()).read(Record("events", 0, 0, START, None, b"{"))
    assert isinstance(found, Dead)
    assert found.reason == "not_json"


def test_a_record_of_the_users_own_topic_is_read_where_it_is() -> None:
    logic = UsersLogic(saas(), {"app": "canonical"}, home=lambda key: 0)
    assert kinds(logic.read(record("app", event="NPS Answered", account="a1"))) == ["Ok", "Redirect"]


def test_a_record_on_the_wrong_partition_goes_home_and_is_counted() -> None:
    logic = UsersLogic(saas(), {"app": "canonical"}, home=lambda key: 3)
    (found,) = logic.read(record("app"))
    assert isinstance(found, Redirect)
    assert (found.reason, found.output.topic) == ("misplaced", "events")
    (home,) = logic.read(Record("events", 3, 0, START, b"u1", found.output.value))
    assert isinstance(home, Ok)
    assert home.key == b"u1"


def test_who_gives_an_address_goes_to_where_the_address_is() -> None:
    logic = UsersLogic(saas(), {"app": "canonical"}, home=lambda key: int(b"@" in key))
    (found,) = logic.read(
        record("app", user=None, anonymous="c1", event="Identified", type="identify", traits={"email": "Ada@acme.test"})
    )
    assert isinstance(found, Redirect)
    assert (found.reason, found.output.topic, found.output.key) == ("identified", "events", b"ada@acme.test")


def test_what_identifiers_tell_each_other_goes_through_events_and_is_read_there() -> None:
    person = Person(saas())
    person.put([], ms(0))
    logic = UsersLogic(saas(), {"app": "canonical"})
    hit = [o for o in logic.read(record("app", anonymous="c1")) if isinstance(o, Ok)]
    advanced = logic.advance(b"u1", logic.new(b"u1"), [hit[0].input], START, START, person.kept)
    (link,) = [o for o in advanced.outputs if o.topic == "events"]
    (told,) = logic.read(Record("events", 0, 0, START, link.key, link.value))
    assert isinstance(told, Ok)
    assert (told.key, told.input.said[1], told.at) == (b"c1", "u1", START)


def test_a_merged_user_tells_each_of_its_accounts_that_it_left() -> None:
    person = Person(saas(), "c1")
    for n, account in enumerate(("a1", "a2")):
        person.use(n / 10, account=account)
    link = link_to("c1", "anonymous", "u1", "user", ms(1), "e9", "u1")
    advanced = person.logic.advance(
        b"c1", person.entity, [Link(link.t, link.id, link.said["link"])], ms(1), ms(1), person.kept
    )
    said = [orjson.loads(output.value) for output in advanced.outputs if output.topic == "members"]
    gone = [one["said"] for one in said if one["said"]["how"] == {"gone": "u1"}]
    assert [one["user"] for one in gone] == ["c1", "c1"]
    assert {output.key for output in advanced.outputs if output.topic == "members"} == {b"a1", b"a2"}
    (merge,) = [orjson.loads(output.value) for output in advanced.outputs if output.topic == "events"]
    assert set(merge["said"]["accounts"]) == {"a1", "a2"}


def test_a_message_that_cannot_be_read_is_a_dead_letter() -> None:
    for value in (
        b'{"link":"e1","t":5}',
        b'{"merge":',
        b'{"member":"x","t":1,"valid":true,"said":{}}',
        b'{"hit":1,"t":2,"valid":true,"said":[]}',
    ):
        (found,) = UsersLogic(saas()).read(Record("events", 0, 0, START, b"c1", value))
        assert isinstance(found, Dead), value


def test_the_anonymous_are_followed_under_their_own_id() -> None:
    (found,) = UsersLogic(saas()).read(record(user=None, anonymous="cookie-1"))
    assert isinstance(found, Ok)
    assert found.key == b"cookie-1"


def test_matches_are_counted_by_selection() -> None:
    logic = UsersLogic(saas())
    for _ in range(3):
        logic.read(record())
    assert logic.counts["matches", "core"] == 3


# --- facts ---


def facts(person: Person) -> list[tuple[str, int | None, bool]]:
    return [
        (f["account"], None if f["active_day"] is None else f["active_day"] - START // DAY, f["valid"])
        for f in person.facts
    ]


def test_an_account_is_told_each_new_day_of_activity_once() -> None:
    person = Person(saas())
    for day in (0, 0.1, 0.5, 1, 1.1):
        person.use(day)
    days = [day for _, day, _ in facts(person) if day is not None]
    assert days == [0, 1]


def test_a_person_without_an_account_tells_nobody() -> None:
    person = Person(saas(), account=None)
    person.use(0)
    person.wait(100)
    assert person.facts == []


def test_a_change_of_stage_is_told_to_every_account_of_a_person() -> None:
    person = Person(saas())
    person.event("Signed Up", 0, account="a1")
    person.event("Signed Up", 0.5, account="a2")
    before = len(person.facts)
    for n in range(3):
        person.use(1 + n / 100, account="a1")
    told = person.facts[before:]
    assert person.state() == "engagement"
    assert {f["account"] for f in told if f["stage"] == "engagement"} == {"a1", "a2"}
    assert [f["active_day"] for f in told if f["account"] == "a2"] == [None]  # a day of activity is one account's


def test_a_timer_is_told_to_every_account_too() -> None:
    person = Person(saas())
    for n, account in enumerate(("a1", "a2", "a1")):
        person.use(n / 100, account=account)
    person.event("Signed Up", 0.1, account="a1")
    before = len(person.facts)
    person.wait(61)
    told = {(f["account"], f["stage"]) for f in person.facts[before:]}
    assert {("a1", "churn"), ("a2", "churn")} <= told


def test_activity_without_an_account_counts_for_the_newest_one_named() -> None:
    person = Person(saas())
    person.event("Signed Up", 0, account="a1")
    person.use(1, account="a2")
    person.use(2, account=None)
    assert facts(person)[-1][:2] == ("a2", 2)


def test_an_account_that_is_named_for_the_first_time_gets_a_fact() -> None:
    person = Person(saas(), account=None)
    person.event("Signed Up", 0)
    assert person.facts == []
    person.event("Page Viewed", 1, account="a9", place="website", type="page")
    assert [f["account"] for f in person.facts] == ["a9"]


def test_a_fact_that_a_correction_makes_untrue_is_taken_back() -> None:
    person = Person(saas())
    person.event("Signed Up", 0)
    person.use(1.5)
    (wrong,) = [f for f in person.facts if f["at"] == ms(1.5)]
    before = len(person.facts)
    person.use(1.49)  # so the day's first activity was this one
    assert [(f["fact"] == wrong["fact"], f["valid"], f["at"]) for f in person.facts[before:]] == [
        (True, False, ms(1.5)), (False, True, ms(1.49)),
    ]  # fmt: skip


def test_the_same_content_is_the_same_fact() -> None:
    one, other = Person(saas()), Person(saas())
    for person in (one, other):
        person.event("Signed Up", 0)
        person.use(1)
    assert [f["fact"] for f in one.facts] == [f["fact"] for f in other.facts]
