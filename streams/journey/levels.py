"""Levels: a job title read as user, manager or executive, and the permission beside it. Unknown is no level."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any, Final, cast
from unicodedata import normalize

from schemas.definition.model import Levels
from schemas.member import Level

NO_TITLES: Final = frozenset(
    {"", "-", "--", "?", "n/a", "na", "none", "null", "unknown", "undefined", "not set", "k.a.", "keine angabe"}
)
"""What people and CRMs write where there is no title; a missing title is unknown, whatever `*` matches."""

REMEMBERED: Final = 4_096
"""Titles whose level is kept: matching one costs a hundred times as much as looking it up."""


class Matcher:
    """The level rules of a definition, compiled. Globs match the whole title, upper or lower case; first match wins."""

    def __init__(self, levels: Levels) -> None:
        self._trait = levels.trait
        self._patterns = [(cast(Level, level), _compiled(globs)) for level, globs in levels.patterns]
        self._admin_trait = levels.admin_trait
        self._admin_values = frozenset(_plain(value) for value in levels.admin_values)
        self._known: dict[str, Level] = {}

    def level_of(self, traits: Mapping[str, Any]) -> tuple[Level, bool]:
        """(level, whether an administrator) of a user with these traits."""
        title = traits.get(self._trait)
        return (self._level(title) if isinstance(title, str) else "unknown"), self._admin(traits)

    def _level(self, title: str) -> Level:
        found = self._known.get(title)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[title] = self._match(_plain(title))
        return found

    def _match(self, title: str) -> Level:
        if title in NO_TITLES:
            return "unknown"
        found = (level for level, pattern in self._patterns if pattern.match(title))
        return next(found, "unknown")

    def _admin(self, traits: Mapping[str, Any]) -> bool:
        if self._admin_trait is None:
            return False
        value = traits.get(self._admin_trait)
        roles = value if isinstance(value, list) else [value]
        return any(_plain(str(role)) in self._admin_values for role in roles if isinstance(role, (str, bool)))


def level_of(levels: Levels, traits: Mapping[str, Any]) -> tuple[Level, bool]:
    """(level, whether an administrator); compile a Matcher where many users are asked about."""
    return Matcher(levels).level_of(traits)


def _compiled(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(_plain(glob, strip=False)) for glob in globs))


def _plain(text: str, strip: bool = True) -> str:
    """Text without regard to case, to how an accent is stored, and to runs of spaces."""
    folded = normalize("NFC", text).casefold()
    return " ".join(folded.split()) if strip else folded
