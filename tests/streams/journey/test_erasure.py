"""Erasure: who is erased is no more, leaves its accounts, takes its other names along, and is not brought back by the past."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.event import Event
from streams.delivery.contracts import Dead, Record
from streams.journey.erasure import request
from streams.journey.members import Settled
from streams.replay.plant import Plant
from tests.model.driver import Driven, reload
from tests.strategies.histories import HOUR, Turn
from tests.streams import linked

DEFINITION = linked.definition("2h", forget=False)
START = linked.BEGIN


def at(hours: float) -> int:
    return START + round(hours * HOUR)


class World:
    """Events and requests in, by the hour; everything that the engine keeps and says, out."""

    def __init__(self) -> None:
        self.driven = Driven(DEFINITION)
        self._n = 0

    def event(self, hours: float, user: str | None = "ann", until: float | None = None, **given: Any) -> str:
        self._n += 1
        event = Event(f"e{self._n}", "Alpha", given.pop("type", "track"), at(hours), user=user, **given)
        self.driven.turn(Turn((event,), at(hours if until is None else until), False))
        return event.id

    def erase(self, hours: float, key: str = "ann", kind: str = "user", at_once: bool = True, name: str = "r1") -> None:
        self.driven.turn(Turn((), at(hours), False, ((kind, request(name, at(hours), key, at_once)),)))

    def wait(self, hours: float) -> None:
        self.driven.turn(Turn((), at(hours), False))

    def steps(self, entity: str) -> list[tuple[str | None, str | None, str | None]]:
        found = [t for t in self.driven.published.valid() if t["entity"] == entity and t["machine"] == "stage"]
        return [(t["from"], t["to"], t["label"]) for t in found]

    def counted(self, name: str, label: str) -> int:
        return self.driven.users.logic.counts[name, label]

    def kept(self) -> str:
        """All bytes that the engine still holds, apart from what it keeps under hashes."""
        return "\n".join(held for plant in (self.driven.users, self.driven.accounts) for held in holdings(plant))


def holdings(plant: Plant | None) -> list[str]:
    assert plant is not None
    found = []
    for key, entity in plant.entities.items():
        payload = plant.logic.dump(entity)
        if payload:
            beside = plant.beside(key).records
            found += [key.decode(), repr(payload), *(repr(pair) for pair in beside.items())]
    return found


def members(world: World, account: str) -> set[str]:
    plant = world.driven.accounts
    assert plant is not None
    entity = plant.entities.get(account.encode())
    if entity is None:
        return set()
    settled = Settled(plant.beside(account.encode()))
    plant.logic.timeline.wake(entity, settled)
    found = {user: settled.get(user) for user in settled.users()} | dict(entity.overlay)
    return {user for user, member in found.items() if member is not None and member.life >= 0}


@pytest.fixture
def world() -> World:
    return World()


def test_an_erased_user_ends_in_every_machine_with_the_request_as_the_cause_and_nothing_carried(world: World) -> None:
    world.event(0, account="a1")
    world.event(1, account="a1")
    world.erase(2)
    ends = [t for t in world.driven.published.valid() if t["entity"] == "ann" and t["to"] is None]
    assert {t["machine"] for t in ends} == {"stage", "risk"}
    for t in ends:
        assert (t["label"], t["cause"], t["evidence"], t["carry"]) == ("erased", {"erasure": "r1"}, [], {})
        assert t["at"].startswith("2024-03-23T10:00")


@pytest.mark.parametrize("at_once", [True, False])
def test_nothing_of_an_erased_user_stays(world: World, at_once: bool) -> None:
    world.event(0, account="a1")
    world.event(1, account="a1")
    world.event(1, "bob", account="a1")
    world.erase(2, at_once=at_once)
    if not at_once:
        assert "ann" in world.kept(), "until the grace period is over, late events have their place"
        world.wait(5)
    assert "ann" not in world.kept()
    assert "bob" in world.kept()
    assert members(world, "a1") == {"bob"}


def test_an_account_no_longer_counts_a_member_who_was_erased(world: World) -> None:
    for user in ("ann", "bob"):
        world.event(0, user, account="a1")
        world.event(1, user, account="a1")
    world.wait(1.5)
    assert world.steps("a1")[-1][1] == "large"
    world.erase(2)
    world.wait(2.5)
    assert world.steps("a1")[-1][:2] == ("large", "small")


@pytest.mark.parametrize("at_once", [True, False])
def test_what_happened_before_an_erasure_and_comes_late_brings_nobody_back(world: World, at_once: bool) -> None:
    world.event(0, account="a1")
    world.erase(2, at_once=at_once)
    world.wait(10)
    for hours in (0.5, 1.999):
        world.event(hours, account="a1", until=10)
    assert world.steps("ann")[-1] == ("new", None, "erased")
    assert world.counted("erased", "input") == 2
    assert members(world, "a1") == set()
    assert "ann" not in world.kept()


def test_what_happens_after_an_erasure_begins_afresh(world: World) -> None:
    for hours in (0, 1, 2, 3):
        world.event(hours, account="a1")
    world.erase(4)
    world.event(5, account="a1")
    assert world.steps("ann")[-2:] == [("loyal", None, "erased"), (None, "new", None)]
    world.event(1, account="a1", until=5)
    world.wait(5.1)
    assert world.steps("ann")[-1] == (None, "new", None), "an event from before does not count for the new life"
    assert members(world, "a1") == {"ann"}


def test_a_request_that_comes_again_changes_nothing(world: World) -> None:
    world.event(0, account="a1")
    world.erase(2)
    world.event(3, account="a1")
    world.wait(4)
    told = len(world.driven.published.transitions)
    for name in ("r1", "r2"):
        world.driven.turn(Turn((), at(4), False, (("user", request(name, at(2), "ann")),)))
    assert len(world.driven.published.transitions) == told
    assert world.counted("erased", "repeated") == 2


def test_somebody_unknown_can_be_erased_and_then_does_not_come_from_the_past(world: World) -> None:
    world.erase(2, "eve")
    world.event(1, "eve", until=2)
    assert world.steps("eve") == []
    world.event(3, "eve")
    assert world.steps("eve") == [(None, "new", None)]


def test_every_name_that_led_to_the_erased_one_is_erased_too(world: World) -> None:
    world.event(0, None, anonymous="cookie", account="a1")
    world.event(1, anonymous="cookie", type="identify", traits={"email": "ann@acme.test"}, account="a1")
    world.wait(1.5)
    world.erase(2)
    for name in ("ann", "cookie", "ann@acme.test"):
        assert name not in world.kept()
    world.event(1.2, None, anonymous="cookie", until=2)
    assert "cookie" not in world.kept()
    world.event(3, None, anonymous="cookie")
    assert world.steps("cookie")[-1] == (None, "new", None), "it forwards to nobody now"


def test_who_asks_by_another_name_of_a_person_erases_the_person(world: World) -> None:
    world.event(0, None, anonymous="cookie", account="a1")
    world.event(1, anonymous="cookie", type="identify", traits={"email": "ann@acme.test"}, account="a1")
    world.erase(2, "cookie")
    for name in ("ann", "cookie", "ann@acme.test"):
        assert name not in world.kept()
    assert world.steps("ann")[-1][2] == "erased"


def test_what_a_merged_name_corrects_later_does_not_reach_an_erased_survivor(world: World) -> None:
    world.event(0, None, anonymous="cookie")
    world.event(1, anonymous="cookie")
    world.driven.turn(Turn((), at(1.1), False, (("user", request("r1", at(1.1), "ann")),)))
    world.event(0.5, None, anonymous="cookie", until=1.2)
    world.wait(9)
    assert world.kept() == ""


@pytest.mark.parametrize("at_once", [True, False])
def test_an_erased_account_lets_its_members_go(world: World, at_once: bool) -> None:
    world.event(0, "ann", account="a1")
    world.event(0, "bob", account="a1")
    world.event(1, "bob", account="a2")
    world.wait(2)
    world.erase(2, "a1", "account", at_once)
    world.wait(9)
    assert world.steps("a1")[-1][2] == "erased"
    assert "a1" not in world.kept()
    assert members(world, "a2") == {"bob"}
    world.event(10, "ann")
    world.event(11, "ann")
    assert "a1" not in world.kept(), "a member's new stage is no news for an account that is gone"
    world.event(12, "ann", account="a1")
    world.wait(13)
    assert world.steps("a1")[-1] == (None, "small", None)
    assert members(world, "a1") == {"ann"}


def test_an_account_of_very_many_members_lets_them_go_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = world.driven.accounts
    assert accounts is not None
    monkeypatch.setattr(accounts.logic, "slice", 10)
    for n in range(35):
        world.event(n / 100, f"u{n:02}", account="a1")
    world.wait(3)
    world.erase(3, "a1", "account")
    reload(accounts)
    world.wait(9)
    assert "a1" not in world.kept()


def test_an_erasure_survives_a_restart(world: World) -> None:
    world.event(0, account="a1")
    world.event(1, account="a1")
    reload(world.driven.users)
    world.erase(2, at_once=False)
    reload(world.driven.users)
    world.event(0.5, account="a1", until=2.5)
    reload(world.driven.users)
    world.wait(9)
    assert "ann" not in world.kept()
    assert world.steps("ann")[-1][2] == "erased"


def test_no_event_of_a_source_can_ask_for_an_erasure(world: World) -> None:
    forged = request("r1", at(2), "ann").to_json()
    (outcome,) = world.driven.users.logic.read(Record("input", 0, 0, 0, b"ann", forged))
    assert isinstance(outcome, Dead)


@pytest.mark.parametrize("said", [b"5", b"[]", b'["x", true, ""]', b"null"])
def test_a_request_that_cannot_be_read_is_a_dead_letter(world: World, said: bytes) -> None:
    value = b'{"erase":"r1","t":1,"valid":true,"said":{"erase":%s}}' % said
    (outcome,) = world.driven.users.logic.read(Record("events", 0, 0, 0, b"ann", value))
    assert isinstance(outcome, Dead)


def test_a_request_is_one_that_is_read_back(world: World) -> None:
    told = orjson.loads(request("r1", at(2), "ann").to_json())
    assert told == {"erase": "r1", "t": at(2), "valid": True, "said": {"erase": [at(2), True, ""]}}
