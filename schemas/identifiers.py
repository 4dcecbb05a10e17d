"""Identifiers: which text may stand for a person or an account, and which stands for nobody.

A placeholder that got through would become one entity made of all the people that a broken tracker could not name.
"""

from __future__ import annotations

from typing import Any, Final

LONGEST: Final = 512
"""Characters. Real ids stay below 256 (the limit of an e-mail address is 254); longer ones are misplaced payloads."""

PLACEHOLDERS: Final = frozenset(
    {
        "", "-", "--", "0", "-1", "none", "null", "nil", "nan", "n/a", "na", "undefined", "unknown",
        "anonymous", "anon", "guest", "user", "userid", "user_id", "distinct_id", "email", "id", "name", "not set",
        "(not set)", "not_authenticated", "notauthenticated", "true", "false", "[]", "{}", "[object object]",
        "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", "{{user_id}}", "{{userid}}", "{user_id}", "${user_id}", "<user_id>",
    }
)  # fmt: skip
"""Lower case. After Mixpanel's and PostHog's lists of refused ids, with unfilled templates added."""


_LAST: Final = frozenset(end for text in PLACEHOLDERS for end in (text[-1:], text[-1:].upper()))


class NotAnIdentifier(ValueError):
    """The value is of a type, or a length, that no identifier has."""


def identifier(value: Any) -> str | None:
    """A canonical identifier, or None where the value names nobody: missing, blank or a placeholder.

    Text loses the space around it and keeps its case; whole numbers become text. Anything else raises NotAnIdentifier.
    """
    if value is None:
        return None
    if type(value) is not str:
        value = _number(value)
    text: str = value.strip()
    if len(text) > LONGEST:
        raise NotAnIdentifier(f"longer than {LONGEST} characters")
    if "\0" in text:  # it ends a string for half of the tools that an id goes through, so two ids would become one
        raise NotAnIdentifier("text with a NUL character in it")
    if text[-1:] not in _LAST:  # how most ids end, and no placeholder: it spares writing them in lower case
        return text
    return None if text.lower() in PLACEHOLDERS else text


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:  # NaN and infinity too
        raise NotAnIdentifier("neither text nor a whole number")
    return str(int(value))
