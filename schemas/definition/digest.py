"""The identity of a definition: a hash of what it says, whatever its comments, layout and version label."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from schemas.definition.expression import Span
from schemas.definition.model import Definition

_LABELS = frozenset({"digest", "version", "params", "text", "span", "fitted"})
"""Not hashed: labels and places, what coefficients rest on, and params, which are already put into the expressions."""

_LATER = frozenset({"churn"})
"""Fields that the language got later: not hashed where a definition does without them, so it keeps its identity."""

_SETS = frozenset({
    "from_states", "names", "types", "actors", "places", "sets", "clear", "stage", "risk", "level", "reached",
    "exclude", "where", "only_in", "admin_values",
})  # fmt: skip
"""Their order means nothing. That of measures, signals and selections does: an entity's state is laid out by it."""


def digest(definition: Definition) -> str:
    """Hex SHA-256 of the normalised definition; the same on every machine and in every run."""
    text = json.dumps(_plain(definition), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON, each dataclass with its name, so that no two kinds of node look alike."""
    if is_dataclass(value) and not isinstance(value, type):
        said = [(f.name, getattr(value, f.name)) for f in fields(value) if f.name not in _LABELS]
        found = {name: _field(name, it) for name, it in said if it is not None or name not in _LATER}
        return {"": type(value).__name__, **found}
    if isinstance(value, dict):
        return [[key, _plain(item)] for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _field(name: str, value: Any) -> Any:
    if isinstance(value, Span):
        return None
    plain = _plain(value)
    return (
        sorted(plain, key=lambda item: json.dumps(item, sort_keys=True))
        if name in _SETS and isinstance(plain, list)
        else plain
    )
