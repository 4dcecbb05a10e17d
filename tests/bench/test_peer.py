"""The Faust peer does the same work: by its rules and by ours, the same events move everybody alike, for the same reasons."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest

from deploy.demo.generator import segment_events
from schemas.definition.parse import load
from streams.delivery.contracts import Output
from streams.replay.run import Replay
from tests.bench.outputs import Moves, moves
from tests.bench.peer import accounts, users
from tests.bench.peer.levels import SAAS, level_of

Told = dict[str, Any]


class Peer:
    """Both of its agents without Faust, their tables as dictionaries: an account hears of everything in order."""

    def __init__(self) -> None:
        self.users: dict[str, Told] = {}
        self.accounts: dict[str, Told] = {}
        self.transitions: list[Told] = []
        self.alerts: list[Told] = []
        self.snapshots: dict[str, Told] = {}

    def take(self, event: Told) -> None:
        user, account = event["userId"], event["context"]["groupId"]
        out = users.advance(self.users.setdefault(user, users.fresh()), event, user)
        self.transitions += out.transitions
        if out.snapshot is not None:
            self.snapshots[user] = out.snapshot
        told = [*out.facts, *([event] if accounts.name_of(event) in accounts.EVENTS else [])]
        for message in told:
            self.take_account(account, message)

    def take_account(self, account: str, message: Told) -> None:
        out = accounts.advance(self.accounts.setdefault(account, accounts.fresh()), message, account)
        self.transitions += out.transitions
        self.alerts += out.alerts


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [value for _, value in segment_events(12_000, 1_000, 50, seed=3, days=2, jitter=0)]


@pytest.fixture(scope="module")
def peer(lines: list[bytes]) -> Peer:
    peer = Peer()
    for line in lines:
        peer.take(orjson.loads(line))
    return peer


@pytest.fixture(scope="module")
def ours(lines: list[bytes]) -> list[tuple[str, Told]]:
    found: list[tuple[str, Told]] = []
    Replay(load(SAAS), "segment", lambda output: found.append((output.topic, told(output)))).run(lines)
    return found


def told(output: Output) -> Told:
    value: Told = orjson.loads(output.value or b"null")
    return value


def test_both_move_every_machine_at_the_same_instants_for_the_same_reasons(
    peer: Peer, ours: list[tuple[str, Told]]
) -> None:
    records = [record for topic, record in ours if topic.startswith("transitions")]
    assert all(record["valid"] for record in records)
    assert moves(peer.transitions) == moves(records)
    firings = {(t["kind"], t["name"]) for t in peer.transitions}
    assert firings >= {
        ("user", "first value"),
        ("account", "evaluates"),
        ("account", "onboarded"),
        ("account", "blocked"),
    }


def test_accounts_stand_there_with_the_same_reasons_where_they_hear_in_order(
    peer: Peer, ours: list[tuple[str, Told]]
) -> None:
    def of_accounts(records: list[Told]) -> set[bytes]:
        return {
            orjson.dumps(
                [t["entity"], t["machine"], t["to"], t["at"], t["because"], t["dwell_s"], t["carry"]],
                option=orjson.OPT_SORT_KEYS,
            )
            for t in records
            if t["kind"] == "account"
        }

    assert of_accounts(peer.transitions) == of_accounts(
        [record for _, record in ours if "because" in record and "seq" in record]
    )


def test_both_open_the_same_alerts(peer: Peer, ours: list[tuple[str, Told]]) -> None:
    def opened(alerts: list[Told]) -> Counter[tuple[str, str, str]]:
        return Counter((a["name"], a["entity"], a["at"]) for a in alerts if a["status"] == "opened")

    assert opened(peer.alerts) == opened([record for topic, record in ours if topic == "alerts"])
    assert opened(peer.alerts)


def test_the_last_snapshots_of_users_say_the_same(peer: Peer, ours: list[tuple[str, Told]]) -> None:
    def shown(snapshot: Told) -> list[Any]:
        return [snapshot[name] for name in ("account", "machines", "signals")]

    last = {record["entity"]: record for topic, record in ours if topic == "state.user"}
    assert {user: shown(found) for user, found in peer.snapshots.items()} == {
        user: shown(found) for user, found in last.items()
    }


def test_titles_are_read_alike() -> None:
    assert level_of("VP Operations", "admin") == ("executive", True)
    assert level_of("Head of Analytics", "member") == ("manager", False)
    assert level_of(None, None) == ("unknown", False)


def test_another_reason_is_another_move() -> None:
    record = {
        "kind": "user", "entity": "u", "machine": "stage", "from": None, "to": "awareness", "name": "begins",
        "at": "2024-01-01T00:00:00.000Z", "because": [],
    }  # fmt: skip
    other = {**record, "because": [{"measure": "core_7", "value": 3}]}
    assert moves([record]) != moves([other])
    assert moves([record]) == Moves({next(iter(moves([record]).users))}, Counter())
