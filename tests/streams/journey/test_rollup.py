"""Rollups: members counted by what they are and when they were last active, at a cost that no account's size changes."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from schemas.definition.model import MemberFilter
from streams.journey.accounts import AccountsLogic
from streams.journey.changes import Fact
from streams.journey.rollup import Member, Rollups, next_change, selects, total
from streams.journey.timeline import CLOSED
from streams.replay.plant import Kept
from tests.streams.journey.harness import DAY, START, Customer
from tests.streams.journey.small import STAGE, small

_ACCOUNT = """\
levels:
  trait: title
  executive: ["chief *"]
  admin: {trait: role, is: [admin]}
account:
  activity: members
  measures:
    all:     {members: {}}
    weekly:  {members: {active_within: 7d}}
    monthly: {members: {active_within: 28d}}
    second:  {members: {stage: second}}
    champs:  {members: {reached: second, active_within: 7d}}
    bosses:  {members: {level: executive}}
    admins:  {members: {admin: true}}
  stage:
    states: [empty, some, many]
    transitions:
      - {name: some, from: empty, to: some, when: weekly >= 1}
      - {name: many, from: some, to: many, when: weekly >= 3}
"""
TODAY = START // DAY


def definition() -> Any:
    return small(rest=STAGE, tail=_ACCOUNT)


def rollups() -> Rollups:
    account = definition().account
    assert account is not None
    return Rollups(account)


def member(day: int | None = TODAY, **given: Any) -> Member:
    return Member(**{"day": day, "stage": "first", "reached": ("first",), "risk": None, "level": "user", "admin": False,
                     **given})  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "given", "selected"),
    [
        (MemberFilter(), {}, True),
        (MemberFilter(stage=("second",)), {}, False),
        (MemberFilter(stage=("first", "second")), {}, True),
        (MemberFilter(reached=("first",)), {"stage": "second", "reached": ["first", "second"]}, True),
        (MemberFilter(reached=("third",)), {}, False),
        (MemberFilter(level=("executive",)), {"level": "unknown"}, False),
        (MemberFilter(admin=False), {}, True),
        (MemberFilter(admin=True), {}, False),
        (MemberFilter(risk=("at_risk",)), {}, False),
        (MemberFilter(risk=("at_risk",)), {"risk": "at_risk"}, True),
    ],
)
def test_a_filter_selects_members_by_what_they_are(wanted: MemberFilter, given: dict[str, Any], selected: bool) -> None:
    assert selects(wanted, member(**given)) is selected


def test_filters_that_differ_in_their_window_alone_share_a_rollup() -> None:
    assert rollups().index(MemberFilter(active_within=7 * DAY)) == rollups().index(MemberFilter())
    assert len(rollups().bases) == 5


def test_rollups_are_what_a_count_over_all_members_would_be() -> None:
    luck, found, kept = random.Random(1), rollups(), rollups().fresh()
    people: dict[str, Member] = {}
    for step in range(600):
        today = TODAY + step // 10
        user = f"u{luck.randrange(20)}"
        old = people.get(user)
        new = member(
            luck.choice([today, today, None if old is None else old.day]), stage=luck.choice(["first", "second"]),
            level=luck.choice(["user", "executive"]), admin=luck.random() < 0.3,
        )  # fmt: skip
        found.move(kept, old, new, today)
        people[user] = new
        for k, base in enumerate(found.bases):
            inside = [m for m in people.values() if selects(base, m)]
            assert total(kept[k], None) == len(inside)
            for days in (7, 28):
                active = [m for m in inside if m.day is not None and m.day > today - days]
                assert total(kept[k], today - days) == len(active)


def test_days_that_no_window_reaches_are_forgotten() -> None:
    found, kept = rollups(), rollups().fresh()
    for n in range(1_000):
        found.move(kept, None, member(TODAY + n), TODAY + n)
    assert len(kept[0][1]) <= 28 + 8
    assert total(kept[0], None) == 1_000


def test_a_rollup_says_on_which_day_the_next_member_slides_out() -> None:
    kept = [2, {TODAY: 1, TODAY + 3: 1}]
    assert next_change(kept, TODAY - 1, 7) == TODAY + 7
    assert next_change(kept, TODAY, 7) == TODAY + 10
    assert next_change(kept, TODAY + 3, 7) is None


# --- in an account ---


def test_members_measures_move_with_facts_and_with_time() -> None:
    customer = Customer(definition())
    customer.member("ann", 0, stage="first")
    customer.member("bob", 1, stage="second", level="executive", admin=True)
    assert _values(customer, 1) == {
        "all": 2, "weekly": 2, "monthly": 2, "second": 1, "champs": 1, "bosses": 1, "admins": 1,
    }  # fmt: skip
    assert _values(customer, 7) == {**_values(customer, 1), "weekly": 1}
    assert _values(customer, 40) == {**_values(customer, 1), "weekly": 0, "monthly": 0, "champs": 0}


def test_a_newer_fact_replaces_the_older_one_and_keeps_the_newest_day() -> None:
    customer = Customer(definition())
    customer.member("ann", 3, stage="second")
    customer.member("ann", 4, active=False, stage="first")
    assert _values(customer, 9)["weekly"] == 1
    assert _values(customer, 9)["second"] == 0


def _values(customer: Customer, day: float) -> dict[str, Any]:
    fold, head = customer.logic.fold, customer.entity.head
    now = START + round(day * DAY)
    return {name: term.value.of(head, now, fold.calendar.day(now)) for name, term in fold.terms.terms.items()}


class Counted:
    """What stands beside an account, and how often something of it is read. Compiled, Kept takes no heirs."""

    def __init__(self) -> None:
        self._kept = Kept()
        self.records = self._kept.records
        self.all = self._kept.all
        self.reads = 0

    def get(self, name: bytes) -> bytes | None:
        self.reads += 1
        return self._kept.get(name)


def filled(size: int) -> tuple[AccountsLogic, Any, Counted]:
    """An account with so many settled members, active over a month."""
    logic, kept = AccountsLogic(definition()), Counted()
    entity = logic.new(b"acme")
    for begin in range(0, size, 1_000):
        at = START + 28 * DAY * begin // size
        facts = [
            Fact(at, f"f{n:06}", f"u{n}", member(at // DAY), None) for n in range(begin, min(begin + 1_000, size))
        ]  # fmt: skip
        advanced = logic.advance(b"acme", entity, facts, at + 4_000, 0, kept)
        kept.records.update({name: value for name, value in advanced.beside if value is not None})
    end = START + 28 * DAY + 3 * 3_600_000
    advanced = logic.advance(b"acme", entity, [], end, 0, kept)
    kept.records.update({name: value for name, value in advanced.beside if value is not None})
    return logic, entity, kept


@pytest.mark.parametrize("size", [100, 100_000])
def test_what_one_fact_costs_does_not_depend_on_the_size_of_the_account(size: int) -> None:
    """The work is counted, not timed: records read and written beside the account, and bytes of its own record."""
    logic, entity, kept = filled(size)
    settled = _settled(logic, entity, kept, size)
    before = kept.reads
    at = START + 29 * DAY
    written: list[bytes] = []
    for n in range(CLOSED + 1):
        fact = Fact(at + 3 * n * DAY, f"late-{n}", "u7", member(at // DAY + 3 * n, stage="second"), None)
        logic.advance(b"acme", entity, [fact], fact.t + 4_000, 0, kept)
        assert kept.reads - before <= 3
        later = logic.advance(b"acme", entity, [], fact.t + 2 * DAY, 0, kept)
        written += [name for name, _ in later.beside]
        before = kept.reads
    assert written == [b"m:u7"]
    assert len(entity.dump()) < 12_000
    assert settled == size
    head = entity.head
    assert head is not None
    assert len(head.rollups[0][1]) <= 40


def _settled(logic: AccountsLogic, entity: Any, kept: Counted, size: int) -> int:
    """Members that stand beside the account as records of their own, or are still in its overlay."""
    names = {name for name in kept.records if name.startswith(b"m:")} | {b"m:" + u.encode() for u in entity.overlay}
    assert all(isinstance(orjson.loads(value), list) for value in kept.records.values())
    return len(names)
