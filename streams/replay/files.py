"""Replays of files: lines of .jsonl and .jsonl.gz in, a folder of results out."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from schemas.deadletter import DeadLetter
from schemas.definition.model import Definition
from schemas.time import rfc3339
from streams.delivery.contracts import NOTHING_YET, Output
from streams.replay.run import Line, Replay, Replayed


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
