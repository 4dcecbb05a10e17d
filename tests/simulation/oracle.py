"""What must come out, computed from the source records alone: one after the other, no batches, no crashes, no Kafka."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.delivery.contracts import Beside, Output
from tests.simulation.toys import CountingUsers, FoldingAccounts

Event = tuple[bytes, bytes, int, int, bytes]
"""user, account, at, n, kind."""


class Names(dict[bytes, bytes]):
    """The records beside one entity."""

    def all(self) -> Iterable[bytes]:
        return self


class Sequential:
    """One entity after the other, one input at a time."""

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.outputs: list[Output] = []
        self.states: dict[bytes, bytes] = {}

    def run(self, key: bytes, inputs: list[Any], end: int) -> None:
        entity, names = self.logic.new(key), Names()
        alive = False
        for item in [*sorted(inputs), None]:
            taken, until = ([], end) if item is None else ([item], item[0])
            beside: Beside = names
            done = self.logic.advance(key, entity, taken, until, 0, beside)
            outputs, changes, ended = done.outputs, done.beside, done.ended
            self.outputs += outputs
            for name, value in changes:
                names[name] = value
            alive = not ended
            if ended:
                entity, names = self.logic.new(key), Names()
        if alive:
            self.states[key] = self.logic.dump(entity)


class Oracle:
    """Expected transitions, dead letters (how many) and final states of users and accounts."""

    def __init__(self, events: list[Event], end: int) -> None:
        users, accounts = Sequential(CountingUsers()), Sequential(FoldingAccounts())
        by_user: dict[bytes, list[Any]] = {}
        by_account: dict[bytes, list[Any]] = {}
        for user, account, at, number, kind in events:
            if kind in b"eb":
                by_user.setdefault(user, []).append((at, number, account))
            if kind in b"ab":
                by_account.setdefault(account, []).append((at, b"", number, kind))
        for user, inputs in by_user.items():
            users.run(user, inputs, end)
        for output in users.outputs:
            if output.topic == "members":
                name, at_, number_, kind = (output.value or b"").split(b"|")
                by_account.setdefault(output.key or b"", []).append((int(at_), name, int(number_), kind))
        for account, inputs in by_account.items():
            accounts.run(account, inputs, end)
        self.transitions = {o.value for s in (users, accounts) for o in s.outputs if o.topic == "transitions"}
        self.states = {"users": users.states, "accounts": accounts.states}
        self.dead = sum(kind == b"x" for *_, kind in events)
