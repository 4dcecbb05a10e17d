"""Guess: which source a sample of records is from, by what each source's messages must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas.event import Event
from schemas.sources import REGISTRY, decode
from schemas.sources.precedence import look
from schemas.sources.vendor import Source

FEW = 1_000
"""Lines looked at. A file has one source; a thousand lines show it."""


class Guess(NamedTuple):
    """A source, and how many of the lines look like it."""

    source: str
    lines: int


def guesses(lines: Iterable[bytes]) -> list[Guess]:
    """The sources that lines look like, the likeliest first; where none shows itself, those that make events of them."""
    sample = [line for line, _ in zip(lines, range(FEW), strict=False)]
    votes: Counter[str] = Counter()
    for line in sample:
        found = _likest(line)
        if found is not None:
            votes[found] += 1
    if not votes:
        votes.update({s.name: sum(_read(s.name, line) for line in sample) for s in REGISTRY})
    order = [source.name for source in REGISTRY]
    ranked = sorted(votes, key=lambda name: (-votes[name], order.index(name)))
    return [Guess(name, votes[name]) for name in ranked if votes[name]]


def _likest(line: bytes) -> str | None:
    scores = {source.name: likeness(source, line) for source in REGISTRY}
    best = max(scores, key=lambda name: scores[name])  # a tie goes to the first one in the registry
    return best if scores[best] else None


def likeness(source: Source, line: bytes) -> int:
    """How much of a source's signs the first message of a record shows; 0 is not at all."""
    messages = source.messages(line)
    if not messages or type(messages[0]) is not dict:
        return 0
    return max((_shown(messages[0], sign) for sign in source.signs), default=0)


def _shown(message: Any, sign: tuple[str, ...]) -> int:
    """The conditions of a sign, a text that must stand there for two; 0 where one does not hold."""
    for condition in sign:
        path, wanted, text = condition.partition("=")
        found = look(message, path)
        if found is None or (wanted and found != text):
            return 0
    return sum(2 if "=" in condition else 1 for condition in sign)


def _read(source: str, line: bytes) -> bool:
    return any(isinstance(found, Event) for found in decode(source, line))
