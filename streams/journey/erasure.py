"""Erasure: what it says when an entity is to be forgotten on request, and what its release says. See docs/decisions/0009.

An erasure is an input of a timeline like any other, with a place by (time, id). Nothing of a vendor's becomes one: it
is read only from our own topics, where each source's records have been through a decoder.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from streams.journey.identity import Message, member_message


class Erase(NamedTuple):
    """Be no more, from `t` on. `said`: (what happened before this instant is dropped if it comes later, ms; at once; via).

    At once: what comes late is dropped from now on, and not only when the grace period is over. `via` is the kind of
    identifier by which a receiver was named to whom it was passed on, else "".
    """

    t: int
    id: str
    said: list[Any]

    @property
    def before(self) -> int:
        found: int = self.said[0]
        return found

    @property
    def at_once(self) -> bool:
        return bool(self.said[1])


class Released(NamedTuple):
    """To a member of an account that was erased: it belongs there no more. `said`: (the account, via, at once)."""

    t: int
    id: str
    said: list[Any]


LATER: Final = "after grace"
AT_ONCE: Final = "at once"
"""How an erased user leaves an account: with the facts of its last hours in place, or with whatever is there by now."""


def request(key: str, before: int, to: str, at_once: bool = True) -> Message:
    """Ask for the erasure of an entity, which is the message's key. `key` names the request, and must name nobody."""
    return Message("erase", key, to, before, {"erase": [before, at_once, ""]})


def erase_too(item: Erase, to: str, kind: str = "") -> Message:
    """Pass a request on to an identifier that is the same person or account; `kind`: to the one that it forwards to."""
    return Message("erase", item.id, to, item.t, {"erase": [item.before, item.at_once, kind]})


def erased_member(user: str, account: str, item: Erase) -> Message:
    """A member who was erased leaves. Its id sorts after those of facts, so it is the last one at its instant."""
    how = {"gone": "", "erased": AT_ONCE if item.at_once else LATER}
    return member_message(f"~{_digest([user, account, item.t, item.id])}", account, item.t, user, None, item.id, how)


def release(user: str, account: str, t: int, erasure: str, at_once: bool) -> Message:
    """Tell a member of an erased account that it belongs there no more."""
    return Message("release", f"~{_digest([user, account, t, erasure])}", user, t, {"release": [account, "", at_once]})


def release_on(item: Released, to: str, kind: str) -> Message:
    """The same, for the one that a member forwards to."""
    return Message("release", item.id, to, item.t, {"release": [item.said[0], kind, item.said[2]]})


def _digest(value: Any) -> str:
    return blake2b(orjson.dumps(value), digest_size=8).hexdigest()
