"""Identifiers: which texts name nobody. A placeholder id would make one entity of thousands."""

from __future__ import annotations

from typing import Any

PLACEHOLDERS = frozenset(
    {
        "", "-", "0", "-1", "1234", "12345", "anon", "anonymous", "guest", "false", "true", "n/a", "na", "nan", "nil", "none",
        "not_authenticated", "notset", "(not set)", "null", "undefined", "unidentified", "unknown", "user", "user_id",
        "userid", "distinct_id", "distinctid", "id", "email", "lead", "{}", "[]", "[object object]", "0x0", "000000",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    }
)  # fmt: skip
"""After Mixpanel's and PostHog's lists of ids that clients send for nobody; compared without case."""

LONGEST = 512
"""Characters of an identifier at most: longer ones are somebody's payload."""


def identifier(value: Any) -> str | None:
    """An id as text; None where it is missing, a placeholder, or nothing that could be an id."""
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    text = value if isinstance(value, str) else repr(value)
    text = text.strip()
    if text.lower() in PLACEHOLDERS or len(text) > LONGEST or "\x00" in text:
        return None
    return text


def is_placeholder(value: Any) -> bool:
    """Whether an id was given that names nobody."""
    return value is not None and identifier(value) is None
