"""Shape: how a published record's dataclass becomes JSON, comes back, and is described as JSON Schema.

A field is declared once, `at: Annotated[int, TIME, "when it happened"]`: the hint gives type and check, the marker the
form on the wire, the text the description.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from schemas.draft import content
from schemas.time import rfc3339

R = TypeVar("R")
"""Type of a published record."""

Object = dict[str, Any]
TYPES = 64
"""Combinations of field types that a reader remembers as right: each nullable field doubles them, and few occur."""

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Form:
    """How a value of this field is written: the schema of what the Python type does not say. `time`: ms as RFC 3339."""

    schema: Object
    time: bool = False


TIME = Form({"format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}, time=True)
ID = Form({"pattern": "^[0-9a-f]{32}$"})
BECAUSE = Form(
    {
        "items": {
            "type": "object",
            "required": ["measure", "value", "op", "threshold", "holds"],
            "properties": {
                "measure": {"type": "string"},
                "value": {"description": "null where it is not known"},
                "op": {"enum": [">=", ">", "<=", "<", "==", "!=", "in", "not in", "known"]},
                "threshold": {},
                "holds": {"enum": [True, False, "unknown"]},
            },
        }
    }
)


class ShapeError(ValueError):
    """The bytes are no record of this shape; the message names the field and what it should hold."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in Python and in JSON, what may stand in it, and how it is written."""

    attribute: str
    name: str
    hint: Any
    form: Form
    description: str
    required: bool

    @property
    def schema(self) -> Object:
        """The JSON Schema of the field."""
        found = _schema(self.hint, self.form.time)
        found.update(self.form.schema)
        return {**found, "description": self.description}


class Shape(Generic[R]):
    """The JSON form of one record class. `uncounted`: fields that the content hash leaves out.

    `absent`: a field that is not written where it is null, so that records from before there was one stay what they were.
    """

    def __init__(self, record: type[R], uncounted: Collection[str] = (), absent: str | None = None) -> None:
        self.record = record
        self.fields = _fields(record)
        self._uncounted = tuple(uncounted)
        self._absent = absent
        self._values = attrgetter(*(field.attribute for field in self.fields))
        self._names = tuple(field.name for field in self.fields)
        self._times = tuple(field.name for field in self.fields if field.form.time)
        self._readers = [(field, _check(field.hint)) for field in self.fields]
        self._read_all = itemgetter(*self._names)
        self._listed = [n for n, field in enumerate(self.fields) if _is_listed(field.hint)]
        self._types: set[tuple[type, ...]] = set()

    def to_dict(self, record: R) -> Object:
        """The record as JSON values, fields in their declared order, times as RFC 3339."""
        found = dict(zip(self._names, self._values(record), strict=True))
        for name in self._times:
            if found[name] is not None:
                found[name] = rfc3339(found[name])
        if self._absent is not None and found[self._absent] is None:
            del found[self._absent]
        return found

    def to_json(self, record: R) -> bytes:
        return orjson.dumps(self.to_dict(record))

    def content_id(self, record: R, *uncounted: str) -> str:
        """Hash of the published content; see `content`."""
        found = self.to_dict(record)
        for name in (*self._uncounted, *uncounted):
            del found[name]
        return content(found).id

    def from_json(self, data: bytes) -> R:
        """The record that `to_json` wrote; fields that a newer writer added are passed over. Raises ShapeError."""
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ShapeError(f"no JSON: {error}") from None
        if not isinstance(found, dict):
            raise ShapeError("no JSON object")
        return self._as_before(found) or self._checked(found)

    def _as_before(self, found: Object) -> R | None:
        """The record, where it has every field, of types that were right before: a third of the time of checking each."""
        try:
            values = self._read_all(found)
        except KeyError:
            return None
        if self._times or tuple(map(type, values)) not in self._types:
            return None
        if not all(self._readers[n][1](values[n]) for n in self._listed):
            return None
        return self.record(*values)

    def _checked(self, found: Object) -> R:
        values = {field.attribute: self._read(field, check, found) for field, check in self._readers}
        if len(self._types) < TYPES:
            self._types.add(tuple(map(type, values.values())))
        return self.record(**values)

    def _read(self, field: Field, check: Callable[[Any], bool], found: Object) -> Any:
        value = found.get(field.name, MISSING)
        if value is MISSING:
            if not field.required:
                return next(f.default for f in fields(self.record) if f.name == field.attribute)  # type: ignore[arg-type]
            raise ShapeError(f"{field.name} is missing")
        if field.form.time and value is not None:
            value = _milliseconds(field.name, value)
        if not check(value):
            raise ShapeError(f"{field.name} is {value!r:.60}; expected {_wording(field.hint)}")
        return value

    def schema(self, name: str) -> Object:
        """The JSON Schema of the record. Unknown fields are allowed: a reader must pass over what is new."""
        return {
            "$schema": DRAFT,
            "$id": f"urn:journeys:schema:{name}",
            "title": self.record.__name__.removesuffix("File"),
            "description": " ".join((self.record.__doc__ or "").split("\n\n")[0].split()),
            "type": "object",
            "required": [field.name for field in self.fields if field.required],
            "properties": {field.name: field.schema for field in self.fields},
        }


def _fields(record: type[Any]) -> list[Field]:
    hints = get_type_hints(record, include_extras=True)
    found = []
    for declared in fields(record):
        hint, *marks = get_args(hints[declared.name])
        form = next((mark for mark in marks if isinstance(mark, Form)), Form({}))
        description = next(mark for mark in marks if isinstance(mark, str))
        name = declared.name.rstrip("_")  # `from` is a word of Python's
        found.append(Field(declared.name, name, hint, form, description, declared.default is MISSING))
    return found


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _schema(hint: Any, time: bool) -> Object:
    """JSON Schema of a type hint; several options become a list of types or one enum."""
    if get_origin(hint) is Annotated:
        return _schema(get_args(hint)[0], time)
    options = _options(hint)
    literals = [value for option in options if get_origin(option) is Literal for value in get_args(option)]
    if literals:
        return {"enum": literals + ([None] if type(None) in options else [])}
    names = ["string" if time and option is int else _TYPES[get_origin(option) or option] for option in options]
    found: Object = {"type": names[0] if len(names) == 1 else names}
    for option in options:
        if get_origin(option) is list and get_args(option) == (str,):
            found["items"] = {"type": "string"}
    return found


_TYPES: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object", type(None): "null",
}  # fmt: skip


def _check(hint: Any) -> Callable[[Any], bool]:
    """Whether a JSON value fits a type hint, as deep as lists of text."""
    options = _options(hint)
    literals = frozenset(value for option in options if get_origin(option) is Literal for value in get_args(option))
    plain = {get_origin(option) or option for option in options if get_origin(option) is not Literal}
    if float in plain:
        plain.add(int)
    texts = any(get_origin(option) is list and get_args(option) == (str,) for option in options)

    def check(value: Any) -> bool:
        if type(value) is list and texts:
            return all(type(item) is str for item in value)
        return type(value) in plain or (type(value) is str and value in literals)

    return check


def _is_listed(hint: Any) -> bool:
    """Whether the type alone does not say that a value fits: a closed list of words, or a list of text."""
    return any(get_origin(option) in (Literal, list) for option in _options(hint))


def _wording(hint: Any) -> str:
    options = _options(hint)
    words = [
        " or ".join(map(repr, get_args(option)))
        if get_origin(option) is Literal
        else _TYPES[get_origin(option) or option]
        for option in options
    ]
    return " or ".join(words)


def _milliseconds(name: str, value: Any) -> int:
    """One of our own times; unlike `parse_time` without bounds, since `detected_at` of a replay may be anything."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ShapeError(f"{name} is {value!r:.60}; expected a time such as 2024-05-01T12:00:00.000Z")
