"""Accounts: inputs that wait for their time and fold in order, members' facts, and what takes them back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.definition.parse import load
from schemas.member import MemberFacts
from streams.delivery.contracts import NEVER, Dead, Ok, Record
from streams.journey.accounts import WRITTEN, AccountsLogic
from streams.journey.timeline import Retract
from tests.streams.journey.harness import DAY, START, Customer, Kept, Person, ms

DEFINITION = load(Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml")
DISORDER = DEFINITION.clock.disorder


def told(user: str = "ann", day: float = 0, **given: Any) -> MemberFacts:
    made = {"stage": "engagement", "reached": ["engagement"], "risk": "healthy", "level": "user", "admin": False,
            "active_day": ms(day) // DAY, "event": f"{user}-{day}", **given}  # fmt: skip
    return MemberFacts.of(user, "acme", ms(day), **made)


def read(logic: AccountsLogic, value: bytes | None) -> Any:
    (found,) = logic.read(Record("members", 0, 0, START, b"acme", value))
    return found


class Acme:
    """An account fed with what is on its topic."""

    def __init__(self) -> None:
        self.logic = AccountsLogic(DEFINITION)
        self.entity = self.logic.new(b"acme")
        self.kept = Kept()
        self.outputs: list[dict[str, Any]] = []

    def take(self, *facts: MemberFacts, until: int) -> list[dict[str, Any]]:
        items = [read(self.logic, fact.to_json()).input for fact in facts]
        found = self.logic.advance(b"acme", self.entity, items, until, until, self.kept)
        self.kept.records.update({name: value for name, value in found.beside if value is not None})
        told = [orjson.loads(o.value) for o in found.outputs if o.value and o.topic == "transitions.account"]
        self.outputs += told
        return told

    def members(self, until: int) -> Any:
        head = self.entity.head
        assert head is not None
        return self.logic.fold.terms.terms["members"].value.of(head, until, until // DAY)


# --- reading ---


def test_facts_come_in_the_order_that_the_quick_look_knows() -> None:
    """In another order they are read too, at twice the cost."""
    person = Person(DEFINITION)
    person.event("Signed Up", 0)
    person.use(1)
    assert person.facts
    assert all(list(fact) == WRITTEN for fact in person.facts)


def test_fields_that_a_newer_writer_adds_are_passed_over() -> None:
    logic = AccountsLogic(DEFINITION)
    made = orjson.loads(told().to_json())
    plain = read(logic, orjson.dumps({name: made[name] for name in WRITTEN}))
    more = read(logic, orjson.dumps({name: made[name] for name in WRITTEN} | {"mood": "fine"}))
    assert (plain.key, plain.at, plain.input.row()) == (more.key, more.at, more.input.row())


def test_a_fact_and_an_event_are_told_apart() -> None:
    logic = AccountsLogic(DEFINITION)
    fact = read(logic, told().to_json())
    assert isinstance(fact, Ok)
    assert (fact.key, fact.at, fact.input.user) == (b"acme", START, "ann")
    event = read(logic, orjson.dumps({"id": "e", "event": "Invoice Paid", "account": "acme", "at": START // 1000}))
    assert isinstance(event, Ok)
    assert event.input.id == "e"


def test_a_fact_taken_back_is_a_retraction() -> None:
    fact = told()
    fact.valid = False
    assert read(AccountsLogic(DEFINITION), fact.to_json()).input == Retract(START, fact.id)


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b'{"fact":7}', "wrong_type"), (b'{"fact":"x"}', "wrong_type"), (b'{"fact":', "wrong_type"), (None, "no_value"),
     (b"{}", "bad_time")],
)  # fmt: skip
def test_what_is_neither_is_a_dead_letter(value: bytes | None, reason: str) -> None:
    found = read(AccountsLogic(DEFINITION), value)
    assert isinstance(found, Dead)
    assert found.reason == reason


def test_an_event_without_an_account_is_refused() -> None:
    found = read(AccountsLogic(DEFINITION), orjson.dumps({"id": "e", "event": "X", "user": "u", "at": START // 1000}))
    assert isinstance(found, Dead)
    assert found.reason == "missing_entity"


# --- waiting ---


def test_an_input_waits_until_the_watermark_is_past_it_by_the_disorder() -> None:
    acme = Acme()
    assert acme.take(told(), until=START + DISORDER - 1) == []
    assert acme.logic.deadline(acme.entity) == START + DISORDER
    assert [t["name"] for t in acme.take(until=START + DISORDER)] == ["begins"] * 3


def test_inputs_that_waited_fold_in_the_order_of_event_time() -> None:
    straight, mixed = Acme(), Acme()
    facts = [told("ann", 0), told("bob", 0.00001), told("cem", 0.00002)]
    end = ms(1)
    for fact in facts:
        straight.take(fact, until=fact.at + DISORDER)
    straight.take(until=end)
    mixed.take(*reversed(facts), until=START)
    mixed.take(until=end)
    assert [t["id"] for t in mixed.outputs] == [t["id"] for t in straight.outputs]
    assert all(t["origin"] != "correction" for t in mixed.outputs)


def test_a_waiting_input_survives_a_restart() -> None:
    acme = Acme()
    acme.take(told(), until=START)
    acme.entity = acme.logic.load(b"acme", acme.logic.dump(acme.entity))
    assert acme.logic.deadline(acme.entity) == START + DISORDER
    assert acme.take(until=START + DISORDER)


def test_many_that_wait_are_kept_in_order_of_time_however_they_came() -> None:
    straight, mixed = Acme(), Acme()
    facts = [told(f"u{n}", n / 100_000) for n in range(40)]
    straight.take(*facts, until=START)
    for some in (facts[1::2], facts[2::4], facts[::2], facts[:9]):  # most of them late, and some again
        mixed.take(*some, until=START)
        mixed.logic.dump(mixed.entity)  # what is written once and goes on waiting is not written anew
    assert mixed.logic.dump(mixed.entity) == straight.logic.dump(straight.entity)
    mixed.entity = mixed.logic.load(b"acme", mixed.logic.dump(mixed.entity))
    assert mixed.logic.dump(mixed.entity) == straight.logic.dump(straight.entity)
    assert [t["id"] for t in mixed.take(until=ms(1))] == [t["id"] for t in straight.take(until=ms(1))]
    assert mixed.members(ms(1)) == 40
    assert mixed.logic.counts["duplicate", "input"] == 0


def test_an_account_that_nothing_came_of_yet_has_no_other_deadline() -> None:
    assert AccountsLogic(DEFINITION).deadline(Acme().entity) == NEVER


# --- members ---


def test_a_fact_taken_back_before_its_time_never_was() -> None:
    acme = Acme()
    fact, gone = told("ann"), told("ann")
    gone.valid = False
    acme.take(told("bob"), fact, until=START)
    acme.take(gone, until=START)
    acme.take(until=ms(0.5))
    assert acme.members(ms(0.5)) == 1


def test_a_fact_taken_back_after_it_counted_is_corrected() -> None:
    acme = Acme()
    fact, gone = told("ann"), told("ann")
    gone.valid = False
    acme.take(told("bob"), fact, until=ms(0.01))
    assert acme.members(ms(0.01)) == 2
    acme.take(gone, until=ms(0.02))
    assert acme.members(ms(0.02)) == 1
    assert acme.logic.counts["refolds", ""] == 1


def test_a_fact_taken_back_and_said_again_counts() -> None:
    acme = Acme()
    gone = told("ann")
    gone.valid = False
    acme.take(told("ann"), until=ms(0.01))
    acme.take(gone, told("ann"), until=ms(0.02))
    assert acme.members(ms(0.02)) == 1


def test_a_fact_taken_back_too_late_is_counted() -> None:
    acme = Acme()
    gone = told("ann")
    gone.valid = False
    acme.take(told("ann"), until=ms(0.01))
    acme.take(until=ms(3))
    acme.take(gone, until=ms(3))
    assert acme.logic.counts["late", "retraction"] == 1
    assert acme.members(ms(3)) == 1


ODD: list[Any] = [None, True, 1, -1, 1.5, "", "x", "user", [], ["x"], [1], [None], {}, {"a": 1}]


@pytest.mark.parametrize("field", WRITTEN)
@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("order", [WRITTEN, ["fact", *sorted(WRITTEN[1:])]], ids=["as written", "another order"])
def test_facts_are_read_exactly_where_their_record_says_they_can_be(field: str, value: Any, order: list[str]) -> None:
    """The quick look of the account at a fact takes nothing that the record's own reader refuses, and nothing else out of it."""
    made = orjson.loads(told().to_json()) | {field: value}
    said = orjson.dumps({name: made[name] for name in order})
    found = read(AccountsLogic(DEFINITION), said)
    if isinstance(found, Dead):
        assert found.reason == "wrong_type"
        with pytest.raises(ValueError, match=f"^{re.escape(found.detail)}$"):
            MemberFacts.from_json(said)
        return
    facts = MemberFacts.from_json(said)
    assert (type(found), found.key, found.at) == (Ok, facts.account.encode(), facts.at)
    if facts.valid:
        fact = found.input
        assert (fact.id, fact.user, fact.event) == (facts.fact, facts.user, facts.event)
        assert fact.member.row()[:6] == [
            facts.active_day, facts.stage, facts.reached, facts.risk, facts.level, facts.admin
        ]  # fmt: skip


def test_members_stand_beside_the_account_once_they_have_settled() -> None:
    acme = Acme()
    acme.take(told("ann"), told("bob"), until=ms(0.01))
    acme.take(until=ms(2))
    assert acme.kept.records == {}  # closed, but the settled state is not written for two
    acme.take(*(told(name, 3) for name in ("cid", "dee", "eve")), until=ms(3.1))
    acme.take(until=ms(5))
    assert sorted(acme.kept.records) == [b"m:ann", b"m:bob", b"m:cid", b"m:dee", b"m:eve"]
    assert b"ann" not in acme.logic.dump(acme.entity).replace(b"ann-0", b"")


def test_a_settled_member_moves_from_where_it_stood() -> None:
    acme = Acme()
    acme.take(told("ann", stage="engagement"), until=ms(0.01))
    acme.take(until=ms(2))
    acme.take(told("ann", 3, stage="adoption"), until=ms(3.1))
    assert acme.members(ms(3.1)) == 1


def mornings(customer: Customer) -> set[str]:
    return {s["as_of"] for s in customer.snapshots if s["as_of"].endswith("T00:00:00.000Z")}


def test_an_account_is_written_down_every_morning_while_something_is_heard_of_it() -> None:
    customer = Customer(DEFINITION)
    customer.event("Subscription Created", 0.5, seats=3, mrr=100)
    customer.wait(10)
    assert len(mornings(customer)) == 10
    customer.wait(200)
    assert len(mornings(customer)) == 36  # silent for 35 days: the windows of a month are empty


def test_traits_of_a_person_are_not_the_accounts() -> None:
    customer = Customer(DEFINITION)
    customer.event("NPS Answered", 0, traits={"name": "Ann", "owner": "x"}, score=9)
    customer.event("Account Identified", 1, type="group", traits={"name": "Acme", "owner": "kim"})
    customer.event("Subscription Created", 2, seats=3)
    assert customer.transitions[0]["carry"] == {}
    assert customer.transitions[-1]["carry"]["name"] == "Acme"
