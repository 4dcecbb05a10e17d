"""Replay: a file of source records through the same core without Kafka, as fast as it goes."""

from __future__ import annotations

import gzip
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from schemas.deadletter import DeadLetter
from schemas.definition.model import Definition
from schemas.time import rfc3339
from streams.delivery.contracts import NEVER, NOTHING_YET, Clocked, Dead, Drop, Ok, Outcome, Output, Record, Redirect
from streams.delivery.dead import dead_letter
from streams.delivery.inbox import heaviest
from streams.journey.accounts import AccountsLogic
from streams.journey.logic import HOUR
from streams.journey.timeline import Entity
from streams.journey.users import UsersLogic

CHUNK = 5_000
"""Records folded together: enough to spread the cost of a turn, few enough for a smooth progress bar."""


ONE = "input"
"""Where records are from, when all are from one place."""

Line = bytes | tuple[str, bytes]
"""A record's value, or (where it is from, its value)."""


class Kept:
    """What stands beside an account, in memory."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}

    def get(self, name: bytes) -> bytes | None:
        return self.records.get(name)

    def all(self) -> Iterable[bytes]:
        return self.records


class Plant:
    """All entities of one logic in one process: a partition without Kafka."""

    def __init__(self, logic: UsersLogic | AccountsLogic) -> None:
        self.logic = logic
        self.entities: dict[bytes, Entity] = {}
        self._beside: dict[bytes, Kept] = {}
        self._due: list[tuple[int, bytes]] = []
        self._armed: dict[bytes, int] = {}
        self._kept: dict[bytes, bytes] = {}

    def beside(self, key: bytes) -> Kept:
        """What stands beside an entity."""
        return self._beside.setdefault(key, Kept())

    def feed(self, inputs: Iterable[Ok], until: int) -> list[Output]:
        """Apply inputs grouped by entity, then fire every timer due at `until`, oldest first."""
        grouped: dict[bytes, list[Any]] = {}
        for ok in inputs:
            grouped.setdefault(ok.key, []).append(ok.input)
        outputs: list[Output] = []
        for key, items in grouped.items():
            self._advance(key, items, until, outputs)
        while self._due and self._due[0][0] <= until:
            deadline, key = heappop(self._due)
            if self._armed.get(key) == deadline:
                del self._armed[key]
                self._advance(key, [], until, outputs)
        return outputs

    def _advance(self, key: bytes, items: list[Any], until: int, outputs: list[Output]) -> None:
        entity = self.entities.get(key)
        if entity is None:
            entity = self.entities[key] = self.logic.new(key, self._kept.get(key))
        kept = self.beside(key)
        advanced = self.logic.advance(key, entity, items, until, max(until, 0), kept)
        outputs += advanced.outputs
        for name, value in advanced.beside:
            if value is None:
                kept.records.pop(name, None)
            else:
                kept.records[name] = value
        if advanced.ended:
            del self.entities[key], self._beside[key]
            if advanced.kept is not None:
                self._kept[key] = advanced.kept
            self._armed.pop(key, None)
            return
        deadline = min(self.logic.deadline(entity), self.logic.settles(entity))
        if deadline < NEVER and self._armed.get(key, NEVER) != deadline:
            self._armed[key] = deadline
            heappush(self._due, (deadline, key))


@dataclass
class Replayed:
    """What a replay came to. Each record read is one of ok, dropped and dead, whatever number of events it held.

    `events` counts inputs, `letters` dead letters by reason (a record of many items can give several), `stopped` is the
    instant of event time at which it ended (ms).
    """

    events: int = 0
    read: int = 0
    watermark: int = NOTHING_YET
    seconds: float = 0.0
    outputs: Counter[str] = field(default_factory=Counter)
    ok: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    stopped: int = NOTHING_YET


@dataclass
class Taken:
    """What a chunk of records came to, before it is folded."""

    watermark: int
    inputs: list[Ok] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


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
        result, taken = self.result, Taken(self.result.watermark)
        for line in lines:
            name, value = line if isinstance(line, tuple) else (ONE, line)
            record = Record(name, 0, result.read, _NO_TIME, None, value)
            result.read += 1
            known = len(taken.inputs)
            kinds = [self._take(record, n, found, until, taken) for n, found in enumerate(self._logic.read(record))]
            kind, reason = heaviest(kinds)
            if kind == "dead":
                result.dead[reason] += 1
            elif kind == "dropped":
                result.dropped[reason] += 1
            else:
                result.ok += 1
            met = [self._meets(ok) for ok in taken.inputs[known:]]  # each is remembered, so all are looked at
            if any(met):
                self._flush(taken)
        self._flush(taken)

    def _flush(self, taken: Taken) -> None:
        self.result.events += len(taken.inputs)
        self.result.watermark = taken.watermark
        self._turn(taken.inputs, taken.outputs, taken.watermark)
        taken.inputs, taken.outputs = [], []

    def _meets(self, taken: Ok) -> bool:
        """Whether one entity has something to tell another because of this input: the other must not be ahead in time."""
        if taken.key in self._forwarding:
            return True
        pairs = {(taken.key, name) for name in (taken.input.names or {}).values()}
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
            case Ok(at=at):
                taken.inputs.append(outcome)
                taken.watermark = max(taken.watermark, at)
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


AFTER_UNTIL = "after_until"
"""Why an event was dropped that happened after the instant at which time was to end."""

_NO_TIME = 0
"""A file has no broker time, so nothing in it is too far in the future."""


class Unreadable(ValueError):
    """The file cannot be read to its end; the message says why."""


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a .jsonl or .jsonl.gz file, without their ends; blank lines are skipped.

    Raises Unreadable, after the lines that could be read.
    """
    return (line for _, line in numbered_lines(path))


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """As `lines_of`, each with its number in the file, from 1."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():  # but kept as it is: a row's empty columns are white space too
                    yield number, line.rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:  # a .gz that is none, or is cut off, is an error of one of these
        raise Unreadable(f"{path} cannot be read: {error}") from None


_FILES = {
    "transitions.user": "transitions", "transitions.account": "transitions", "alerts": "alerts",
    "dead-letters": "dead_letters",
}  # fmt: skip


def _line(output: Output) -> bytes:
    """A record as a line of its file: its JSON; of a dead letter, whose value may be any bytes, the form for files."""
    if output.topic == "dead-letters":
        return DeadLetter.from_record(output.key, output.value, output.headers).to_json()
    return output.value or b"null"


def replay_to(
    path: Path, source: str, definition: Definition, out: Path, until: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Replay a file into a folder; see `replay_lines_to`."""
    told = {"input": str(path.resolve()), "source": source}
    return replay_lines_to(lines_of(path), source, told, definition, out, until, tick)


def replay_lines_to(
    lines: Iterable[Line], source: str | Mapping[str, str], said: Mapping[str, Any], definition: Definition, out: Path,
    until: int | None = None, tick: Callable[[int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Replay records into a folder: transitions, alerts, entities, dead letters and a summary. Returns the summary.

    `said`: what the summary says of where the records came from.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = {name: (out / f"{name}.jsonl").open("wb") for name in ("transitions", "alerts", "dead_letters", "entities")}
    try:

        def write(output: Output) -> None:
            name = _FILES.get(output.topic)
            if name is not None:
                files[name].write(_line(output) + b"\n")

        replay = Replay(definition, source, write)
        result = replay.run(lines, until, tick)
        for line in replay.standing():
            files["entities"].write(line + b"\n")
    finally:
        for file in files.values():
            file.close()
    told = {**summary(replay, result), **said}
    (out / "definition.yaml").write_text(definition.text)  # with the input, what it takes to fold an entity again
    (out / "summary.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return told


def summary(replay: Replay, result: Replayed) -> dict[str, Any]:
    """The counts of a replay, by kind and reason, and the time at which it stopped."""
    accounts = replay.accounts.logic.counts if replay.accounts is not None else Counter[tuple[str, str]]()
    counts = replay.users.logic.counts + accounts
    by: dict[str, dict[str, int]] = {}
    for (name, label), n in sorted(counts.items()):
        by.setdefault(name, {})[label] = n
    return {
        "definition": replay.definition.name, "version": replay.definition.version, "digest": replay.definition.digest,
        "records": result.read, "ok": result.ok, "dropped": dict(result.dropped), "dead": dict(result.dead),
        "events": result.events, "dead_letters": dict(result.letters), "published": dict(result.outputs), "counts": by,
        "seconds": round(result.seconds, 3),
        "events_per_second": round(result.read / result.seconds) if result.seconds else 0,
        "stopped_at": rfc3339(result.stopped) if result.stopped > NOTHING_YET else None,
    }  # fmt: skip
