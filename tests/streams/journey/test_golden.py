"""What any version of the program wrote is read by this one, field by field, and lives on as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.journey.state import VERSION, load
from tests.streams.journey import golden
from tests.streams.journey.harness import Followed

FILES = sorted(golden.DATA.glob("*_state_*.json"))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def test_there_are_golden_bytes_of_every_version_up_to_this_one() -> None:
    names = {path.name for path in FILES}
    assert names == {f"{kind}_state_{n}.json" for kind in ("user", "account") for n in range(1, VERSION + 1)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_state_is_read_field_by_field(path: Path) -> None:
    kept = read(path)
    found = golden.fields(load(bytes.fromhex(kept["state"])))
    assert {name: found[name] for name in kept["fields"]} == kept["fields"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_state_written_again_by_this_version_is_the_same(path: Path) -> None:
    first = load(bytes.fromhex(read(path)["state"]))
    assert golden.fields(load(first.dump())) == golden.fields(first)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_entity_of_any_version_lives_on_as_one_that_was_never_written_down(path: Path) -> None:
    kept = read(path)
    lived: Followed = golden.user() if path.stem.startswith("user") else golden.account()
    again: Followed = type(lived)(golden.definition(), kept["key"])
    again.entity = again.logic.load(kept["key"].encode(), bytes.fromhex(kept["entity"]))
    again.kept.records = {name.encode(): value.encode() for name, value in kept["beside"].items()}
    again.count, again.lag = lived.count, lived.lag
    before = len(lived.transitions), len(lived.alerts)
    opened = {name: found[0] for name, found in load(bytes.fromhex(kept["state"])).alerts.items() if found[0]}
    day = 200.0
    for followed in (lived, again):
        for step in range(4):
            followed.event(["Report Created", "Subscription Ended"][step % 2], day + step, feature=f"n{step}")
        followed.wait(day + 100)
    assert again.transitions == lived.transitions[before[0] :]
    assert [nameless(a) for a in again.alerts] == [nameless(a) for a in lived.alerts[before[1] :]]
    ended = {a["name"]: a["opens"] for a in reversed(again.alerts) if a["status"] != "opened"}
    assert {name: ended.get(name) for name in opened} == opened
    assert len(again.transitions) >= 2


def nameless(alert: dict[str, Any]) -> dict[str, Any]:
    """Without the ids of its life: they are of the words that an earlier program opened it with."""
    return {key: value for key, value in alert.items() if key not in ("id", "opens")}


def test_a_version_adds_fields_and_takes_none_away() -> None:
    for path in FILES:
        assert set(read(path)["fields"]) <= set(golden.FIELDS)
