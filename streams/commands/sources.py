"""`journeys sources` and `journeys decode FILE`: what can be read, what a file is from, and what becomes of its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import orjson
from rich.console import Console
from rich.text import Text

from schemas.event import Event
from schemas.sources import MAPPING, REGISTRY, canonical, decoder
from schemas.sources.guess import guesses
from schemas.sources.outcome import Failure, Skipped, Watermark
from schemas.sources.vendor import Decode, Source
from schemas.time import rfc3339

_COLOURS = {"ok": "green", "drop": "yellow", "dead_letter": "red"}
_WIDTH = 12
"""Columns of a source's name: the longest has twelve letters."""


@dataclass(frozen=True)
class Told:
    """What one record comes to: an outcome for the whole of it, why, in words, and its events."""

    line: int
    outcome: Literal["ok", "drop", "dead_letter"]
    reason: str | None
    detail: str
    events: list[Event]

    def as_json(self) -> bytes:
        """One object, its events in our own form."""
        events = [orjson.loads(canonical.encode(event)) for event in self.events]
        return orjson.dumps({"line": self.line, "outcome": self.outcome, "reason": self.reason, "events": events})


def told(decode: Decode, number: int, value: bytes) -> Told:
    """Decode a record. One failed item makes it a dead letter, as the engine counts it; its other events stand."""
    found = decode(value, None, (), 0, max_future=None)
    events = [item for item in found if isinstance(item, Event)]
    for item in found:
        if isinstance(item, Failure):
            return Told(number, "dead_letter", item.reason, item.detail, events)
    if events:
        return Told(number, "ok", None, "", events)
    for item in found:
        if isinstance(item, Skipped):
            return Told(number, "drop", item.reason, item.detail, [])
        if isinstance(item, Watermark):
            return Told(number, "drop", "watermark", f"nothing earlier than {rfc3339(item.at)} follows", [])
    return Told(number, "drop", "empty", "a record of nothing", [])


def decode_file(lines: Iterable[tuple[int, bytes]], source: str, console: Console, as_json: bool) -> None:
    """Show what becomes of each line of a file. `lines` are numbered as in the file."""
    decode, counts = decoder(source), Counter[str]()
    for number, value in lines:
        found = told(decode, number, value)
        counts[found.outcome] += 1
        counts["events"] += len(found.events)
        if as_json:
            print(found.as_json().decode())
        else:
            for text in shown(found):
                console.print(text, soft_wrap=True)
    if not as_json:
        console.print(
            f"{sum(counts[name] for name in _COLOURS):,} records: {counts['ok']:,} ok with {counts['events']:,} events, "
            f"{counts['drop']:,} dropped, {counts['dead_letter']:,} dead letters",
            highlight=False,
        )


def shown(found: Told) -> Iterator[Text]:
    """A record in words: one line, and one for each of its events."""
    head = Text(f"{found.line:>6}  ")
    head.append(f"{found.outcome:<11}", _COLOURS[found.outcome])
    if found.reason is not None:
        yield head + Text(f"{found.reason}: {found.detail}")
        head = Text(" " * 19)
    for event in found.events:
        yield head + Text(event_line(event))
        head = Text(" " * 19)


def event_line(event: Event) -> str:
    """`2024-05-01T12:00:00.000Z  Invoice Paid  account acme  {"amount":4900}`"""
    who = [("user", event.user), ("anonymous", event.anonymous), ("account", event.account)]
    people = "  ".join(f"{kind} {name}" for kind, name in who if name is not None)
    properties = orjson.dumps(event.properties or event.traits).decode()
    return f"{rfc3339(event.at)}  {event.name}  {people}  {properties if len(properties) <= 160 else properties[:159] + '…'}"


def list_sources(console: Console, name: str | None) -> int:
    """What is supported, or all about one source. Status: 0, or 1 for a source that there is not."""
    chosen = [source for source in REGISTRY if name in (None, source.name)]
    if not chosen:
        decoder(name or "")  # raises, with the nearest name
    for source in chosen:
        for label, text in described(source, whole=name is not None):
            console.print(
                Text(f"{label:<{_WIDTH}} ", "bold" if label == source.name else "dim") + Text(text), soft_wrap=True
            )
    if name is None:
        console.print(
            Text(f"{MAPPING}FILE  ", "bold") + Text("your own JSON, by a YAML file that says where its fields are")
        )
    return 0


def described(source: Source, whole: bool) -> Iterator[tuple[str, str]]:
    """(label, text) lines about a source; `whole` with its precedence."""
    yield source.name, f"{source.title} ({source.proven}, {source.example})"
    maps = "; ".join(f"{own} → {ours}" for own, ours in source.names.items())
    yield "  maps", f"{maps}; all else under its own name" if maps else "names as they are"
    if whole:
        for field, ways in source.precedence._asdict().items():
            if field != "unit" and ways:
                unit = f" ({source.precedence.unit})" if field == "time" else ""
                yield f"  {field}", ", else ".join(ways) + unit
    yield "  order", source.order
    yield "  cannot", source.cannot


def tell_guess(lines: list[bytes], name: str, console: Console) -> int:
    """Which source a file is from. Status: 0, or 1 where it looks like none."""
    found = guesses(lines)
    if not found:
        console.print(
            f"{name} looks like none of the sources; `journeys sources` lists them", style="red", highlight=False
        )
        return 1
    for guess in found[:3]:
        console.print(f"{guess.source:<{_WIDTH}} {guess.lines:,} of {min(len(lines), 1000):,} lines", highlight=False)
    return 0
