"""Accounts that turn out to be one: the measures combine at once, the members follow in slices, later facts are passed on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streams.delivery.contracts import Output
from streams.journey.accounts import AccountsLogic
from streams.journey.members import Settled
from streams.journey.rollup import Member, selects
from streams.replay.plant import Plant
from tests.model.driver import Driven
from tests.strategies.histories import companies
from tests.strategies.links import linked_histories
from tests.streams.journey.test_redirect import World, counted


def rollups_are_a_fold_over_all_members(accounts: Plant) -> int:
    """What each living account counts, against counting its members one by one; returns how many accounts had any."""
    busy = 0
    for key, entity in accounts.entities.items():
        logic, settled = accounts.logic, Settled(accounts.beside(key))
        logic.timeline.wake(entity, settled)
        head = entity.head
        if head is None or head.begun < 0 or head.ended >= 0:
            continue
        members = {user: settled.get(user) for user in settled.users()} | entity.overlay
        here = [m for m in members.values() if m is not None and m.life == head.begun]
        busy += bool(here)
        for base, rollup in zip(logic.fold.terms.rollups.bases, head.rollups, strict=True):
            assert rollup[0] == sum(selects(base, member) for member in here)
    return busy


def test_a_merged_account_hands_its_members_over_and_says_when_it_is_done() -> None:
    town = World(grace="1h")
    for n in range(3):
        town.happens(n / 100, user=f"u{n}", account="crm-1")
    town.happens(1, user="u9", account="a1", type="group", traits={"crm_company": "crm-1"})
    town.passes(1.01)
    assert town.moves("crm-1") == [(None, "small"), ("small", "large"), ("large", None)]
    assert town.members("a1") == {"u9"}
    assert standing(town, "a1")["merging"] == ["crm-1"]
    town.passes(1.1)
    assert town.members("a1") == {"u0", "u1", "u2", "u9"}
    assert "merging" not in standing(town, "a1")
    assert town.moves("a1")[-1] == ("small", "large")
    assert rollups_are_a_fold_over_all_members(accounts(town)) == 1


def accounts(town: World) -> Plant:
    assert town.driven.accounts is not None
    return town.driven.accounts


def standing(town: World, account: str) -> dict[str, Any]:
    plant = accounts(town)
    told = plant.logic.standing(plant.entities[account.encode()])
    found: dict[str, Any] = orjson.loads(told or b"{}")
    return found


def test_members_come_in_slices_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AccountsLogic, "slice", 4)
    town = World(grace="1h")
    for n in range(11):
        town.happens(n / 1000, user=f"u{n:02}", account="crm-1")
    town.happens(1, user="u00", account="a1", type="group", traits={"crm_company": "crm-1"})
    sizes: list[int] = []
    for step in range(6):
        town.passes(1.05 + step / 1000)
        sizes.append(len(town.members("a1")))
    assert sizes == [4, 8, 11, 11, 11, 11]
    assert town.members("crm-1") == set()
    assert accounts(town).entities[b"crm-1"].handed == -1


def test_an_account_of_many_members_costs_one_slice_at_a_time() -> None:
    logic = AccountsLogic(counted("1h"))
    outputs = _handed_over(logic, 5_000)
    assert [len(slice_) for slice_ in outputs] == [
        1_000,
        1_000,
        1_000,
        1_000,
        1_001,
    ]  # the last one says that it is done


def _handed_over(logic: AccountsLogic, n: int) -> list[list[Output]]:
    """What an account with n members publishes, call by call, when it has been merged and its time has come."""
    plant = Plant(logic)
    entity = plant.entities[b"crm-1"] = logic.new(b"crm-1")
    kept = plant.beside(b"crm-1").records
    head = entity.head = logic.fold.fresh()
    head.into, head.ended, head.now = ["a1", "account", 1_000, 1, 7, "e1"], 1_000, 1_000
    entity.settled, entity.settled_to = head.dump(), 1_000
    for i in range(n):
        kept[b"m:u%05d" % i] = orjson.dumps(Member(None, "new", ("new",), None, "user", False, 7).row())
    found, until = [], 1_000_000
    while min(logic.deadline(entity), logic.settles(entity)) <= until:
        found.append(plant.feed([], until) if not found else [])
        advanced = logic.advance(b"crm-1", entity, [], until, until, plant.beside(b"crm-1"))
        found[-1] = advanced.outputs
        for name, value in advanced.beside:
            assert value is None
            del kept[name]
        until += 10
    assert not kept
    return found


def test_what_a_user_tells_the_old_account_reaches_the_new_one() -> None:
    town = World()
    town.happens(0, user="u1", account="crm-1")
    town.happens(1, user="u9", account="a1", type="group", traits={"crm_company": "crm-1"})
    for day in (2, 3, 4, 5):
        town.happens(day, user="u1", account="crm-1")
    town.passes(6)
    loyal = accounts(town).logic.fold.terms.terms["loyal"]
    head = accounts(town).entities[b"a1"].head
    assert head is not None
    assert loyal.value.of(head, head.now, 0) == 1
    assert town.members("a1") == {"u1", "u9"}


def test_a_newer_word_of_a_member_is_not_undone_by_the_one_that_is_handed_over() -> None:
    town = World(grace="1h")
    town.happens(0, user="u1", account="crm-1")
    town.happens(1, user="u9", account="a1", type="group", traits={"crm_company": "crm-1"})
    for hour in (1, 2, 3):
        town.happens(1 + hour / 100, user="u1", account="a1")  # told before the hour of grace is over
    town.passes(3)
    plant = accounts(town)
    loyal = plant.logic.fold.terms.terms["loyal"]
    head = plant.entities[b"a1"].head
    assert head is not None
    assert loyal.value.of(head, head.now, 0) == 1


def test_a_domain_a_payer_and_a_company_become_one_account() -> None:
    town = World(grace="1h")
    for n, name in enumerate(("acme.test", "stripe:cus_1", "crm-1")):
        town.happens(n / 10, user=f"u{n}", account=name)
    traits = {"domain": "acme.test", "stripe_customer": "cus_1", "crm_company": "crm-1"}
    town.happens(1, user="u9", account="a1", type="group", traits=traits)
    town.passes(2)
    assert town.members("a1") == {"u0", "u1", "u2", "u9"}
    assert [town.moves(name)[-1][1] for name in ("acme.test", "stripe:cus_1", "crm-1")] == [None, None, None]


def test_two_companies_at_one_domain_stay_two() -> None:
    town = World(grace="1h")
    town.happens(0, user="u1", account="a1", type="group", traits={"domain": "acme.test"})
    town.happens(1, user="u2", account="a2", type="group", traits={"domain": "acme.test"})
    town.passes(2)
    assert town.count("shared") > 0
    assert (town.members("a1"), town.members("a2")) == ({"u1"}, {"u2"})


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_after_any_merges_rollups_are_a_fold_over_all_members(data: st.DataObject) -> None:
    definition = data.draw(companies().filter(lambda d: d.account is not None))
    driven = Driven(definition)
    for turn in data.draw(linked_histories(definition)).turns:
        driven.turn(turn)
        assert driven.accounts is not None
        rollups_are_a_fold_over_all_members(driven.accounts)
