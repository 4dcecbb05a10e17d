"""The identity of a definition: a hash of what it says, whatever its comments, layout and version label."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from schemas.definition.expression import Span
from schemas.definition.model import Definition

_LABELS = frozenset({"digest", "version", "params", "text", "span", "fitted", "migrate"})
"""Not hashed: labels and places, what coefficients rest on, where states came from, and params, which are already put
into the expressions that use them."""

_LATER = frozenset({"churn", "from_domain"})
"""Fields that the language got later: not hashed where a definition does without them, so it keeps its identity."""

_SETS = frozenset({
    "from_states", "names", "types", "actors", "places", "sets", "clear", "stage", "risk", "level", "reached",
    "exclude", "where", "only_in", "admin_values", "from_domain",
})  # fmt: skip
"""Their order means nothing. That of measures, signals and selections does: an entity's state is laid out by it."""


def digest(definition: Definition) -> str:
    """Hex SHA-256 of the normalised definition; the same on every machine and in every run."""
    text = json.dumps(plain(definition), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """A part of a definition as JSON, places and labels left out; each dataclass with its name, so that no two look alike."""
    if is_dataclass(value) and not isinstance(value, type):
        said = [(f.name, getattr(value, f.name)) for f in fields(value) if f.name not in _LABELS]
        found = {name: _field(name, it) for name, it in said if it is not None or name not in _LATER}
        return {"": type(value).__name__, **found}
    if isinstance(value, dict):
        return [[key, plain(item)] for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def _field(name: str, value: Any) -> Any:
    if isinstance(value, Span):
        return None
    found = plain(value)
    if name in _SETS and isinstance(found, list):
        return sorted(found, key=lambda item: json.dumps(item, sort_keys=True))
    return found
