"""The oracle: which transitions there must be, from the input alone, and what each of them says.

`moves` is written from the words of chaos.yaml, without a line of the engine's or of its core's, and says which changes
of state there are and when. What else a transition holds (its id, evidence, terms) is said by `journeys replay`'s core,
which knows no Kafka, no batch and no delivery; the two must agree before anything is held against them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.definition.parse import load
from schemas.time import parse_time
from streams.replay.run import Replay
from tests.chaos.history import IDLE, Happened, History
from tests.integration.live import truth

DEFINITION = Path(__file__).with_name("chaos.yaml")


class Move(NamedTuple):
    """A change of state. `at`: ms."""

    kind: str
    entity: str
    machine: str
    before: str | None
    after: str
    at: int


def moves(events: Iterable[Happened], until: int) -> set[Move]:
    """Every change of state that these events come to when time ends at `until`."""
    by_user: dict[str, list[Happened]] = defaultdict(list)
    for event in events:
        by_user[event.user].append(event)
    found: set[Move] = set()
    steps: dict[str, list[tuple[int, str, bool]]] = defaultdict(list)
    for user, own in by_user.items():
        mine = _user(user, sorted(own), until)
        found |= mine
        told = sorted((m.at, m.after) for m in mine if m.machine == "stage")
        by_time = dict(told) | {at: s for at, s in told if s == "busy"}  # of two steps at one instant the last counts
        steps[own[0].account] += [(at, user, stage in ("active", "busy")) for at, stage in by_time.items()]
    for account, told_steps in steps.items():
        found |= _account(account, sorted(told_steps))
    return found


def _user(user: str, events: list[Happened], until: int) -> set[Move]:
    found: set[Move] = set()
    states: dict[str, str | None] = {"stage": None, "pulse": None}

    def to(machine: str, state: str, at: int) -> None:
        found.add(Move("user", user, machine, states[machine], state, at))
        states[machine] = state

    ever, last = 0, until
    for event in events:
        if states["stage"] in ("active", "busy") and last + IDLE <= event.at:
            to("stage", "quiet", last + IDLE)
        if states["stage"] is None:
            to("stage", "new", event.at)
            to("pulse", "low", event.at)
        ever, last = ever + 1, event.at
        if states["stage"] == "quiet":
            to("stage", "active", event.at)
        if states["stage"] == "new" and ever >= 3:
            to("stage", "active", event.at)
        if states["stage"] == "active" and ever >= 30:
            to("stage", "busy", event.at)
        if event.name == "up" and states["pulse"] == "low":
            to("pulse", "high", event.at)
        if event.name == "down" and states["pulse"] == "high":
            to("pulse", "low", event.at)
    if states["stage"] in ("active", "busy") and last + IDLE <= until:
        to("stage", "quiet", last + IDLE)
    return found


def _account(account: str, steps: list[tuple[int, str, bool]]) -> set[Move]:
    """`steps`: (when, who, whether engaged from then on)."""
    found = {Move("account", account, "stage", None, "small", steps[0][0])}
    engaged: set[str] = set()
    state = "small"
    for at, user, is_engaged in steps:
        (engaged.add if is_engaged else engaged.discard)(user)
        after = "team" if len(engaged) >= 3 else "small" if len(engaged) < 2 else state
        if after != state:
            found.add(Move("account", account, "stage", state, after, at))
            state = after
    return found


@dataclass(frozen=True)
class Expected:
    """transitions: {id: payload}. alerts: in order. dead: how many records cannot be read."""

    transitions: dict[str, dict[str, Any]]
    alerts: list[dict[str, Any]]
    dead: int = 0

    def without(self, user: str, records: Iterable[Any]) -> Expected:
        """The same where rows of this user's transitions cannot be stored: each of their `records` is a dead letter."""
        kept = {id: told for id, told in self.transitions.items() if told["entity"] != user}
        topic, key = "transitions.user", user.encode()
        found = sum(record.topic.endswith(topic) and record.key == key for record in records)
        return Expected(kept, self.alerts, self.dead + found)


def expected(story: History, definition: Path = DEFINITION, dead: int = 0) -> Expected:
    """What must come of it. Raises AssertionError where the two ways to know it do not agree."""
    published: dict[str, list[dict[str, Any]]] = defaultdict(list)
    Replay(load(definition), "canonical", lambda o: _take(published, o)).run(story.lines, story.until)
    found = truth(published["transitions.user"] + published["transitions.account"])
    by_hand, by_core = moves(story.events, story.until), {move(t) for t in found.values()}
    assert by_hand == by_core, f"the oracles do not agree: {sorted(by_hand ^ by_core, key=lambda m: m.at)[:4]}"
    return Expected(found, published["alerts"], dead)


def _take(published: dict[str, list[dict[str, Any]]], output: Any) -> None:
    if output.value is not None and output.topic in ("transitions.user", "transitions.account", "alerts"):
        published[output.topic].append(orjson.loads(output.value))


def move(transition: dict[str, Any]) -> Move:
    t = transition
    at = parse_time(t["at"])
    assert at is not None
    return Move(t["kind"], t["entity"], t["machine"], t["from"], t["to"], at)


def said(alert: dict[str, Any]) -> dict[str, Any]:
    """What an alert says however and whenever it was computed."""
    return {name: value for name, value in alert.items() if name not in ("detected_at", "origin")}
