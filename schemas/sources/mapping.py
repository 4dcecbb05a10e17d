"""Mapping: a company's own JSON, read by a YAML file that says where in it the fields of an event stand.

    source: shop                           # what the events are marked with; `mapping` without it
    items: events                          # the list that holds the events; without it a record is one event, or a list
    id: order.id                           # one way or a list of them, the best first; without it the content's hash
    time: {at: order.placed_at, unit: ms}  # numbers in s, ms or us; text is RFC 3339. `@record` is Kafka's own timestamp
    user: [customer.id, "email:{customer.email}"]
    anonymous: visitor
    account: customer.company
    name: "{entity}.{action}"
    names: {order.placed: Subscription Created}
    properties: {amount: order.total, currency: order.currency}      # or a path to an object, or nothing: the message
    traits: customer
    place: billing
    actor: system

A way is a path with dots, or a template with paths in braces (`schemas.sources.precedence`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import get_args

from schemas.definition.errors import DefinitionErrors, Problem, Report
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, entries, text, texts
from schemas.definition.yaml_reader import Node, Scalar, Table, read
from schemas.event import Actor, Event, Place
from schemas.sources.envelope import from_json_lines
from schemas.sources.precedence import Precedence, Unit, identity
from schemas.sources.reading import ACTORS, PLACES, Object
from schemas.sources.vendor import Message, Source, Vendor, alone_or_listed, page_place, within
from schemas.vocabulary import NAMES, nearest_name

KEYS = (
    "source", "items", "id", "time", "user", "anonymous", "account", "name", "names", "properties", "traits", "place",
    "actor",
)  # fmt: skip

UNITS: tuple[Unit, ...] = get_args(Unit)[:3]  # the file says which; guessing is for vendors that say nothing

_WAY = re.compile(r"[^{}]*(\{[^{}\s]+\}[^{}]*)*")


@dataclass(frozen=True)
class Mapping:
    """A mapping file, read. `properties` and `traits`: name -> path, or the path of an object, or none."""

    precedence: Precedence
    name: tuple[str, ...]
    source: str = "mapping"
    items: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] | str | None = None
    traits: dict[str, str] | str | None = None
    place: Place = "product"
    actor: Actor = "user"


@lru_cache(64)
def load(path: str) -> Source:
    """The source that a mapping file describes. Raises DefinitionErrors with all that is wrong in it."""
    try:
        told = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionErrors(path, [Problem(1, 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise DefinitionErrors(path, [Problem(1, 1, f"not UTF-8 from byte {error.start} on")]) from None
    return source_of(parse(told, path))


def parse(told: str, filename: str = "<mapping>") -> Mapping:
    """Read a text. Raises DefinitionErrors with every problem found, never anything else."""
    report = Report()
    root = read(told, report)
    found = None if root is None else _mapping(root, report)
    if found is None or report.failed:
        raise DefinitionErrors(filename, report.problems)
    return found


def _mapping(root: Node, report: Report) -> Mapping | None:
    fields = Fields(root, "a mapping", KEYS, report, Constants())
    if fields.table is None:
        return None
    time, unit = _time(fields)
    ways = {name: _ways(fields, name) for name in ("id", "user", "anonymous", "account")}
    name = _ways(fields, "name", required=True)
    if not (ways["user"] or ways["anonymous"] or ways["account"]):
        report.error(fields.place, "a mapping needs `user:`, `anonymous:` or `account:`: an event is somebody's")
    place, actor = fields.choice("place", sorted(PLACES)), fields.choice("actor", sorted(ACTORS))
    return Mapping(
        Precedence(time, **ways, unit=unit), name, fields.text("source") or "mapping", fields.text("items"),
        _names(fields), _parts(fields, "properties"), _parts(fields, "traits"),
        place or "product", actor or "user",  # type: ignore[arg-type]  # one of PLACES, of ACTORS
    )  # fmt: skip


def _time(fields: Fields) -> tuple[tuple[str, ...], Unit]:
    node = fields.required("time")
    if not isinstance(node, Table):
        return (_ways(fields, "time"), "s")
    inner = Fields(node, "`time`", ("at", "unit"), fields.report, fields.constants)
    unit = inner.choice("unit", UNITS)
    return _ways(inner, "at", required=True), unit or "s"  # type: ignore[return-value]  # one of UNITS


def _ways(fields: Fields, name: str, required: bool = False) -> tuple[str, ...]:
    found = fields.texts(name, required=required)
    for scalar in found:
        _check_way(scalar, f"`{name}` of {fields.what}", fields.report)
    return tuple(scalar.value for scalar in found)


def _check_way(scalar: Scalar, what: str, report: Report) -> None:
    told = scalar.value
    if not told.strip() or not _WAY.fullmatch(told):
        report.error(scalar, f"{what}: {told!r} is neither a path, `order.id`, nor a template, `shop:{{order.id}}`")
    elif "{" not in told and (" " in told.strip() or ":" in told):
        report.error(scalar, f"{what}: {told!r} looks like a template without a path", f'"{told}{{path}}"')


def _names(fields: Fields) -> dict[str, str]:
    found = {}
    for key, node in entries(fields.get("names"), "`names` of a mapping", fields.report):
        ours = text(node, f"`{key.value}` of `names`", fields.report)
        if ours is None:
            continue
        found[key.value] = ours
        near = nearest_name(ours)
        if ours not in NAMES and near is not None and near.casefold() == ours.replace("_", " ").casefold():
            fields.report.error(node, f"there is no event {ours!r} in the vocabulary", near)
    return found


def _parts(fields: Fields, name: str) -> dict[str, str] | str | None:
    node = fields.get(name)
    if node is None or isinstance(node, Scalar):
        return fields.text(name)
    parts = {}
    for key, inner in entries(node, f"`{name}` of a mapping", fields.report):
        for scalar in texts(inner, f"`{key.value}` of `{name}`", fields.report)[:1]:
            parts[key.value] = scalar.value
    return parts


def source_of(mapping: Mapping) -> Source:
    """The source that a mapping describes."""

    def interpret(message: Message) -> Iterator[Event]:
        own = identity(message.body, mapping.name) or ""
        name = mapping.names.get(own, own)
        yield message.event(
            name, _taken(message, mapping.properties, message.body), traits=_taken(message, mapping.traits, {}),
            kind="page" if name == "Page Viewed" else "track", place=page_place(name, message.user),
        )  # fmt: skip

    vendor = Vendor(
        mapping.source, mapping.precedence, interpret, unpack=from_json_lines, place=mapping.place, actor=mapping.actor,
        split=within(mapping.items) if mapping.items else alone_or_listed,
    )  # fmt: skip
    return vendor.source(
        "your own JSON", names=mapping.names, order="the id, for events of the same millisecond",
        cannot="what the file does not name", proven="own reading", example="docs/sources.md", signs=(),
    )  # fmt: skip


def _taken(message: Message, parts: dict[str, str] | str | None, otherwise: Object) -> Object:
    if parts is None:
        return otherwise
    if isinstance(parts, str):
        return message.object(parts)
    found = {name: message.look(path) for name, path in parts.items()}
    return {name: value for name, value in found.items() if value is not None}
