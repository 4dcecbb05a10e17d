"""Identity: which identifiers an event names, which of two survives, and what entities tell each other to become one.

Rules as data: STRENGTH orders the kinds of identifiers, `above` makes that a total order of named identifiers, and a
message that an entity passes on may only climb in it. So no redirect loop can exist, whatever the events say.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

import orjson

from schemas.event import Event
from schemas.identifiers import NotAnIdentifier, identifier
from schemas.member import MemberFacts

ACCOUNT_TRAITS: Final = {
    "hubspot_merged": "hubspot:{}",
    "hubspot_ticket": "hubspot:ticket:{}", "salesforce_case": "salesforce:case:{}",
    "hubspot_deal": "hubspot:deal:{}", "salesforce_opportunity": "salesforce:opportunity:{}",
    "zendesk_organization": "zendesk:{}", "intercom_company": "intercom:{}",
    "chartmogul_customer": "chartmogul:{}", "maxio_customer": "maxio:{}", "chargebee_customer": "chargebee:{}",
    "stripe_customer": "stripe:{}",
    "gainsight_company": "gainsight:{}", "hubspot_company": "hubspot:{}", "salesforce_account": "salesforce:{}",
    "crm_company": "{}",
}  # fmt: skip
"""Traits that are identifiers of the account, as the kinds of the same names, the weakest first; and how the identifier is
written in the account of an event, which has the vendor's name space. What stands for a part of a customer (a deal, a
ticket) gives way to what stands for the customer; support to billing, billing to the CRM. Own choice: any order would do."""

STRENGTH: Final = {
    "anonymous": 0, "email": 1, "user": 2,
    "domain": 0, **{kind: n for n, kind in enumerate(ACCOUNT_TRAITS, 1)}, "account": len(ACCOUNT_TRAITS) + 1,
}  # fmt: skip
"""How well a kind of identifier knows whom it names; users above, accounts below. The weaker one gives way."""

_SPACES: Final = sorted(
    {written[:-2]: kind for kind, written in ACCOUNT_TRAITS.items() if written != "{}"}.items(), reverse=True
)
"""Name spaces and the strongest of their kinds, `hubspot:deal:` before `hubspot:`."""

_TOLD_BY: Final = ("billing", "crm", "support")
"""Places whose events say in their traits what else their account is called, whatever their type."""

MAIL: Final = "email:"
"""Before an address that a vendor knows a person by, where it knows no user id."""

MAIL_HOSTS: Final = frozenset(
    {
        "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.ru",
        "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "web.de", "yahoo.com", "yandex.ru",
        "163.com", "example.com", "localhost",
    }
)  # fmt: skip
"""Domains that stand for no company: anybody may have an address there."""

MOST_NAMES: Final = 64
"""Identifiers that a survivor remembers having linked. One that fell out is linked again at its next mention: harmless."""

Names = dict[str, str]
"""{kind: identifier} of an event, its own entity's kind under `as`; `via` the same where it was passed on to it."""

Counts = MutableMapping[tuple[str, str], int]


def above(kind: str, key: str, other_kind: str, other_key: str) -> bool:
    """Whether the first of two named identifiers is the stronger. Of one kind, the one that sorts first is."""
    mine, others = STRENGTH[kind], STRENGTH[other_kind]
    return mine > others or (mine == others and key < other_key)


# --- what an event names ---------------------------------------------------------------------------------------------


def entity_of(event: Event) -> str | None:
    """The strongest identifier of a user that the event names: its entity. None for an account's own event."""
    user = event.user
    if user is not None:
        return user[len(MAIL) :] if user.startswith(MAIL) else user
    if event.type == "identify":
        mail = _mail(event.traits.get("email"))
        if mail is not None:
            return mail
    return event.anonymous


def user_names(event: Event, counts: Counts) -> Names | None:
    """The user identifiers beside the event's own; None where it names one alone, as most do."""
    user, anonymous, kind = event.user, event.anonymous, event.type
    if kind != "identify" and kind != "alias" and (user is None or anonymous is None):
        return None
    names: Names = {}
    if kind == "identify" and event.traits.get("email") is not None:
        _add(names, "email", event.traits["email"], _mail, counts)
    if anonymous is not None:
        names["anonymous"] = anonymous
    if kind == "alias":
        _add(names, "anonymous", event.properties.get("previous_id"), identifier, counts)
    own = entity_of(event)
    as_ = _kind_of_person(own, user is not None, names)
    found = {k: name for k, name in names.items() if name != own}
    return {"as": as_, **found} if found else None


def _kind_of_person(own: str | None, known: bool, names: Names) -> str:
    """Of a person's strongest identifier. An address in the place of a user id is an address: others know it as one."""
    if known:
        return "email" if own is not None and "@" in own else "user"
    return "email" if own == names.get("email") else "anonymous"


def account_names(event: Event, counts: Counts) -> Names | None:
    """The account identifiers that a group call, or an event of billing, CRM or support, names beside its own."""
    traits = event.traits
    if not traits or (event.type != "group" and event.place not in _TOLD_BY):
        return None
    names: Names = {}
    if event.type == "group" and traits.get("domain") is not None:
        _add(names, "domain", traits["domain"], _domain, counts)
    for kind, written in ACCOUNT_TRAITS.items():
        if traits.get(kind) is not None:
            _add(names, kind, traits[kind], identifier, counts)
            if kind in names and not names[kind].startswith(written[:-2] or "\0"):
                names[kind] = written.replace("{}", names[kind])
    found = {kind: name for kind, name in names.items() if name != event.account}
    return {"as": kind_of_account(event.account), **found} if found else None


def kind_of_account(account: str | None) -> str:
    """The kind of identifier that an account goes by, told by its name space: without one it is your own id of it."""
    if account is not None and ":" in account:
        return next((kind for space, kind in _SPACES if account.startswith(space)), "account")
    return "account"


def company_domain(event: Event) -> str | None:
    """The domain of the company at whose address the user is: of traits.email, else of a user id that is an address.

    In lower case, all that stands behind the @. None where there is no address, or it is at one of MAIL_HOSTS.
    """
    if event.type == "group":  # its traits are the account's, and it says itself which account that is
        return None
    address = _mail(event.traits.get("email")) or _mail(event.user)
    if address is None:
        return None
    try:
        return _domain(address.rpartition("@")[2])
    except NotAnIdentifier:
        return None


def _add(names: Names, kind: str, value: Any, read: Callable[[Any], str | None], counts: Counts) -> None:
    try:
        found = read(value)
    except NotAnIdentifier:
        found = None
    if found is not None:
        names[kind] = found
    else:
        counts["link_refused", f"placeholder:{kind}"] = counts.get(("link_refused", f"placeholder:{kind}"), 0) + 1


def _mail(value: Any) -> str | None:
    """An e-mail address in lower case; None where it is none."""
    try:
        found = identifier(value)
    except NotAnIdentifier:
        return None
    if found is None:
        return None
    name, at, host = found.lower().rpartition("@")
    return found.lower() if at and identifier(name) and "." in host and " " not in found else None


def _domain(value: Any) -> str | None:
    found = identifier(value)
    found = None if found is None else found.lower().removeprefix("www.").rstrip(".")
    return None if not found or "." not in found or found in MAIL_HOSTS else found


# --- what entities tell each other -----------------------------------------------------------------------------------


class Link(NamedTuple):
    """To the weaker of two identifiers: forward to the stronger from `t` on. `said`: (own kind, target, its kind, event)."""

    t: int
    id: str
    said: tuple[str, str, str, str] | list[str]


class Merge(NamedTuple):
    """To the survivor: all that the loser was at `t`. `said`: see `merge.portable`; or {done: loser}, its members are over."""

    t: int
    id: str
    said: dict[str, Any]


What = Literal["link", "merge", "hit", "member", "erase", "release"]


class Message(NamedTuple):
    """What one entity tells another about identity, or that it is to be erased, or is. `valid` false takes it back.

    `id` is the receiver's input id; `change` also says to whom and when, so that two folds are compared by it.
    """

    what: What
    id: str
    to: str
    t: int
    said: dict[str, Any]
    valid: bool = True

    @property
    def change(self) -> str:
        return f"{self.what} {self.t} {self.id} {self.to}"

    def undone(self) -> Message:
        """The message that takes it back."""
        return self._replace(valid=False)

    def to_json(self) -> bytes:
        return orjson.dumps({self.what: self.id, "t": self.t, "valid": self.valid, "said": self.said})


MARKS: Final = (b'{"link":', b'{"merge":', b'{"hit":', b'{"member":', b'{"erase":', b'{"release":')
"""How a message begins, and nothing else on its topic does: events begin with their id, facts with `fact`."""


def message(value: bytes, to: str) -> Message:
    """The message in these bytes, which begin with one of MARKS."""
    found = orjson.loads(value)
    what, key = next(iter(found.items()))
    return Message(what, key, to, found["t"], found["said"], found["valid"])


PASSED: Final = "\x1f"
"""Between an id and those who passed it on. Two ways to the same entity are two inputs: each is taken back on its own.

It sorts before whatever an id goes on with, so an event stays in front of the links that it makes (`~`).
"""


def passed_on(key: str, by: str) -> str:
    return f"{key}{PASSED}{by}"


def plain(key: str) -> str:
    """The id of an input without the way that it came."""
    return key.partition(PASSED)[0]


def link_to(weaker: str, weaker_kind: str, stronger: str, stronger_kind: str, t: int, event: str, by: str) -> Message:
    """Tell an identifier to forward. Its id sorts right after the event's, so it takes effect right after it."""
    said = [weaker_kind, stronger, stronger_kind, event]
    return Message("link", f"{event}~{_digest([*said, by])}", weaker, t, {"link": said})


def merge_into(stronger: str, stronger_kind: str, t: int, said: dict[str, Any], by: str) -> Message:
    """Tell the survivor what the loser was. `said` names the link's event and the loser; `by` sends or passes it on."""
    said = {**said, "as": stronger_kind, "path": [*said.get("path", ()), by]}
    name = f"{said['event']}~{said['loser']}~{_digest(said)}"
    return Message("merge", name, stronger, t, said)


def fact_as(facts: MemberFacts, how: dict[str, str]) -> Message:
    """A member's facts that identity brings about: `how` is {instead: the member it was until now}.

    Its id is not that of the same facts said plainly.
    """
    member = [facts.active_day, facts.stage, facts.reached, facts.risk, facts.level, facts.admin]
    return member_message(f"{facts.id}~{_digest(how)}", facts.account, facts.at, facts.user, member, facts.event, how)


def member_message(
    key: str, account: str, t: int, user: str, member: list[Any] | None, event: str | None, how: dict[str, str]
) -> Message:
    return Message("member", key, account, t, {"user": user, "member": member, "event": event, "how": how})


def left(user: str, account: str, t: int, event: str, into: str) -> Message:
    """A member that is somebody else from now on. Its id sorts after those of facts, so it is the last one at its instant."""
    said = [user, account, t, event, into]
    return member_message(f"~{_digest(said)}", account, t, user, None, event, {"gone": into})


def _digest(value: Any) -> str:
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
