"""Sign-ups from a customer's domain: an event that names no account is looked for at the domain of who did it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.event import Event
from schemas.sources import canonical
from streams.delivery.contracts import Ok, Output, Record, Redirect
from streams.journey.accounts import AccountsLogic
from streams.journey.identity import company_domain
from streams.journey.users import Decoder, UsersLogic
from streams.replay.run import CHUNK, Replay
from tests.streams.journey.harness import DAY, START

TEXT = """\
language: 1
definition: domains
version: 1
clock: {timezone: UTC, grace: 1h, wall: off}
events:
  signed_up: {name: Signed Up}
  every: {type: [track, identify, group]}
user:
  activity: every
  measures: {ever: {count: every}}
  stage:
    states: [new, regular]
    transitions: [{name: returns, from: new, to: regular, when: ever >= 2}]
account:
  from_domain: [signed_up]
  measures:
    members:  {members: {}}
    sign_ups: {count: signed_up, within: 30d}
  stage:
    states: [small, large]
    transitions: [{name: grows, from: small, to: large, when: members >= 9}]
  expansion:
    states: [none, ready]
    transitions:
      - {name: they come by themselves, from: none, to: ready, when: sign_ups >= 3}
      - {name: cooled, from: ready, to: none, when: sign_ups == 0}
"""


def domains(key: bool = True) -> Definition:
    return parse(TEXT if key else TEXT.replace("  from_domain: [signed_up]\n", ""))


def record(topic: str = "app", **said: Any) -> Record:
    event = {"id": "e1", "event": "Signed Up", "user": "u1", "at": START // 1000, **said}
    return Record(topic, 0, 0, START, None, orjson.dumps(event))


def mail(address: Any) -> dict[str, Any]:
    return {"traits": {"email": address}}


def to_accounts(outcomes: list[Any]) -> list[tuple[bytes, str]]:
    """Key and reason of what goes to an account."""
    found = [o for o in outcomes if isinstance(o, Redirect) and o.output.topic == "members"]
    return [(o.output.key or b"", o.reason) for o in found]


# --- routing ---


@pytest.mark.parametrize(
    ("said", "domain"),
    [
        (mail("Ada@Acme.com"), "acme.com"),
        (mail("ada@mail.acme.com"), "mail.acme.com"),
        ({"user": "ada@acme.com"}, "acme.com"),
        ({"user": "email:ada@acme.com"}, "acme.com"),
        ({"user": "ada@other.com", **mail("ada@acme.com")}, "acme.com"),
        ({"user": None, "anonymous": "c1", **mail("ada@acme.com")}, "acme.com"),
        (mail("ada@gmail.com"), None),
        (mail("ada@gmail.com") | {"user": "ada@acme.com"}, None),
        (mail("no address"), None),
        (mail(7), None),
        (mail("null@acme.com"), None),
        ({}, None),
        ({"type": "group", **mail("ada@acme.com")}, None),
    ],
)
def test_the_domain_is_that_of_the_address_and_a_mail_host_is_nobody(said: dict[str, Any], domain: str | None) -> None:
    (event,) = canonical.decode(record(**said).value)
    assert isinstance(event, Event)
    assert company_domain(event) == domain
    expected = [] if domain is None else [(domain.encode(), "domain")]
    assert to_accounts(Decoder(domains(), "canonical").route(record(**said))) == expected


def test_the_decode_agent_and_the_fast_path_send_the_same_to_accounts() -> None:
    logic = UsersLogic(domains(), {"app": "canonical"})
    for said in (mail("ada@acme.com"), mail("ada@gmail.com"), {"account": "a1"}, {"event": "Coffee Ordered"}):
        routed = Decoder(domains(), "canonical").route(record(**said))
        read = logic.read(record(**said))
        assert [o for o in routed if to_accounts([o])] == [o for o in read if to_accounts([o])]


def test_the_user_s_own_event_stays_without_an_account_and_the_account_s_names_the_domain() -> None:
    own, copy = UsersLogic(domains(), {"app": "canonical"}).read(record(**mail("ada@acme.com")))
    assert isinstance(own, Ok)
    assert (own.key, own.input.account) == (b"u1", None)
    assert isinstance(copy, Redirect)
    (heard,) = AccountsLogic(domains()).read(Record("members", 0, 0, START, copy.output.key, copy.output.value))
    assert isinstance(heard, Ok)
    assert (heard.key, heard.input.attrs, heard.input.names) == (b"acme.com", None, None)


def test_an_event_that_names_an_account_is_that_account_s_alone() -> None:
    found = Decoder(domains(), "canonical").route(record(account="a1", **mail("ada@acme.com")))
    assert to_accounts(found) == [(b"a1", "account")]


def test_other_events_and_other_definitions_are_routed_as_ever() -> None:
    assert to_accounts(Decoder(domains(), "canonical").route(record(event="Paid", **mail("ada@acme.com")))) == []
    assert to_accounts(Decoder(domains(key=False), "canonical").route(record(**mail("ada@acme.com")))) == []


# --- what accounts make of it ---


def sign_up(n: int, day: float, host: str = "acme.com") -> dict[str, Any]:
    return {"id": f"s{n}", "event": "Signed Up", "user": f"u{n}", "at": START / 1000 + day * 86_400,
            **mail(f"u{n}@{host}")}  # fmt: skip


def link(day: float) -> dict[str, Any]:
    """A group call that says whose domain acme.com is."""
    return {"id": "link", "event": "Group", "type": "group", "user": "admin", "account": "a1",
            "at": START / 1000 + day * 86_400, "traits": {"domain": "acme.com"}}  # fmt: skip


def run(
    events: list[dict[str, Any]], until: float = 20, chunk: int = CHUNK
) -> tuple[Replay, dict[str, int | None], list[dict[str, Any]]]:
    """Replayed; {account: sign-ups it counts}; the moves of expansion that stand."""
    published: list[Output] = []
    replay = Replay(domains(), "canonical", published.append, chunk)
    replay.run([orjson.dumps(event) for event in events], START + round(until * DAY))
    counted = {
        one["entity"]: one["measures"]["sign_ups"]
        for one in map(orjson.loads, replay.standing())
        if one["kind"] == "account"
    }
    said = [orjson.loads(output.value or b"") for output in published if output.topic == "transitions.account"]
    newest = {one["id"]: one for one in said if one["machine"] == "expansion"}
    return replay, counted, [one for one in newest.values() if one["valid"]]


def test_sign_ups_of_a_linked_domain_are_counted_by_the_account() -> None:
    _, counted, moves = run([link(0), sign_up(1, 1), sign_up(2, 2), sign_up(3, 3, "gmail.com")])
    assert counted == {"a1": 2}
    assert [move["name"] for move in moves] == ["begins"]
    _, counted, moves = run([link(0), sign_up(1, 1), sign_up(2, 2), sign_up(3, 3)])
    assert counted == {"a1": 3}
    assert (moves[-1]["entity"], moves[-1]["name"], moves[-1]["cause"]) == (
        "a1", "they come by themselves", {"event": "s3"},
    )  # fmt: skip
    assert [row["value"] for row in moves[-1]["because"]] == [3]


@pytest.mark.parametrize("chunk", [1, 2, CHUNK])
def test_sign_ups_before_the_link_are_handed_over_and_those_after_it_are_passed_on(chunk: int) -> None:
    _, counted, moves = run([sign_up(1, 0), sign_up(2, 1), link(2), sign_up(3, 3)], chunk=chunk)
    assert counted == {"a1": 3}
    assert [(m["entity"], m["label"], m.get("into")) for m in moves if m["to"] is None] == [
        ("acme.com", "merged", "a1")
    ]
    assert [m["entity"] for m in moves if m["to"] == "ready"] == ["a1"]


def test_within_the_grace_period_the_order_of_arrival_does_not_matter() -> None:
    events = [sign_up(1, 1), sign_up(2, 1.01), link(1.02), sign_up(3, 1.03)]
    found = [run([link(0) | {"id": "first", "traits": {}}, *order])[1:] for order in permutations(events)]
    truth = [(counted, sorted((m["entity"], m["name"], m["at"]) for m in moves)) for counted, moves in found]
    assert truth[0][0] == {"a1": 3}
    assert all(one == truth[0] for one in truth)


def test_a_domain_that_nobody_linked_is_an_account_of_its_own_without_members() -> None:
    replay, counted, moves = run([sign_up(n, n) for n in range(3)])
    assert counted == {"acme.com": 3}
    assert moves[-1]["entity"] == "acme.com"
    (standing,) = (one for one in map(orjson.loads, replay.standing()) if one["kind"] == "account")
    assert standing["measures"]["members"] == 0


def test_a_sign_up_counts_for_thirty_days_and_once_however_often_it_comes() -> None:
    events = [link(0), sign_up(1, 1), sign_up(1, 1), sign_up(2, 1), sign_up(2, 1)]
    assert run(events)[1] == {"a1": 2}
    events.append(sign_up(3, 1))
    assert run(events, until=30.9)[2][-1]["to"] == "ready"
    cooled = run(events, until=31.1)[2][-1]
    assert (cooled["name"], cooled["cause"]) == ("cooled", {"timer": "2024-01-09T00:00:00.000Z"})
