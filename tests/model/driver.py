"""Drives the real core over a history, and says what it published: the final truth of each transition and alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.sources import canonical
from schemas.time import parse_time
from streams.delivery.contracts import Ok, Output, Record, Redirect
from streams.journey.accounts import AccountsLogic
from streams.journey.changes import Fact
from streams.journey.identity import plain
from streams.journey.users import UsersLogic
from streams.replay.plant import Plant
from tests.model.journey import Alarm, Moved
from tests.strategies.histories import START, History, Turn


@dataclass
class Published:
    """Everything that was published, in order, as JSON values, and what the logics counted."""

    transitions: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    behind: dict[str, str | None] = field(default_factory=dict)  # of each fact, the event behind it
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def valid(self) -> list[dict[str, Any]]:
        """The transitions that stand: of each id the record published last, if it is valid."""
        newest = {t["id"]: t for t in self.transitions}
        return [t for t in newest.values() if t["valid"]]

    def moved(self) -> list[Moved]:
        return [_moved(t) for t in self.valid()]

    def alarms(self) -> list[Alarm]:
        """The life of each alert that stands, by the record published last under its opening id."""
        opened = {a["id"]: a for a in self.alerts if a["status"] == "opened"}
        newest = {a["opens"]: a for a in self.alerts}
        return [
            Alarm(a["name"], a["entity"], _ms(opened[key]["at"]), _ms(a["at"]) if a["status"] == "resolved" else None)
            for key, a in newest.items()
            if a["status"] != "retracted"
        ]


class Driven:
    """Users and accounts of a definition in memory, fed through the same `read` that the engine uses."""

    def __init__(self, definition: Definition) -> None:
        self._grace = definition.clock.grace
        self.users = Plant(UsersLogic(definition, {"input": "canonical"}))
        self.accounts = Plant(AccountsLogic(definition)) if definition.account is not None else None
        self.published = Published()
        self._read = 0
        self._until = START
        self._linked = self._erasing = False

    def turn(self, turn: Turn) -> None:
        if turn.reload:
            for plant in (self.users, self.accounts):
                if plant is not None:
                    reload(plant)
        inputs: list[Ok] = []
        outputs: list[Output] = []
        for event in turn.events:
            self._event(event, inputs, outputs)
        self._linked = self._linked or any(ok.input.names for ok in inputs)
        self._erasing = self._erasing or bool(turn.requests)
        if self._erasing:
            self._together(turn, inputs, outputs)
            return
        for instant in self._instants(turn.until):
            outputs += self._settled(self.users, inputs, instant)
            inputs = []
        members = [ok for output in outputs for ok in self._publish(output)]
        if self.accounts is None:
            return
        self._linked = self._linked or any(getattr(ok.input, "names", None) for ok in members)
        for instant in self._instants(turn.until):
            for output in self._settled(self.accounts, members, instant):
                self._publish(output)
            members = []
        self._until = turn.until

    def _together(self, turn: Turn, inputs: list[Ok], outputs: list[Output]) -> None:
        """Users and accounts in step, for accounts that are erased tell their members."""
        inputs += self._asked(turn, "user", self.users)
        asked = self._asked(turn, "account", self.accounts) if self.accounts is not None else []
        for instant in [*range(self._until, turn.until, self._grace), turn.until]:
            outputs += self._settled(self.users, inputs, instant)
            inputs = []
            members = [ok for output in outputs for ok in self._publish(output)] + asked
            outputs, asked = [], []
            for output in self._settled(self.accounts, members, instant) if self.accounts is not None else ():
                inputs += self._read_by(self.users, output) if output.topic == "events" else []
                self._publish(output)
        for output in self._settled(self.users, inputs, turn.until):
            asked += self._publish(output)
        if self.accounts is not None:
            for output in self._settled(self.accounts, asked, turn.until):
                self._publish(output)
        self._until = turn.until

    def _asked(self, turn: Turn, kind: str, plant: Plant) -> list[Ok]:
        outputs = [Output("", message.to.encode(), message.to_json()) for of, message in turn.requests if of == kind]
        return [ok for output in outputs for ok in self._read_by(plant, output)]

    def _read_by(self, plant: Plant, output: Output) -> list[Ok]:
        found = plant.logic.read(Record("events", 0, 0, 0, output.key, output.value))
        return [ok for ok in found if isinstance(ok, Ok)]

    def _instants(self, until: int) -> list[int]:
        """Time passes at once; where entities tell each other, by no more than the grace period, so that nothing is late."""
        if not self._linked:
            return [until]
        return [*range(self._until, until, self._grace), until]

    def _settled(self, plant: Plant, inputs: list[Ok], until: int) -> list[Output]:
        """Feed a plant, and what its entities tell each other, until they have nothing more to say."""
        own, outputs = ("events" if plant is self.users else "members"), list[Output]()
        while True:
            said: list[Ok] = []
            for output in plant.feed(inputs, until):
                if output.topic != own:
                    outputs.append(output)
                elif own == "members":
                    said += self._publish(output)
                else:
                    said += self._read_by(plant, output)
            if not said:
                return outputs
            inputs = said

    def _event(self, event: Event, inputs: list[Ok], outputs: list[Output]) -> None:
        record = Record("input", 0, self._read, 0, None, canonical.encode(event))
        self._read += 1
        for outcome in self.users.logic.read(record):
            match outcome:
                case Ok():
                    inputs.append(outcome)
                case Redirect(output):
                    outputs.append(output)
                case _:
                    raise AssertionError(f"{event} was not read: {outcome}")

    def _publish(self, output: Output) -> list[Ok]:
        """Keep what is published; what is for an account is its input."""
        if output.topic == "members":
            if self.accounts is None:
                return []
            read = self.accounts.logic.read(Record("members", 0, 0, 0, output.key, output.value))
            found = [outcome for outcome in read if isinstance(outcome, Ok)]
            self.published.behind.update(
                (plain(ok.input.id), ok.input.event) for ok in found if isinstance(ok.input, Fact)
            )
            return found
        if output.topic.startswith("transitions"):
            self.published.transitions.append(orjson.loads(output.value or b""))
        elif output.topic == "alerts":
            self.published.alerts.append(orjson.loads(output.value or b""))
        return []


def reload(plant: Plant) -> None:
    """Every entity to bytes and back, as a restart does."""
    for key, entity in plant.entities.items():
        plant.entities[key] = plant.logic.load(key, plant.logic.dump(entity))


def drive(definition: Definition, history: History) -> Published:
    """All turns of a history through the core."""
    driven = Driven(definition)
    for turn in history.turns:
        driven.turn(turn)
    for plant in (driven.users, driven.accounts):
        if plant is not None:
            driven.published.counts.update(plant.logic.counts)
    return driven.published


def _ms(text: str) -> int:
    at = parse_time(text)
    assert at is not None
    return at


def _moved(t: dict[str, Any]) -> Moved:
    ((kind, what),) = t["cause"].items()
    return Moved(
        t["kind"], t["entity"], t["account"], t["machine"], t["from"], t["to"], t["name"], t["label"], _ms(t["at"]),
        t["dwell_s"], (kind, _ms(what) if kind == "timer" else what), tuple(t["signals"]),
    )  # fmt: skip
