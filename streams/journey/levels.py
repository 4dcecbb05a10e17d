"""Levels: user, manager or executive, read from a job title. What matches nothing is unknown, never "not an executive"."""

from __future__ import annotations

import re
from typing import Any

from schemas.definition.model import Levels


class Matcher:
    """The patterns of a definition, compiled. Globs over the whole title, without case: `*` any text, `?` one letter."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._patterns = [(name, _compiled(patterns)) for name, patterns in levels.patterns]
        self._admin = frozenset(value.lower() for value in levels.admin_values)
        self._known: dict[str, str] = {}

    def level_of(self, traits: dict[str, Any]) -> tuple[str, bool]:
        """(level, whether an admin). The first pattern that matches wins, in the definition's order."""
        title = traits.get(self._levels.trait)
        level = self._level(title) if isinstance(title, str) and title.strip() else "unknown"
        role = traits.get(self._levels.admin_trait) if self._levels.admin_trait else None
        return level, isinstance(role, str) and role.strip().lower() in self._admin

    def _level(self, title: str) -> str:
        found = self._known.get(title)
        if found is None:
            bare = " ".join(title.split()).lower()
            found = next((name for name, pattern in self._patterns if pattern.fullmatch(bare)), "unknown")
            if len(self._known) < 10_000:  # titles are few; a source that invents them is not remembered
                self._known[title] = found
        return found


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """`C?O` is one letter between two: it matches CEO and CTO, and neither Cook nor C4IO."""
    return re.compile("|".join(_glob(pattern.lower()) for pattern in patterns))


def _glob(pattern: str) -> str:
    return "".join(".*" if c == "*" else r"\w" if c == "?" else re.escape(c) for c in pattern)
