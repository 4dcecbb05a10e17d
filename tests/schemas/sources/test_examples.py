"""Every source: its published examples, each way of its precedence in its turn, and what its registry entry says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import pytest

from schemas.event import Event
from schemas.sources import REGISTRY, decode
from schemas.sources.outcome import Failure
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.vendor import Proof, Source
from schemas.vocabulary import NAMES
from tests.schemas.sources.collected import EXAMPLES, FULL
from tests.schemas.sources.examples import RECORD_TIME, Example, Full, Given, changed, encoded, without

WHO = ("user", "anonymous", "account")
NOBODY = ("missing_entity", "placeholder_id")

ATTRIBUTES = {"time": "at", "id": "id", "user": "user", "anonymous": "anonymous", "account": "account"}


@dataclass(frozen=True)
class Turn:
    """One way of one source, once the better ones lead nowhere."""

    full: Full
    field: str
    way: str

    def __str__(self) -> str:
        return f"{self.full.source}-{self.field}-{self.way}"


TURNS = [Turn(full, field, way) for full in FULL for field, ways in full.expect.items() for way in ways]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.source}-{e.address.rsplit('/', 1)[-1]}")
def test_a_published_example_is_read_as_what_it_says(example: Example) -> None:
    found = decode(example.source, encoded(example.record), None, example.headers, RECORD_TIME)
    assert [type(outcome) for outcome in found] == [Event] * len(example.events), found
    for event, expected in zip(found, example.events, strict=True):
        assert isinstance(event, Event)
        told = event._asdict()
        for name, value in expected.items():
            if name in ("properties", "traits"):
                told[name] = {key: told[name].get(key) for key in value}
            assert told[name] == value, (name, told)
        assert event.source == example.source


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_each_way_is_taken_when_the_better_ones_lead_nowhere(turn: Turn) -> None:
    assert told(turn, 0) == value_of(turn.full.expect[turn.field][turn.way])


def told(turn: Turn, after: int) -> Any:
    """What the event says once all ways before the one of this turn, and `after` more, are taken out."""
    ways = list(turn.full.expect[turn.field])
    expected = turn.full.expect[turn.field][turn.way]
    message = turn.full.message
    for better in ways[: ways.index(turn.way) + after]:
        message = without(message, better)
    if isinstance(expected, Given) and not after:
        message = changed(message, expected.changes)
    elif after:
        message = changed(message, turn.full.companion.get(turn.field, {}))
    found = decode(turn.full.source, turn.full.record(message), None, turn.full.headers, RECORD_TIME)
    if isinstance(found[0], Failure):
        return None if turn.field in WHO and found[0].reason in NOBODY else found[0].reason
    assert isinstance(found[0], Event)
    return getattr(found[0], ATTRIBUTES[turn.field])


def value_of(expected: Any) -> Any:
    return expected.value if isinstance(expected, Given) else expected


LAST = [Turn(full, field, list(ways)[-1]) for full in FULL for field, ways in full.expect.items()]


@pytest.mark.parametrize("turn", LAST, ids=str)
def test_a_field_to_which_no_way_leads_is_not_made_up(turn: Turn) -> None:
    if turn.way == RECORD:
        return  # every record has a timestamp of its own
    found = told(turn, 1)
    if turn.field == "id":
        assert isinstance(found, str)
        assert len(found.split("/")[0]) == 32  # the hash of what the message says
    else:
        assert found == ("bad_time" if turn.field == "time" else None)


@pytest.mark.parametrize("full", FULL, ids=lambda full: full.source)
def test_every_way_of_a_precedence_has_its_turn(full: Full) -> None:
    source = next(source for source in REGISTRY if source.name == full.source)
    for field in ATTRIBUTES:
        assert tuple(full.expect.get(field, ())) == getattr(source.precedence, field), field


@pytest.mark.parametrize("source", REGISTRY, ids=lambda source: source.name)
def test_a_source_says_what_there_is_to_know_of_it(source: Source) -> None:
    assert source.title
    assert source.order
    assert source.cannot
    assert source.proven in get_args(Proof)
    assert isinstance(source.precedence, Precedence)
    assert set(source.names.values()) <= set(NAMES)


@pytest.mark.parametrize("source", REGISTRY, ids=lambda source: source.name)
def test_a_source_that_is_proven_by_an_example_has_it_here_with_its_address(source: Source) -> None:
    addresses = {example.address for example in EXAMPLES if example.source == source.name}
    assert source.example in addresses or source.proven == "own reading"
    assert source.name in {full.source for full in FULL}
