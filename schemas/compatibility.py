"""Compatibility: what a change of a JSON Schema would break, as sentences. Released schemas are kept in schemas/released.

A topic holds records of every release, and its readers are of every release too. So an allowed change is one after which
old records still fit and old readers still find what they were promised: a new field that may be missing, another wording.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

RELEASED = Path(__file__).parent / "released"

Object = dict[str, Any]

_WAY_OUT = "add a field beside it instead, or publish the record on a topic of its own"
_ALL = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_STRICTER = (
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "format",
    "const",
)


def breaks(old: Object, new: Object, at: str = "") -> list[str]:
    """What the change from one schema to the other breaks, a sentence each; nothing where it is safe."""
    return list(_broken(old, new, at))


def _broken(old: Object, new: Object, at: str) -> Iterator[str]:
    yield from _fields(old, new, at)
    yield from _types(old, new, at)
    yield from _words(old, new, at)
    for rule in _STRICTER:
        if old.get(rule) != new.get(rule):
            yield f"{_name(at)}: `{rule}` was {old.get(rule, 'not there')} and is {new.get(rule, 'not there')}; {_WAY_OUT}"
    for part in ("items", "additionalProperties", "propertyNames", "if", "then", "else"):
        if isinstance(old.get(part), dict) or isinstance(new.get(part), dict):
            yield from _broken(_schema(old.get(part)), _schema(new.get(part)), f"{at}.{part}" if at else part)
    if old.get("additionalProperties", True) is not False and new.get("additionalProperties") is False:
        yield f"{_name(at)} no longer takes fields that it does not know: old records may have some; {_WAY_OUT}"


def _schema(part: Any) -> Object:
    return part if isinstance(part, dict) else {}


def _fields(old: Object, new: Object, at: str) -> Iterator[str]:
    had, has = old.get("properties", {}), new.get("properties", {})
    for name, schema in had.items():
        if name not in has:
            yield f"{_name(at, name)} is gone: readers of the released schema look for it; keep it"
        else:
            yield from _broken(schema, has[name], f"{at}.{name}" if at else name)
    for name in old.get("required", []):
        if name in has and name not in new.get("required", []):
            yield f"{_name(at, name)} may now be missing: readers count on it; keep it required, null where there is none"
    for name in new.get("required", []):
        if name not in old.get("required", []):
            yield f"{_name(at, name)} is now required: records that are on the topic already lack it; let it be missing"


def _types(old: Object, new: Object, at: str) -> Iterator[str]:
    had, has = _kinds(old), _kinds(new)
    if lost := had - has:
        yield f"{_name(at)} is no longer {_or(lost)}: records that are on the topic already are; {_WAY_OUT}"
    if gained := has - had:
        yield f"{_name(at)} may now be {_or(gained)}: readers of the released schema do not expect that; {_WAY_OUT}"


def _kinds(schema: Object) -> frozenset[str]:
    told = schema.get("type")
    if told is None:
        return _ALL
    named = frozenset([told] if isinstance(told, str) else told)
    return named | {"integer"} if "number" in named else named


def _words(old: Object, new: Object, at: str) -> Iterator[str]:
    had, has = old.get("enum"), new.get("enum")
    if had is None and has is not None:
        yield f"{_name(at)} is now one of a closed list: records that are on the topic already may hold others; {_WAY_OUT}"
    elif had is not None and has is None:
        yield f"{_name(at)} may now be anything: readers handle {_or(had)}; {_WAY_OUT}"
    elif had is not None and has is not None:
        for word in had:
            if not _among(word, has):
                yield f"{_name(at)} can no longer be {word!r}: records that are on the topic already are; keep the word"
        for word in has:
            if not _among(word, had):
                yield f"{_name(at)} may now be {word!r}: readers handle {_or(had)}; {_WAY_OUT}"


def _among(word: Any, words: list[Any]) -> bool:
    """Python takes true for 1; JSON does not."""
    return any(word == other and isinstance(word, bool) == isinstance(other, bool) for other in words)


def _name(at: str, name: str = "") -> str:
    return ".".join(part for part in (at, name) if part) or "the record"


def _or(words: Any) -> str:
    return " or ".join(sorted(map(str, words)))


def released() -> dict[str, dict[str, Object]]:
    """{release: {file name: schema}}, the oldest release first."""
    folders = sorted(RELEASED.iterdir(), key=lambda folder: [int(part) for part in folder.name.split(".")])
    return {
        folder.name: {path.name: orjson.loads(path.read_bytes()) for path in sorted(folder.iterdir())}
        for folder in folders
    }
