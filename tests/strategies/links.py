"""Histories of people who are known by several identifiers: an anonymous id or two, an e-mail address, a user id.

Made of other histories: the same events at the same times, each naming its person in one of the ways that there are.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.event import Event
from tests.strategies.histories import History, Turn, histories

EARLY = ("anonymous", "anonymous", "anonymous", "other", "mail", "user")
LATER = ("both", "both", "known", "alias", "user", "anonymous", "mail", "shared")
"""How an event names its person; `shared`: a user id beside somebody else's anonymous id."""


def _named(event: Event, way: str) -> Event:
    """The event, its person named in another way."""
    who = event.user or ""
    anonymous, mail = f"{who}-anon", {**event.traits, "email": f"{who.upper()}@acme.test"}
    match way:
        case "anonymous":
            return event._replace(user=None, anonymous=anonymous)
        case "other":
            return event._replace(user=None, anonymous=f"{who}-other")
        case "both":
            return event._replace(anonymous=anonymous)
        case "mail":
            return event._replace(user=None, anonymous=anonymous, type="identify", name="Identified", traits=mail)
        case "known":
            return event._replace(type="identify", name="Identified", traits=mail)
        case "alias":
            return event._replace(type="alias", properties={**event.properties, "previous_id": f"{who}-other"})
        case "shared":
            return event._replace(anonymous="u1-anon")
    return event


@st.composite
def linked_histories(draw: st.DrawFn, definition: Definition, accounts: bool = True) -> History:
    """A history whose events name their people in all the ways that there are, and with `accounts` their accounts too."""
    plain = draw(histories(definition))
    half = draw(st.integers(1, len(plain.events)))
    named = {
        event.id: _named(event, draw(st.sampled_from(EARLY if n < half else LATER)))
        for n, event in enumerate(plain.events)
    }
    if accounts and definition.account is not None:
        named = {key: _group(event, draw(st.integers(0, 7))) for key, event in named.items()}
    turns = tuple(replace(turn, events=tuple(named[e.id] for e in turn.events)) for turn in plain.turns)
    return History(tuple(named[e.id] for e in plain.events), turns, plain.until)


def _group(event: Event, way: int) -> Event:
    """Sometimes accounts are named in several ways too: the second one turns out to be the first, or to be a domain's."""
    if event.account is None or way > 2 or event.type in ("identify", "alias"):
        return event
    traits: dict[str, object] = [{"stripe_customer": "a2"}, {"domain": "a2.test"}, {"crm_company": "a2"}][way]
    account = ("stripe:a2", "a2.test", "a1")[way] if event.account == "a2" else "a1"
    return event._replace(type="group", account=account, traits={**event.traits, **traits})


__all__ = ["Turn", "linked_histories"]
