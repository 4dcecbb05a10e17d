"""Redirects: an identifier that turned out to be another hands its state over once, and from then on all that comes for it.

Each input of an entity goes through here that names other identifiers, comes from one, or meets an entity that forwards.
What is passed on says under which kind of identifier the receiver was named, and goes on from there only to a stronger
one (`identity.above`): every hop climbs in a total order of the identifiers there are, so it ends, and nothing is lost:
an entity that may not pass an input on keeps it. Forwarding, like publishing, is a change that a refold can take back.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from streams.journey.changes import Change, Fact, Out
from streams.journey.erasure import Erase, Released, erase_too, erased_member, release_on
from streams.journey.fold import Fold
from streams.journey.identity import (
    Counts,
    Link,
    Merge,
    Message,
    above,
    left,
    link_to,
    member_message,
    merge_into,
    passed_on,
    plain,
)  # fmt: skip
from streams.journey.members import Members
from streams.journey.merge import portable, remember
from streams.journey.selections import Hit
from streams.journey.state import State

WEAKEST: Final = {"user": "anonymous", "account": "domain"}
"""What an input counts as that came directly: it may go wherever its entity forwards to."""


class Into(NamedTuple):
    """Where an entity forwards to, since `at`. Its members follow `wait` later, when nothing changes them any more; ms.

    `event` made the link. `life` of an account is the one that its members belong to; None where there are none to follow.
    """

    key: str
    kind: str
    at: int
    wait: int
    life: int | None
    event: str

    @property
    def due(self) -> int:
        return self.at + self.wait


class Redirects:
    """The rules of one kind of entity. `counts` collects refusals; a refold counts them again."""

    def __init__(self, fold: Fold, grace: int) -> None:
        self.fold = fold
        self.counts: Counts = {}
        self._grace = grace
        self._users = fold.entity.kind == "user"
        self._weakest = WEAKEST[fold.entity.kind]

    def take(
        self, s: State, item: Hit | Fact | Link | Merge | Erase | Released, members: Members, out: Out
    ) -> None:  # fmt: skip
        """Any input. Plain ones of plain entities need not come here: the fold takes them."""
        if isinstance(item, Link):
            self._link(s, item, out)
            return
        if isinstance(item, Erase):
            self._erase(s, item, out)
            return
        if isinstance(item, Released):
            self._release(s, item, out)
            return
        if s.into is not None:
            if self._passes(s, _named(item) or self._weakest, out):
                self._pass_on(s, item, out)
                return
            self._revive(s)
        if isinstance(item, Hit):
            hit = item.called(plain(item.id)) if item.names else item
            self.fold.take(s, hit, out)
            if hit.names:
                self._name(s, hit, hit.names, out)
        elif isinstance(item, Fact):
            self.fold.take_fact(s, item.called(plain(item.id)) if item.how else item, members, out)
        else:
            self._merge(s, item, out)

    # --- forwarding --------------------------------------------------------------------------------------------------

    def _passes(self, s: State, kind: str, out: Out) -> bool:
        """Whether what came for this entity under this kind of identifier may go on to where it forwards."""
        into = Into(*(s.into or ()))
        return above(into.kind, into.key, kind, out.entity)

    def _pass_on(self, s: State, item: Hit | Fact | Merge, out: Out) -> None:
        into = Into(*(s.into or ()))
        s.now = s.touched = max(s.now, item.t)
        if isinstance(item, Hit):
            said = {"hit": self.fold.reader.written(item), "via": into.kind}
            sent = Message("hit", passed_on(item.id, out.entity), into.key, item.t, said)
        elif isinstance(item, Fact):
            member = None if item.how and "gone" in item.how else item.member.row()[:6]
            how = {**(item.how or {}), "via": into.kind}
            key = passed_on(item.id, out.entity)
            sent = member_message(key, into.key, item.t, item.user, member, item.event, how)
        elif "done" in item.said:
            sent = Message("merge", passed_on(item.id, out.entity), into.key, item.t, {**item.said, "as": into.kind})
        else:
            sent = merge_into(into.key, into.kind, item.t, item.said, out.entity)
        out.changes.append(Change("message", sent))

    def _revive(self, s: State) -> None:
        """What comes back as its own strongest name is its own, whatever it was told before."""
        self._refuse("loop")
        s.begin(len(s.cells), len(s.states), self.fold.terms.rollups.fresh())

    def _refuse(self, reason: str) -> None:
        self.counts["link_refused", reason] = self.counts.get(("link_refused", reason), 0) + 1

    # --- linking -----------------------------------------------------------------------------------------------------

    def _name(self, s: State, hit: Hit, names: dict[str, str], out: Out) -> None:
        """Tell the weaker identifiers on an event, each once, that they are this entity."""
        for kind, name in names.items():
            if kind in ("as", "via") or name == out.entity or name in s.names:
                continue
            remember(s, [name])
            sent = link_to(name, kind, out.entity, names["as"], hit.t, hit.id, out.entity)
            out.changes.append(Change("message", sent))

    def _link(self, s: State, link: Link, out: Out) -> None:
        own_kind, target, kind, event = link.said
        if target == out.entity or target in s.names:
            self._refuse("cycle")
        elif s.into is not None and self._passes(s, own_kind, out):
            self._link_on(s, link, target, kind, event, out)
        else:
            self._begin_forwarding(s, link.t, target, kind, event, out)

    def _link_on(self, s: State, link: Link, target: str, kind: str, event: str, out: Out) -> None:
        """It forwards already: then the two that it was linked to are one, if one of them is the weaker kind."""
        into = Into(*(s.into or ()))
        s.now = s.touched = max(s.now, link.t)
        if into.key == target:
            return
        if into.kind == kind:  # two people at one device, two companies at one domain
            self._refuse("shared")
            return
        weaker, stronger = ((into.kind, into.key), (kind, target))
        if above(*weaker, *stronger):
            weaker, stronger = stronger, weaker
        sent = link_to(weaker[1], weaker[0], stronger[1], stronger[0], link.t, event, out.entity)
        out.changes.append(Change("message", sent))

    def _begin_forwarding(self, s: State, t: int, target: str, kind: str, event: str, out: Out) -> None:
        fold = self.fold
        fold.until(s, t, out)
        lived = s.begun >= 0 and s.ended < 0
        life = s.begun if lived and not self._users else None
        if lived:
            s.now = t
            said = {**portable(fold.terms, fold.machines, s), "event": event, "loser": out.entity}
            fold._end(s, t, {"link": event}, out, "merged", target)
            gone = [left(out.entity, account, t, event, target) for account in s.accounts]
            for sent in (merge_into(target, kind, t, said, out.entity), *gone):
                out.changes.append(Change("message", sent))
        s.begin(len(s.cells), len(s.states), fold.terms.rollups.fresh())
        s.now = s.touched = t
        s.ended = t if lived else -1
        s.into = list(Into(target, kind, t, self._grace + 1, life, event))

    # --- erasure -----------------------------------------------------------------------------------------------------

    def _erase(self, s: State, item: Erase, out: Out) -> None:
        """Be no more, and with it all that forward here, and whom this one forwards to: they are the same."""
        fold, t = self.fold, item.t
        fold.until(s, t, out)
        sent = [erase_too(item, name) for name in s.names]
        if s.into is not None and self._passes(s, item.said[2] or self._weakest, out):
            into = Into(*s.into)
            sent.append(erase_too(item, into.key, into.kind))
        if s.begun >= 0 and s.ended < 0:
            s.now = t
            fold._end(s, t, {"erasure": item.id}, out, "erased")
            sent += [erased_member(out.entity, account, item) for account in s.accounts]
        out.changes.extend(Change("message", message) for message in sent)
        s.begin(len(s.cells), len(s.states), fold.terms.rollups.fresh())
        s.now = s.touched = s.ended = t

    def _release(self, s: State, item: Released, out: Out) -> None:
        """The account is no more: nothing is told to it, and nothing attributed, until an event names it anew."""
        account, via, _ = item.said
        if s.into is not None:
            if self._passes(s, via or self._weakest, out):
                into = Into(*s.into)
                out.changes.append(Change("message", release_on(item, into.key, into.kind)))
            return
        self.fold.until(s, item.t, out)
        if s.begun < 0 or s.ended >= 0:
            return
        s.now = max(s.now, item.t)
        s.accounts.pop(account, None)
        if s.home == account:
            s.home = None

    # --- being the survivor ------------------------------------------------------------------------------------------

    def _merge(self, s: State, merge: Merge, out: Out) -> None:
        said = merge.said
        if "done" in said:
            if said["done"] in s.names:
                self.fold.until(s, merge.t, out)
                s.names[said["done"]] = 0
            return
        remember(s, said["names"])
        remember(s, [said["loser"]], merging=0 if self._users else 1)
        kept = s.names
        self.fold.take_merge(s, merge, out)
        s.names = kept


def _named(item: Hit | Fact | Merge) -> str | None:
    """The kind of identifier under which the receiver was named, where the input was passed on."""
    if isinstance(item, Hit):
        return item.names.get("via") if item.names else None
    if isinstance(item, Fact):
        return item.how.get("via") if item.how else None
    found: Any = item.said["as"]
    return str(found)
