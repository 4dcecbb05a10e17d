"""Precedence: where a source's records say when, who, which account and which event, as data that decoders and docs share.

A way is written as it stands in the record, `context.groupId`, or as a template when the value needs its name space or
has several parts: `stripe:{data.object.customer}`, `{device_id}/{$insert_id}`. The first way that leads to something
wins. A step that is a number takes that item of a list. `@record` is the record's own Kafka timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from schemas.sources.outcome import Refused
from schemas.sources.reading import Object, entity_id, kind_of
from schemas.time import EARLIEST, LATEST, parse_time

Unit = Literal["s", "ms", "us", "s or ms"]

RECORD = "@record"

GROUPS = ("company", "organization", "organisation", "account", "workspace", "tenant", "customer")
"""What teams call the group type that is a customer's account, in tools that leave its name to them. Own choice."""


class Precedence(NamedTuple):
    """The ways to each field, best first. `unit`: of times that are numbers; text is RFC 3339 in every source."""

    time: tuple[str, ...]
    id: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    anonymous: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    unit: Unit = "s"


class Way(NamedTuple):
    """One way, parsed. `literals` has one more item than `paths`: they alternate."""

    literals: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @property
    def mail(self) -> bool:
        return self.literals[0] == "email:"


@lru_cache(4096)
def way(text: str) -> Way:
    """The way that a text describes."""
    if "{" not in text:
        return Way(("", ""), (tuple(text.split(".")),))
    parts = re.split(r"\{([^{}]+)\}", text)
    return Way(tuple(parts[::2]), tuple(tuple(path.split(".")) for path in parts[1::2]))


def walk(message: Any, path: Iterable[str]) -> Any:
    """What stands at a path; None where the path leads nowhere."""
    found = message
    for step in path:
        if type(found) is dict:
            found = found.get(step)
        elif type(found) is list and step.isdecimal() and len(step) < 6 and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def look(message: Any, path: str) -> Any:
    """What stands at a path written with dots."""
    return walk(message, path.split("."))


def entity(message: Object, ways: Iterable[str]) -> str | None:
    """The identifier that the first way leads to; None where all lead nowhere or to placeholders."""
    for text in ways:
        found = _composed(message, text)
        if found is not None:
            return found
    return None


def _composed(message: Object, text: str) -> str | None:
    told = way(text)
    pieces = [told.literals[0]]
    for path, literal in zip(told.paths, told.literals[1:], strict=True):
        value = entity_id(walk(message, path), ".".join(path))
        if value is None or (told.mail and "@" not in value):
            return None
        pieces += (value.lower() if told.mail else value, literal)
    return entity_id("".join(pieces), text)


def identity(message: Object, ways: Iterable[str]) -> str | None:
    """The event's own id, as text; None where no way gives all its parts."""
    for text in ways:
        told = way(text)
        values = [walk(message, path) for path in told.paths]
        if all(value is not None and value != "" for value in values):
            named = zip(values, told.paths, told.literals[1:], strict=True)
            return told.literals[0] + "".join(f"{_part(v, '.'.join(path))}{after}" for v, path, after in named)
    return None


def _part(value: Any, name: str) -> str:
    if type(value) is str:
        return value
    if type(value) in (int, float):
        return str(int(value) if value % 1 == 0 else value)
    raise Refused("wrong_type", f"{name} is {kind_of(value)}; write text or a number")


def moment(message: Object, ways: Iterable[str], unit: Unit, record: int) -> int | None:
    """The time (ms) that the first way leads to, `record` being the record's own; None where all lead nowhere.

    A time that is told and cannot be read is refused, not replaced by another one.
    """
    for text in ways:
        value = (record or None) if text == RECORD else walk(message, text.split("."))
        if value is not None and value != "":
            return value if text == RECORD else instant(value, text, unit)
    return None


def instant(value: Any, name: str, unit: Unit) -> int:
    """A time as ms: a number, or digits as text, in the source's unit; other text as RFC 3339. Raises Refused."""
    if type(value) is str and (number := value.strip()) and number.replace(".", "", 1).isdecimal() and len(number) < 20:
        value = float(number) if "." in number else int(number)
    at = _number(value, unit) if type(value) in (int, float) else parse_time(value)
    if at is None:
        shown = repr(value)[:60] if isinstance(value, (str, int, float)) else kind_of(value)
        raise Refused("bad_time", f"{name} is {shown}; write {_UNITS[unit]} or RFC 3339, between 1990 and 2100")
    return at


def _number(value: float, unit: Unit) -> int | None:
    if unit == "s or ms":
        unit = "ms" if value >= EARLIEST else "s"  # seconds reach EARLIEST in the year 22,000
    ms = value * 1000 if unit == "s" else value / 1000 if unit == "us" else value
    return round(ms) if EARLIEST <= ms < LATEST else None


_UNITS: dict[Unit, str] = {
    "s": "epoch seconds",
    "ms": "epoch milliseconds",
    "us": "epoch microseconds",
    "s or ms": "epoch seconds or milliseconds",
}
