"""The sections `events`, `exclude` and `levels`: which events a name stands for, and how a person's level is read."""

from __future__ import annotations

import re
from typing import Any, get_args

from schemas.definition.errors import Report
from schemas.definition.expression import Span
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, entries, is_name, text, texts
from schemas.definition.model import Condition, Levels, Selection
from schemas.definition.yaml_reader import Items, Node, Scalar, Table
from schemas.event import Actor, EventType, Place

TYPES = tuple(get_args(EventType))
ACTORS = tuple(get_args(Actor))
PLACES = tuple(get_args(Place))
LEVELS = ("executive", "manager", "user")

_OPERATOR = re.compile(r"(>=|<=|==|!=|>|<)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)")


def parse_selections(node: Node | None, report: Report, constants: Constants) -> dict[str, Selection]:
    found = {}
    for key, body in entries(node, "`events`", report):
        if not is_name(key, "a selection", report):
            continue
        if key.value == "members":
            report.error(key, "'members' is a word of the language (an account's activity); choose another name")
        found[key.value] = _selection(key, body, report, constants)
    return found


def _selection(key: Scalar, body: Node, report: Report, constants: Constants) -> Selection:
    if not isinstance(body, Table):  # `core: Report Created` is short for `core: {name: Report Created}`
        names = tuple(dict.fromkeys(word.value for word in texts(body, f"selection {key.value}", report)))
        return Selection(key.value, names=names, span=_span(key))
    what = f"selection {key.value}"
    fields = Fields(body, what, ("name", "type", "actor", "place", "where"), report, constants)
    if not body.entries:
        report.error(body, f"{what} matches every event; give it a name, a type, an actor, a place or a `where`")
    return Selection(
        key.value,
        names=tuple(dict.fromkeys(word.value for word in fields.texts("name"))),
        types=fields.choices("type", TYPES),
        actors=fields.choices("actor", ACTORS),
        places=fields.choices("place", PLACES),
        where=tuple(
            condition
            for path, value in entries(fields.get("where"), f"`where` of {what}", report)
            for condition in _condition(path, value, what, report)
        ),
        span=_span(key),
    )


def _condition(key: Scalar, value: Node, what: str, report: Report) -> list[Condition]:
    path = path_of(key, f"`where` of {what}", report)
    if path is None:
        return []
    if isinstance(value, Items):
        choices = tuple(_literal(word) for word in texts(value, f"{key.value} in `where` of {what}", report))
        return [Condition(path, "in", choices)]
    word = text(value, f"{key.value} in `where` of {what}", report)
    if word is None or not isinstance(value, Scalar):
        return []
    operator = _OPERATOR.fullmatch(word)
    if operator is None:
        return [Condition(path, "==", _literal(value))]
    return _compared(path, operator[1], operator[2].strip(), value, report)


def _compared(path: tuple[str, ...], op: Any, right: str, value: Scalar, report: Report) -> list[Condition]:
    if _NUMBER.fullmatch(right):
        return [Condition(path, op, float(right))]
    if op in ("==", "!=") and right:
        return [Condition(path, op, right)]
    report.error(value, f"a number must follow {op}, not {right!r}", f"'{op} 5'")
    return []


def _literal(word: Scalar) -> Any:
    """What a JSON value must be equal to: a number or boolean where it is written as one, else text."""
    if word.plain and word.value in ("true", "false"):
        return word.value == "true"
    return word.value if word.number is None else word.number


def path_of(node: Scalar, what: str, report: Report) -> tuple[str, ...] | None:
    """`properties.plan.name` as its parts."""
    parts = tuple(node.value.split("."))
    if len(parts) < 2 or parts[0] not in ("properties", "traits") or not all(parts):
        bare = node.value.removeprefix("property.").removeprefix("trait.").strip(".")
        message = f"{what}: {node.value!r} is no path into an event; begin with `properties.` or `traits.`"
        report.error(node, message, f"properties.{bare}")
        return None
    return parts


def parse_exclude(
    node: Node | None, selections: dict[str, Selection], report: Report, constants: Constants
) -> tuple[str, ...]:
    if node is None:
        return ()
    holder = Fields(
        Table(node.line, node.column, ((Scalar(node.line, node.column, "exclude", True), node),)),
        "the file",
        (),
        report,
        constants,
    )
    return holder.choices("exclude", selections)


def parse_levels(node: Node | None, report: Report, constants: Constants) -> Levels | None:
    if node is None:
        return None
    fields = Fields(node, "`levels`", ("trait", *LEVELS, "admin"), report, constants)
    trait = fields.text("trait", required=True) or ""
    patterns = []
    for key, body in entries(node, "`levels`", report):
        if key.value in LEVELS:
            words = texts(body, f"`{key.value}` of `levels`", report)
            patterns.append((key.value, tuple(word.value for word in words)))
    if not patterns and not fields.unknown and fields.table is not None:
        report.error(fields.place, "`levels` needs patterns of titles for executive, manager or user")
    span = Span(node.line, node.column, "levels")
    admin = fields.child("admin", "`admin` of `levels`", ("trait", "is"))
    if admin is None:
        return Levels(trait, tuple(patterns), span=span)
    values = tuple(word.value for word in admin.texts("is", required=True))
    return Levels(trait, tuple(patterns), admin.text("trait", required=True), values, span)


def _span(key: Scalar) -> Span:
    return Span(key.line, key.column, key.value)
