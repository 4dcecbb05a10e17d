"""What published records share: content ids, JSON forms, and the JSON Schemas made from their fields.

`python -m schemas.records` writes the schemas again; a test fails while they differ from the code.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson

from schemas.time import parse_time, rfc3339

SCHEMAS = Path(__file__).parent / "json"


def content_id(content: dict[str, Any]) -> str:
    """32 hex digits of BLAKE2b over canonical JSON: the same content, the same id, on any machine."""
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def content(record: Any, without: frozenset[str]) -> dict[str, Any]:
    """The fields of a record that make up its id."""
    return {name: getattr(record, name) for name in record.__slots__ if name not in without}


def encode(record: Any, renamed: dict[str, str], times: frozenset[str]) -> bytes:
    """JSON in field order; a trailing underscore is dropped by `renamed`, times become RFC 3339."""
    out: dict[str, Any] = {}
    for name in record.__slots__:
        value = getattr(record, name)
        if name in times and value is not None:
            value = rfc3339(value)
        out[renamed.get(name, name)] = value
    return orjson.dumps(out)


def decode(kind: type[Any], data: bytes, renamed: dict[str, str], times: frozenset[str]) -> Any:
    """The record that `encode` wrote. Raises ValueError where it is not one; unknown fields are ignored."""
    told = orjson.loads(data)
    if not isinstance(told, dict):
        raise ValueError(f"a {kind.__name__} is a JSON object, not a {type(told).__name__}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        name = renamed.get(field.name, field.name)
        if name in told:
            values[field.name] = _time(name, told[name]) if field.name in times else told[name]
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"a {kind.__name__} needs {name!r}")
    return kind(**values)


def _time(name: str, value: Any) -> int | None:
    if value is None:
        return None
    at = parse_time(value)
    if at is None:
        raise ValueError(f"{name}: {value!r} is not a time")
    return at


# --- JSON Schema -------------------------------------------------------------------------------------------------------

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    Any: {}, type(None): {"type": "null"},
}  # fmt: skip


def schema_of(kind: type[Any], renamed: dict[str, str], times: frozenset[str]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a record class. New fields may be added: consumers ignore what they do not know."""
    hints = get_type_hints(kind)
    properties = {renamed.get(f.name, f.name): _property(f, hints[f.name], f.name in times) for f in fields(kind)}
    required = [
        renamed.get(f.name, f.name) for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__,
        "description": (kind.__doc__ or "").strip().split("\n\n")[0], "type": "object", "properties": properties,
        "required": required,
    }  # fmt: skip


def _property(field: Field[Any], hint: Any, is_time: bool) -> dict[str, Any]:
    schema = {"type": "string", "format": "date-time"} if is_time else _of(hint)
    if is_time and type(None) in get_args(hint):
        schema = {"anyOf": [schema, {"type": "null"}]}
    return schema


def _of(hint: Any) -> dict[str, Any]:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(arg) for arg in args]}
    if origin is list:
        return {"type": "array", "items": _of(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(args[1])}
    raise TypeError(f"no JSON Schema for {hint!r}")


def all_schemas() -> dict[str, dict[str, Any]]:
    """{file name: schema} of everything that is published."""
    from schemas.alert import Alert
    from schemas.deadletter import DeadLetter
    from schemas.member import MemberFacts
    from schemas.snapshot import Snapshot
    from schemas.transition import Transition

    kinds: list[Any] = [Transition, Alert, Snapshot, MemberFacts, DeadLetter]
    return {f"{kind.NAME}.schema.json": schema_of(kind, kind.RENAMED, kind.TIMES) for kind in kinds}


def main() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for name, schema in all_schemas().items():
        (SCHEMAS / name).write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n")
        print(f"wrote schemas/json/{name}")


if __name__ == "__main__":
    main()
