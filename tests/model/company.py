"""A whole history by the rules: every user's journey, what accounts hear of it, and every account's journey."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.definition.model import Definition
from schemas.event import Event
from tests.model.identity import People, named
from tests.model.journey import Alarm, Journey, Moved, Told
from tests.model.measures import Input
from tests.model.reading import looked_at, selected


@dataclass
class Story:
    """What the whole history came to. `blocked`: the first instant at which a rule that held could not fire."""

    moved: list[Moved]
    alarms: list[Alarm]
    blocked: int | None


def retell(definition: Definition, events: list[Event], until: int) -> Story:
    """The story of these events (each id once, in any order) when time ends at `until`, ms."""
    users: list[Input] = []
    accounts: dict[str, list[Input]] = {}
    for event in events:
        of = selected(definition, event)
        if of & set(definition.exclude):
            continue
        if named(event):
            users.append(Input.happened(definition, event))
        if event.account is not None and _reaches_account(definition, event, of):
            accounts.setdefault(event.account, []).append(Input.happened(definition, event))
    told = People(definition).run(users, until)
    if definition.account is not None:
        for facts in (facts for one in told for facts in one.facts):
            accounts.setdefault(facts.account, []).append(Input.told(facts))
        for account, handed in (pair for one in told for pair in one.handed):
            accounts.setdefault(account, []).append(handed)
        horizon = until - definition.clock.disorder
        told += [
            Journey(definition, "account", key).run([i for i in inputs if i.t <= horizon], horizon)
            for key, inputs in accounts.items()
        ]
    return _story(told)


def _reaches_account(definition: Definition, event: Event, of: frozenset[str]) -> bool:
    """An account's own inputs are the events that its measures look at, and what says something about it."""
    return definition.account is not None and (bool(of & looked_at(definition.account)) or event.type == "group")


def _story(told: list[Told]) -> Story:
    blocked = min((one.blocked for one in told if one.blocked is not None), default=None)
    return Story([m for one in told for m in one.moved], [a for one in told for a in one.alarms], blocked)
