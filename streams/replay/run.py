"""A replay: two plants, of users and of accounts, and the way between them; records in, what is published out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from schemas.definition.model import Definition
from streams.delivery.contracts import NEVER, NOTHING_YET, Clocked, Dead, Drop, Ok, Outcome, Output, Record, Redirect
from streams.delivery.dead import dead_letter
from streams.delivery.inbox import heaviest
from streams.journey.accounts import AccountsLogic
from streams.journey.logic import HOUR
from streams.journey.users import UsersLogic
from streams.replay.plant import Plant

CHUNK: Final = 5_000
"""Records folded together: enough to spread the cost of a turn, few enough for a smooth progress bar."""

ONE: Final = "input"
"""Where records are from, when all are from one place."""

AFTER_UNTIL: Final = "after_until"
"""Why an event was dropped that happened after the instant at which time was to end."""

_NO_TIME: Final = 0
"""A file has no broker time, so nothing in it is too far in the future."""

Line = bytes | tuple[str, bytes]
"""A record's value, or (where it is from, its value)."""


class Replayed:
    """What a replay came to. Each record read is one of ok, dropped and dead, whatever number of events it held.

    `events` counts inputs, `outputs` what was published by topic, `letters` dead letters by reason (a record of many items
    can give several), `watermark` and `stopped` are instants of event time (ms): of the newest event, and of the end.
    """

    __slots__ = ("dead", "dropped", "events", "letters", "ok", "outputs", "read", "seconds", "stopped", "watermark")

    def __init__(self) -> None:
        self.events = self.read = self.ok = 0
        self.watermark = self.stopped = NOTHING_YET
        self.seconds = 0.0
        self.outputs: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()


class Taken:
    """What a chunk of records came to, before it is folded. `watermark`: of the newest event so far, ms."""

    __slots__ = ("inputs", "outputs", "watermark")

    def __init__(self, watermark: int) -> None:
        self.watermark = watermark
        self.inputs: list[Ok] = []
        self.outputs: list[Output] = []


class Replay:
    """The two plants and the way between them. `write(topic, value)` takes what is published, in order.

    `source`: of all records; or {name: source}, where each record comes with the name of where it is from.
    """

    def __init__(
        self, definition: Definition, source: str | Mapping[str, str], write: Callable[[Output], None], chunk: int = CHUNK
    ) -> None:  # fmt: skip
        self._chunk = chunk
        self._logic = UsersLogic(definition, {ONE: source} if isinstance(source, str) else dict(source))
        self.users = Plant(self._logic)
        self.accounts = Plant(AccountsLogic(definition)) if definition.account is not None else None
        self.definition = definition
        self.result = Replayed()
        self._write = write
        self._met: set[tuple[bytes, str]] = set()
        self._forwarding: set[bytes] = set()
        self._accounts_link = False
        self._turned = NOTHING_YET

    def run(
        self, lines: Iterable[Line], until: int | None = None, tick: Callable[[int], None] | None = None
    ) -> Replayed:
        """Feed all lines, end time at `until` (or at the last event), return the counts. `tick(n)` after every n lines.

        What happened after `until` is dropped and counted.
        """
        began = time.perf_counter()
        waiting = iter(lines)
        while chunk := list(islice(waiting, self._chunk)):
            self._feed(chunk, NEVER if until is None else until)
            if tick is not None:
                tick(len(chunk))
        self.result.stopped = self.result.watermark if until is None else until
        self._turn([], [], self.result.stopped)
        self.result.seconds = time.perf_counter() - began
        return self.result

    def _feed(self, lines: list[Line], until: int) -> None:
        result, taken, read = self.result, Taken(self.result.watermark), self._logic.read
        for line in lines:
            name, value = line if isinstance(line, tuple) else (ONE, line)
            record = Record(name, 0, result.read, _NO_TIME, None, value)
            result.read += 1
            outcomes, known = read(record), len(taken.inputs)
            if len(outcomes) == 1 and type(outcomes[0]) is Ok and outcomes[0].at <= until:
                result.ok += 1
                self._input(outcomes[0], taken)
            else:
                self._count(heaviest([self._take(record, n, found, until, taken) for n, found in enumerate(outcomes)]))
            meet = False
            for ok in taken.inputs[known:]:  # each is remembered, so all are looked at
                meet = self._meets(ok) or meet
            if meet:
                self._flush(taken)
        self._flush(taken)

    def _count(self, what: tuple[str, str]) -> None:
        """A record as what it was."""
        kind, reason = what
        if kind == "dead":
            self.result.dead[reason] += 1
        elif kind == "dropped":
            self.result.dropped[reason] += 1
        else:
            self.result.ok += 1

    def _input(self, ok: Ok, taken: Taken) -> None:
        taken.inputs.append(ok)
        if ok.at > taken.watermark:
            taken.watermark = ok.at

    def _flush(self, taken: Taken) -> None:
        self.result.events += len(taken.inputs)
        self.result.watermark = taken.watermark
        self._turn(taken.inputs, taken.outputs, taken.watermark)
        taken.inputs, taken.outputs = [], []

    def _meets(self, taken: Ok) -> bool:
        """Whether one entity has something to tell another because of this input: the other must not be ahead in time."""
        if taken.key in self._forwarding:
            return True
        if taken.input.names is None:
            return False
        pairs = {(taken.key, name) for name in taken.input.names.values()}
        new = bool(pairs - self._met)
        self._met |= pairs
        return new

    def _take(self, record: Record, n: int, outcome: Outcome, until: int, taken: Taken) -> tuple[str, str]:
        match outcome:
            case Clocked(at):
                taken.watermark = max(taken.watermark, min(at, until))
                return "clock", record.topic
            case Ok(at=at) | Redirect(_, at) if at > until:
                return "dropped", AFTER_UNTIL
            case Ok():
                self._input(outcome, taken)
                return "ok", ""
            case Redirect(output, at, reason):
                taken.outputs.append(output)
                taken.watermark = max(taken.watermark, at)
                return "redirected", reason
            case Dead(reason):
                self.result.letters[reason] += 1
                self._write(dead_letter(record, record.topic, n, outcome))
                return "dead", reason
            case Drop(reason):
                return "dropped", reason

    def _turn(self, inputs: list[Ok], direct: list[Output], until: int) -> None:
        outputs = direct + self._settled(self.users, "events", inputs, until)
        members: list[Ok] = []
        for output in outputs:
            if output.topic == "members":
                members += self._members(output)
            else:
                self._publish(output)
        if self.accounts is not None:
            for output in self._followed(self.accounts, members, until):
                self._publish(output)
        self._turned = until

    def _followed(self, accounts: Plant, members: list[Ok], until: int) -> Iterator[Output]:
        """Accounts up to an instant. Where some are linked, in steps, so that none is ahead of what another tells it."""
        self._accounts_link = self._accounts_link or any(getattr(ok.input, "names", None) for ok in members)
        step = self.definition.clock.grace or HOUR
        if self._accounts_link:
            began = self._turned if self._turned > NOTHING_YET else min((ok.at for ok in members), default=until)
            for instant in range(began, until, step):
                yield from self._settled(accounts, "members", members, instant)
                members = []
        yield from self._settled(accounts, "members", members, until)

    def _settled(self, plant: Plant, own: str, inputs: list[Ok], until: int) -> list[Output]:
        """Feed a plant, and what its entities tell each other, until they have nothing more to say."""
        outputs: list[Output] = []
        while True:
            said: list[Ok] = []
            for output in plant.feed(inputs, until):
                if output.topic == own:
                    said += self._heard(plant, output)
                else:
                    outputs.append(output)
            if not said:
                return outputs
            inputs = said

    def _heard(self, plant: Plant, output: Output) -> list[Ok]:
        if plant is self.users and output.value is not None and output.value.startswith(b'{"link":'):
            self._forwarding.add(output.key or b"")
        record = Record(output.topic, 0, 0, _NO_TIME, output.key, output.value)
        return [outcome for outcome in plant.logic.read(record) if isinstance(outcome, Ok)]

    def _members(self, output: Output) -> list[Ok]:
        if self.accounts is None:
            return []
        record = Record("members", 0, 0, _NO_TIME, output.key, output.value)
        return [outcome for outcome in self.accounts.logic.read(record) if isinstance(outcome, Ok)]

    def _publish(self, output: Output) -> None:
        self.result.outputs[output.topic] += 1
        self._write(output)

    def standing(self) -> Iterator[bytes]:
        """Where every living entity stands at the end, one snapshot each."""
        for plant in (self.users, self.accounts):
            if plant is not None:
                for entity in plant.entities.values():
                    found = plant.logic.standing(entity)
                    if found is not None:
                        yield found
