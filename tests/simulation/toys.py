"""Two cheap logics that notice any lost, repeated, torn or untimely input: users count, accounts fold in time order.

Their outputs are a function of the inputs alone, however those are batched; so an oracle can say what must come out.
A source value is `user|account|at|n|kind`. Kinds: e an event, b an event that its account wants too, a an account's
own event, x broken, d dropped, w a watermark.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from streams.delivery.contracts import (
    NEVER,
    Advanced,
    Beside,
    Clocked,
    Dead,
    Drop,
    Ok,
    Outcome,
    Output,
    Record,
    Redirect,
)

IDLE = 60
"""A user without an event for this long (ms) is idle."""

FORGET = 150
"""... and gone after this long: the entity ends, and the next event begins a new one."""

NAMES = (b"n0", b"n1", b"n2")


def for_account(user: bytes, account: bytes, at: int, number: int, kind: bytes) -> Redirect:
    return Redirect(Output("members", account, b"%s|%d|%d|%s" % (user, at, number, kind)), at)


def route(record: Record) -> list[Outcome]:
    """The decode step: by user, and by account where that one wants it."""
    assert record.value is not None
    user, account, at, number, kind = record.value.split(b"|")
    to_user = Redirect(Output("events", user, record.value), int(at))
    match kind:
        case b"e":
            return [to_user]
        case b"b":
            return [to_user, for_account(b"", account, int(at), int(number), kind)]
        case b"a":
            return [for_account(b"", account, int(at), int(number), kind)]
        case b"w":
            return [Clocked(int(at))]
        case b"d":
            return [Drop("unwanted")]
    return [Dead("broken")]


class Alone:
    """A logic whose entities tell each other nothing: there is nobody to hear out, and nothing is kept open for it."""

    def settles(self, entity: Any) -> int:
        return NEVER

    def is_full(self, entity: Any) -> bool:
        return False


class User:
    """born: event time of the first event, None when there is none; seq: outputs so far."""

    __slots__ = ("account", "born", "count", "idle", "last", "seq")

    def __init__(self) -> None:
        self.born: int | None = None
        self.account = b""
        self.count = self.last = self.seq = self.idle = 0


class CountingUsers(Alone):
    """Counts events and tells the account of two in three; notices silence by timer; keeps numbers beside the user."""

    name = "users"

    def read(self, record: Record) -> list[Outcome]:
        assert record.value is not None
        user, account, at, number, kind = record.value.split(b"|")
        if kind == b"e":
            return [Ok(user, (int(at), int(number), account), int(at))]
        if kind == b"b":
            ok = Ok(user, (int(at), int(number), account), int(at))
            if record.topic == "events":
                return [ok]
            return [ok, for_account(b"", account, int(at), int(number), kind)]
        return route(record)

    def new(self, key: bytes, kept: bytes | None = None) -> User:
        return User()

    def load(self, key: bytes, payload: bytes) -> User:
        user = User()
        account, *numbers = payload.split(b"|")
        user.account = account
        user.born, user.count, user.last, user.seq, user.idle = map(int, numbers)
        return user

    def dump(self, entity: User) -> bytes:
        u = entity
        return b"" if u.born is None else b"%s|%d|%d|%d|%d|%d" % (u.account, u.born, u.count, u.last, u.seq, u.idle)

    def deadline(self, entity: User) -> int:
        if entity.born is None:
            return NEVER
        return entity.last + (FORGET if entity.idle else IDLE)

    def advance(
        self, key: bytes, entity: User, inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:  # fmt: skip
        turn = _Turn(key, entity, beside)
        for at, _, account in sorted(inputs):
            turn.fire(at)
            turn.take(at, account)
        turn.fire(until)
        return Advanced(turn.outputs, list(turn.changes.items()), entity.born is None)


class _Turn:
    """One call of advance."""

    def __init__(self, key: bytes, user: User, beside: Beside) -> None:
        self.key, self.user, self.beside = key, user, beside
        self.outputs: list[Output] = []
        self.changes: dict[bytes, bytes | None] = {}

    def number(self, name: bytes) -> bytes:
        found = self.changes[name] if name in self.changes else self.beside.get(name)
        return found or b"0"

    def take(self, at: int, account: bytes) -> None:
        u = self.user
        if u.born is None:
            u.born = at
        u.account, u.last, u.idle = account, at, 0
        u.count += 1
        name = NAMES[u.count % 2]
        self.changes[name] = b"%d" % (int(self.number(name)) + u.count)
        if u.count % 3 != 1:
            self.tell(at, b"active")
        if u.count % 3 == 0:
            self.publish(at, b"active")

    def fire(self, until: int) -> None:
        u = self.user
        if u.born is not None and not u.idle and u.last + IDLE <= until:
            u.idle = 1
            self.tell(u.last + IDLE, b"idle")
            self.publish(u.last + IDLE, b"idle")
            self.changes[NAMES[2]] = b"1"
            self.changes[NAMES[0]] = None
        if u.born is not None and u.last + FORGET <= until:
            self.publish(u.last + FORGET, b"gone")
            self.changes = dict.fromkeys(NAMES)
            u.born, u.count, u.seq, u.idle = None, 0, 0, 0

    def tell(self, at: int, kind: bytes) -> None:
        self.user.seq += 1
        value = b"%s|%d|%d|%s" % (self.key, at, self.user.seq, kind)
        self.outputs.append(Output("members", self.user.account, value))

    def publish(self, at: int, kind: bytes) -> None:
        u = self.user
        assert u.born is not None
        u.seq += 1
        numbers = b",".join(self.number(name) for name in NAMES)
        value = b"%s|%d|%d|%s|%d|%d|%s" % (self.key, u.born, u.seq, kind, at, u.count, numbers)
        self.outputs.append(Output("transitions", self.key, value))


class Account:
    """waiting: (at, user, number, kind) not yet folded; chain: hash over all that was, in order."""

    __slots__ = ("chain", "count", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[int, bytes, int, bytes]] = []
        self.chain = self.count = 0


class FoldingAccounts(Alone):
    """Folds what it hears in event-time order, once the watermark says that nothing earlier will follow."""

    name = "accounts"

    def read(self, record: Record) -> list[Outcome]:
        assert record.value is not None
        assert record.key is not None
        user, at, number, kind = record.value.split(b"|")
        return [Ok(record.key, (int(at), user, int(number), kind), int(at))]

    def new(self, key: bytes, kept: bytes | None = None) -> Account:
        return Account()

    def load(self, key: bytes, payload: bytes) -> Account:
        account = Account()
        head, *waiting = payload.split(b";")
        account.chain, account.count = map(int, head.split(b"|"))
        for item in waiting:
            at, user, number, kind = item.split(b"|")
            account.waiting.append((int(at), user, int(number), kind))
        return account

    def dump(self, entity: Account) -> bytes:
        head = b"%d|%d" % (entity.chain, entity.count)
        return b";".join([head, *(b"%d|%s|%d|%s" % item for item in sorted(entity.waiting))])

    def deadline(self, entity: Account) -> int:
        return min(entity.waiting)[0] + 1 if entity.waiting else NEVER

    def advance(
        self, key: bytes, entity: Account, inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:  # fmt: skip
        waiting = sorted([*entity.waiting, *inputs])
        outputs: list[Output] = []
        for item in waiting:
            if item[0] >= until:
                break
            self._fold(key, entity, item, outputs)
        entity.waiting = [item for item in waiting if item[0] >= until]
        return Advanced(outputs, [])

    def _fold(self, key: bytes, entity: Account, item: tuple[int, bytes, int, bytes], outputs: list[Output]) -> None:
        entity.count += 1
        entity.chain = crc32(b"%d|%s|%d|%s" % item, entity.chain)
        if entity.count % 2 == 0:
            value = b"%s|%d|%d|%d" % (key, entity.count, item[0], entity.chain)
            outputs.append(Output("transitions", key, value))
